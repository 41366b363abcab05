"""The engine: one event in, effects out, and the same events always give the same bits.

It owns the venue's state and the chain of hashes over everything that ever happened. It has no
clock, no dice, no disk and no network: drivers bring events and carry effects away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.engine.amends import correct, reconcile
from seawall.engine.calls.call import follow
from seawall.engine.codec import encode_effects, encode_event, link
from seawall.engine.effect import Effects, Reason, Refused, State
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    CollateralObserved,
    Corrected,
    Deposited,
    Elapsed,
    Event,
    Filled,
    Funded,
    Listed,
    Loaded,
    Observed,
    Opened,
    Overridden,
    PremiumSeen,
    Priced,
    Reconciled,
    RulesChanged,
    Settled,
    ShareTaken,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.explain import AccountExplanation, explain_account
from seawall.engine.liquidating import auctions, bids, liquidate, whole
from seawall.engine.losses import waterfall
from seawall.engine.posting import funding, trading
from seawall.engine.rules.rulebook import Rulebook, RulebookError, decode
from seawall.engine.state import FIRST_ACCOUNT, Venue, memory
from seawall.engine.watching import breakers, collateral, oracles, tick
from seawall.engine.watching.confirm import screen, suspects
from seawall.ledger import Ledger
from seawall.margin import Requirement
from seawall.market import Catalogue, Snapshot
from seawall.pricing import Ints, PricingError, TooLargeError


class Engine:
    """A venue's margin engine.

    >>> engine = Engine()
    >>> engine.sequence
    0
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.chain = bytes(32)
        self._venue: Venue | None = None
        self.last_event: bytes = b""

    # -- what a driver reads -------------------------------------------------------------------

    @property
    def venue(self) -> Venue:
        """The state, to be read and not written."""
        assert self._venue is not None, "the engine was not started"
        return self._venue

    @property
    def time_ms(self) -> int:
        return self._venue.time_ms if self._venue else 0

    @property
    def catalogue(self) -> Catalogue:
        return self.venue.catalogue

    @property
    def snapshot(self) -> Snapshot:
        return self.venue.snapshot

    @property
    def rulebook(self) -> Rulebook:
        return self.venue.rulebook

    @property
    def fingerprint(self) -> str:
        """The rulebook's fingerprint: under which rules everything happens from here on."""
        return self.venue.rulebook.fingerprint

    @property
    def ledger(self) -> Ledger:
        return self.venue.ledger

    @property
    def names(self) -> list[str]:
        return self.venue.names

    def account(self, name: str) -> int:
        """The number of an account by its name; KeyError where there is none."""
        return self.venue.number[name]

    def insurance_fund(self) -> int:
        """What the insurance fund is worth, in numeraire atoms."""
        return self.venue.fund_worth()

    def requirement(self) -> tuple[Ints, Requirement]:
        """The float screen of all user accounts, ascending: (account numbers, requirement)."""
        venue = self.venue
        venue.columns.refresh()
        accounts = np.arange(FIRST_ACCOUNT, len(venue.names))
        columns = [np.zeros(len(accounts)) for _ in Requirement._fields]
        for method in range(len(venue.methods)):
            mine = venue.method[FIRST_ACCOUNT:] == method
            if mine.any():
                for column, part in zip(
                    columns, screen(venue, method, accounts[mine]), strict=True
                ):
                    column[mine] = part
        return accounts, Requirement(*columns)

    def explain(self, account: int) -> AccountExplanation:
        """Why an account must hold what it must, now."""
        return explain_account(self.venue, account, self.sequence)

    def state_hash(self) -> str:
        """A hash of the whole state and of the chain of everything that led to it."""
        return hashlib.sha256(
            self.chain + self.sequence.to_bytes(8, "little") + memory.state_bytes(self._venue)
        ).hexdigest()

    def check(self) -> None:
        """Assert that nothing was created or lost, and that the state is whole."""
        if self._venue is None:
            return
        venue = self._venue
        venue.ledger.check()
        assert venue.ledger.accounts == len(venue.names) == len(venue.status) == len(venue.method)
        assert sum(venue.waiting.values()) == len(venue.orders)
        called = {a for a, s in enumerate(venue.status.tolist()) if s == State.CALLED}
        assert called == set(venue.deadline), "a call without a deadline, or the reverse"
        auctions.check(venue)
        whole.check(venue)

    # -- memory --------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The whole state as bytes, from which `restore` goes on to the same hashes."""
        return memory.dump(self.sequence, self.chain, self._venue)

    @classmethod
    def restore(cls, blob: bytes) -> Engine:
        """The engine as it was dumped."""
        engine = cls()
        engine.sequence, engine.chain, engine._venue = memory.restore(blob)
        return engine

    # -- the one door --------------------------------------------------------------------------

    def apply(self, event: Event) -> tuple[Effects, ...]:
        """Let one event happen. A refused event changes nothing but the sequence and the chain."""
        refusal, effects = self._happen(event)
        if refusal is not None:
            account, auction = getattr(event, "account", -1), getattr(event, "auction", -1)
            effects = (Refused(reason=refusal, account=account, auction=auction),)
        self.last_event = encode_event(event)
        self.sequence += 1
        self.chain = link(self.chain, self.last_event, encode_effects(effects))
        return effects

    def _happen(self, event: Event) -> tuple[Reason | None, tuple[Effects, ...]]:
        if isinstance(event, Started):
            if self._venue is not None:
                return Reason.ALREADY_STARTED, ()
            self._venue = memory.new_venue(decode(event.rulebook), event.time_ms)
            return None, ()
        if self._venue is None:
            return Reason.NOT_STARTED, ()
        venue = self._venue
        if event.time_ms < venue.time_ms:
            return Reason.TIME_WENT_BACK, ()
        before_ms, venue.time_ms = venue.time_ms, event.time_ms
        venue.effects = []
        venue.watch.read = 0
        venue.falls.begin()
        venue.seed = self.chain
        paid = funding.pay_due(venue)
        try:
            refusal = _VERBS[type(event)](venue, event)
        except RulebookError:
            funding.take_back(venue, paid)
            venue.time_ms = before_ms
            raise
        if refusal is not None:
            funding.take_back(venue, paid)
            assert not venue.effects, "a refused event had effects"
            venue.time_ms = before_ms
        else:
            bids.advance(venue)
            funding.stand(venue, paid)
        _settle_the_moment(venue)
        funding.see_skew(venue)
        if refusal is None:
            waterfall.tell(venue)
            breakers.see_event(venue, event)
        return refusal, tuple(venue.effects)


# -- verbs that touch the whole venue --------------------------------------------------------------


def _listed(venue: Venue, event: Listed) -> Reason | None:
    try:
        catalogue = venue.catalogue.listed(event.instruments)
    except ValueError:
        return Reason.BAD_INSTRUMENT
    if venue.tables.ready:
        try:
            venue.tables.reprice(catalogue, venue.snapshot.grown(catalogue), None)
        except PricingError as error:  # Else an option without a smile.
            return Reason.BAD_INSTRUMENT if isinstance(error, TooLargeError) else Reason.NO_PRICE
    venue.list_instruments(catalogue, event.instruments)
    funding.begin(venue)
    return None


def _opened(venue: Venue, event: Opened) -> Reason | None:
    order = venue.rulebook.method_names
    if len(event.names) != len(event.methods) or any(m not in order for m in event.methods):
        return Reason.UNKNOWN_METHOD
    if len(set(event.names)) != len(event.names) or not venue.number.keys().isdisjoint(event.names):
        return Reason.NAME_TAKEN
    number = {name: index for index, name in enumerate(order)}
    memory.open_accounts(venue, event.names, [number[m] for m in event.methods])
    return None


def _loaded(venue: Venue, event: Loaded) -> Reason | None:
    if len(event.account) % 4 or len(event.asset) % 4 or len(event.quantity) % 8:
        return Reason.BAD_ROWS
    accounts = np.frombuffer(event.account, "<i4").astype(np.int64)
    assets = np.frombuffer(event.asset, "<i4").astype(np.int64)
    quantity = np.frombuffer(event.quantity, "<i8").astype(np.int64)
    if not len(accounts) == len(assets) == len(quantity):
        return Reason.BAD_ROWS
    if len(accounts) and (accounts.min() < FIRST_ACCOUNT or accounts.max() >= len(venue.names)):
        return Reason.UNKNOWN_ACCOUNT
    if (venue.method[accounts] < 0).any():
        return Reason.UNKNOWN_ACCOUNT
    if len(assets) and (assets.min() < 0 or assets.max() >= len(venue.catalogue.assets)):
        return Reason.UNKNOWN_INSTRUMENT
    if not venue.load(accounts, assets, quantity):
        return Reason.BALANCE_OVERFLOW
    _look_at_everybody(venue)
    return None


def _look_at_everybody(venue: Venue) -> None:
    """Screen the venue, judge the suspects in the order of their shortfall, and liquidate."""
    if not venue.tables.ready:
        return
    venue.columns.refresh()
    found = suspects(venue)
    breakers.audit(venue, (suspect.account for suspect in found))
    for suspect in found:
        account = suspect.account
        if suspect.stays_below and not liquidate.can_move(venue, account, suspect.equity):
            continue
        if follow(venue, account):
            liquidate.liquidate(venue, account)


def _settle_the_moment(venue: Venue) -> None:
    """Share losses once no order is open, and judge again whoever gave something up for others."""
    while venue.shaken or (venue.unshared and not venue.orders):
        if venue.unshared and not venue.orders:
            waterfall.share_losses(venue)
        accounts = np.array(sorted(venue.shaken), np.int64)
        venue.shaken.clear()
        if not venue.tables.ready:
            return  # Nobody can be judged before the first price; that price looks at everybody.
        venue.columns.refresh()
        for suspect in suspects(venue, accounts):
            account = suspect.account
            if venue.status[account] < State.LIQUIDATING and follow(venue, account):
                liquidate.liquidate(venue, account)


def _then_everybody(verb: Callable[[Venue, Any], Reason | None]) -> Callable[[Venue, Any], Any]:
    def run(venue: Venue, event: Any) -> Reason | None:
        refusal = verb(venue, event)
        if refusal is None:
            bids.advance(venue)  # Who won before it happened is not robbed by what it moves.
            _look_at_everybody(venue)
        return refusal

    return run


def _then_parties(verb: Callable[[Venue, Any], Reason | None]) -> Callable[[Venue, Any], Any]:
    def run(venue: Venue, event: Any) -> Reason | None:
        refusal = verb(venue, event)
        paid, traded = isinstance(event, Deposited), isinstance(event, Traded)
        if refusal is None and venue.tables.ready:
            bids.advance(venue)
            for name in ("account", "buyer", "seller"):
                account = getattr(event, name, -1)
                if account < FIRST_ACCOUNT or venue.method[account] < 0:
                    continue
                if follow(venue, account, paid=paid, traded=traded):
                    liquidate.liquidate(venue, account)
        return refusal

    return run


def _elapsed(venue: Venue, event: Elapsed) -> None:
    """Nothing new is known: deadlines, windows and what has cooled down are looked at."""
    _look_at_everybody(venue)


def _settled(venue: Venue, event: Settled) -> Reason | None:
    refusal = trading.settle(venue, event)
    if refusal is None:
        auctions.withdraw_of(venue, event.instrument)
    if refusal is None and venue.tables.ready:
        for account in sorted(venue.shaken):  # What it waited for may be gone with the contract.
            if venue.status[account] == State.LIQUIDATING:
                liquidate.liquidate(venue, account)
    return refusal


def _rules_changed(venue: Venue, event: RulesChanged) -> Reason | None:
    before = venue.rulebook
    if not memory.change_rules(venue, decode(event.rulebook)):
        return Reason.RULES_DO_NOT_FIT
    oracles.change_rules(venue)
    breakers.change_rules(venue, before)
    funding.change_rules(venue, before.funding)
    _look_at_everybody(venue)
    return None


_VERBS: dict[type, Callable[[Venue, Any], Reason | None]] = {
    RulesChanged: _rules_changed,
    Listed: _listed,
    Opened: _opened,
    Loaded: _loaded,
    Deposited: _then_parties(trading.deposit),
    Withdrawn: _then_parties(trading.withdraw),
    Traded: _then_parties(trading.trade),
    Priced: _then_everybody(tick.price),
    CollateralObserved: _then_everybody(collateral.observe),
    Observed: _then_everybody(tick.hear),
    Overridden: _then_everybody(breakers.override),
    Funded: _then_everybody(funding.fund),
    PremiumSeen: funding.see_premium,
    Settled: _settled,
    Filled: liquidate.fill,
    Elapsed: _elapsed,
    AuctionTaken: bids.take,
    ShareTaken: bids.take_share,
    AuctionBid: bids.bid,
    AuctionCommitted: bids.commit,
    AuctionRevealed: bids.reveal,
    Corrected: correct,
    Reconciled: reconcile,
}
