"""The engine: one event in, effects out, and the same events always give the same bits.

It owns the venue's state and the chain of hashes over everything that ever happened. It has no
clock, no dice, no disk and no network: drivers bring events and carry effects away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from seawall.engine import breakers, collateral, liquidate, memory, oracles, trading
from seawall.engine.call import follow
from seawall.engine.codec import encode_effects, encode_event, link
from seawall.engine.confirm import screen, suspects
from seawall.engine.effect import Effects, Reason, Refused, State
from seawall.engine.event import (
    CollateralObserved,
    Deposited,
    Event,
    Filled,
    Funded,
    Listed,
    Loaded,
    Observed,
    Opened,
    Overridden,
    Priced,
    RulesChanged,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.explain import AccountExplanation, explain_account
from seawall.engine.rulebook import Rulebook, RulebookError, decode
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.ledger import Ledger
from seawall.margin import Requirement
from seawall.market import Catalogue, Snapshot
from seawall.pricing import Ints, PricingError


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
            effects = (Refused(reason=refusal, account=getattr(event, "account", -1)),)
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
        try:
            refusal = _VERBS[type(event)](venue, event)
        except RulebookError:
            venue.time_ms = before_ms
            raise
        if refusal is not None:
            assert not venue.effects, "a refused event had effects"
            venue.time_ms = before_ms
        _settle_the_moment(venue)
        if refusal is None:
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
        except PricingError:  # An option without a smile.
            return Reason.NO_PRICE
    venue.list_instruments(catalogue, event.instruments)
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
    if len(assets) and (assets.min() < 0 or assets.max() >= len(venue.catalogue.assets)):
        return Reason.UNKNOWN_INSTRUMENT
    if not venue.load(accounts, assets, quantity):
        return Reason.BALANCE_OVERFLOW
    _look_at_everybody(venue)
    return None


def _priced(venue: Venue, event: Priced) -> Reason | None:
    if oracles.tells_for_an_oracle(venue, event):
        return Reason.PRICE_FROM_ORACLE
    refusal = _shown(venue, event)
    if refusal is None:
        breakers.see_prices(venue, event.price, event.mark)
        _look_at_everybody(venue)
    return refusal


def _oracle_observed(venue: Venue, event: Observed) -> Reason | None:
    seen = oracles.heard(venue, event)
    if isinstance(seen, Reason):
        return seen
    tick = oracles.as_tick(event, seen.outcome)
    refusal = _shown(venue, tick) if tick else None
    if refusal is not None:
        return refusal
    oracles.keep(venue, event.coin, seen)
    if tick:
        breakers.see_prices(venue, tick.price, tick.mark)
    _look_at_everybody(venue)
    return None


def _shown(venue: Venue, event: Priced) -> Reason | None:
    """Let a tick be what was last seen, and price the tables; judge nobody yet."""
    try:
        snapshot, touched = venue.snapshot.priced(
            venue.catalogue,
            venue.snapshot.sequence + 1,
            event.time_ms,
            price=event.price,
            mark=event.mark,
            slices=event.slices,
            depth=event.depth,
            confidence=event.confidence,
        )
    except ValueError:
        return Reason.PRICE_NOT_POSITIVE
    before, venue.snapshot = venue.snapshot, snapshot
    moved = snapshot.time_ms != before.time_ms
    if not all(snapshot.price):
        return None
    if moved:  # An option loses value by the clock alone.
        touched |= venue.catalogue.option_coins(snapshot.time_ms)
    try:
        venue.tables.reprice(venue.catalogue, snapshot, touched)
    except PricingError:  # An option without a smile.
        venue.snapshot = before
        return Reason.NO_PRICE
    venue.left_depth = {}
    venue.no_takers = {}
    venue.fund = None
    venue.unmet = set()
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
            liquidate.share_losses(venue)
        accounts = np.array(sorted(venue.shaken), np.int64)
        venue.shaken.clear()
        if not venue.tables.ready:
            return  # Nobody can be judged before the first price; that price looks at everybody.
        venue.columns.refresh()
        for suspect in suspects(venue, accounts):
            account = suspect.account
            if venue.status[account] < State.LIQUIDATING and follow(venue, account):
                liquidate.liquidate(venue, account)


def _funded(venue: Venue, event: Funded) -> Reason | None:
    refusal = trading.fund(venue, event)
    if refusal is None:
        _look_at_everybody(venue)
    return refusal


def _observed(venue: Venue, event: CollateralObserved) -> Reason | None:
    refusal = collateral.observe(venue, event)
    if refusal is None:
        _look_at_everybody(venue)
    return refusal


def _then_parties(verb: Callable[[Venue, Any], Reason | None]) -> Callable[[Venue, Any], Any]:
    def run(venue: Venue, event: Any) -> Reason | None:
        refusal = verb(venue, event)
        if refusal is None and venue.tables.ready:
            for name in ("account", "buyer", "seller"):
                account = getattr(event, name, -1)
                if account >= FIRST_ACCOUNT and follow(venue, account):
                    liquidate.liquidate(venue, account)
        return refusal

    return run


def _overridden(venue: Venue, event: Overridden) -> Reason | None:
    refusal = breakers.override(venue, event)
    if refusal is None:
        _look_at_everybody(venue)
    return refusal


def _rules_changed(venue: Venue, event: RulesChanged) -> Reason | None:
    before = venue.rulebook
    if not memory.change_rules(venue, decode(event.rulebook)):
        return Reason.RULES_DO_NOT_FIT
    oracles.change_rules(venue)
    breakers.change_rules(venue, before)
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
    Priced: _priced,
    CollateralObserved: _observed,
    Observed: _oracle_observed,
    Overridden: _overridden,
    Funded: _funded,
    Settled: trading.settle,
    Filled: liquidate.fill,
}
