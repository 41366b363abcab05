"""Everything that the engine knows, in one mutable object; only `Engine.apply` lets it change.

The verbs of the other rooms take it as their first argument. It knows how to move value and how to
judge an account; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine.effect import Effects, State, StateChanged, Transition
from seawall.engine.rules.funding_rules import Intervals
from seawall.engine.rules.rulebook import Rulebook
from seawall.engine.state.columns import Columns
from seawall.engine.state.falls import Falls
from seawall.engine.state.offers import Offers
from seawall.engine.state.progress import Progress, Taking
from seawall.engine.state.tables import Tables
from seawall.engine.state.watch import Watch
from seawall.ledger import Cause, Ledger, Transfer
from seawall.margin import ExactRequirement, ExactTable, MarginMethod, Rows
from seawall.margin.collateral import Observed
from seawall.market import Catalogue, Instrument, Snapshot
from seawall.market.oracle import Feed
from seawall.money import RATIO_ONE, parse_atoms, parse_ratio
from seawall.pricing import Ints

OUTSIDE, MARKET, CLEARING, INSURANCE_FUND, FEES, DUST = range(6)
SYSTEM_ACCOUNTS = ("outside", "market", "clearing", "insurance_fund", "fees", "dust")
FIRST_ACCOUNT = len(SYSTEM_ACCOUNTS)


@dataclass(slots=True)
class OpenOrder:
    """A liquidation order that waits for its answer."""

    account: int
    instrument: int
    lots: int  # Signed: positive buys.
    limit: int


class Side(NamedTuple):
    """A position seen from what closes it."""

    asset: int
    lots: int  # Unsigned.
    instrument: int
    buys: bool  # Whether closing it buys.


class Rates(NamedTuple):
    """The rulebook's ratios, compiled to parts per billion."""

    warning: int
    close_out: int
    slippage: int
    fee: int
    depth_share: int
    taker: int
    keeper_share: int = 0
    again_grace: int = RATIO_ONE
    away: int = 0  # From the mark, at most, where a contract is closed.
    least_notional: int = 0  # Numeraire atoms, as the next.
    window_notional: int = 0

    @classmethod
    def of(cls, rulebook: Rulebook) -> Rates:
        """Compile a rulebook's ratios."""
        return cls(
            parse_ratio(rulebook.call.warning_ratio),
            parse_ratio(rulebook.call.close_out_ratio),
            parse_ratio(rulebook.liquidation.slippage_ratio),
            parse_ratio(rulebook.liquidation.fee_ratio),
            parse_ratio(rulebook.liquidation.depth_share),
            parse_ratio(rulebook.fees.taker_ratio),
            parse_ratio(rulebook.liquidation.keeper_share),
            parse_ratio(rulebook.call.again_grace_ratio),
            parse_ratio(rulebook.liquidation.away),
            parse_atoms(rulebook.liquidation.least_notional, rulebook.numeraire.decimals),
            parse_atoms(rulebook.liquidation.window_notional, rulebook.numeraire.decimals),
        )


@dataclass(slots=True)
class Read:
    """What was last read of an account, and the verdict on it; true while all of it stands."""

    ledger: Ledger | None = None
    changes: int = -1
    account: int = -1
    rows: Rows = ()
    table: ExactTable | None = None
    method: MarginMethod | None = None
    verdict: ExactRequirement | None = None


@dataclass(slots=True)
class Venue:
    """The state of one venue under one rulebook."""

    rulebook: Rulebook
    catalogue: Catalogue
    snapshot: Snapshot
    ledger: Ledger
    tables: Tables
    rates: Rates
    columns: Columns
    names: list[str] = field(default_factory=list)
    number: dict[str, int] = field(default_factory=dict)  # Account by name.
    method: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    status: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    deadline: dict[int, int] = field(default_factory=dict)
    orders: dict[int, OpenOrder] = field(default_factory=dict)
    listings: list[tuple[Instrument, ...]] = field(default_factory=list)
    spot: dict[int, int] = field(default_factory=dict)  # Instrument that sells a coin for cash.
    waiting: dict[int, int] = field(default_factory=dict)  # Open orders of an account.
    unshared: list[tuple[int, int, int]] = field(default_factory=list)  # (account, coin, atoms)
    no_takers: dict[tuple[int, bool], int] = field(default_factory=dict)  # Since the last price.
    shaken: set[int] = field(default_factory=set)  # Lost something to others; judged again.
    fund: int | None = None  # Worth of all funds, until a price or a transfer changes it.
    funds: tuple[int, ...] = (INSURANCE_FUND,)  # Their accounts, in the order of the rules.
    falls: Falls = field(default_factory=Falls)  # What each stage gave, by account.
    previous_mark: tuple[int, ...] = ()  # By instrument, before the last tick; if a rule asks.
    seed: bytes = b""  # The chain before this event: the same dice on every replay.
    missed: set[int] = field(default_factory=set)  # Not filled at its bankruptcy price.
    unmet: set[tuple[int, int]] = field(default_factory=set)  # (account, instrument) this tick.
    left_depth: dict[tuple[int, bool], int] = field(default_factory=dict)  # (instrument, buys)
    read: Read = field(default_factory=Read)  # Of the account that is looked at; read again.
    known_sides: dict[int, tuple[Side, ...]] = field(default_factory=dict)  # Computed again.
    observed: dict[int, Observed] = field(default_factory=dict)  # By coin; the tables read it.
    feeds: dict[int, Feed] = field(default_factory=dict)  # Of oracles, by coin.
    progress: Progress = field(default_factory=Progress)  # Of calls and liquidations.
    watch: Watch = field(default_factory=Watch)  # What circuit breakers remember.
    offers: Offers = field(default_factory=Offers)  # Auctions.
    intervals: Intervals = field(default_factory=Intervals)  # Of funding.
    time_ms: int = 0
    next_order: int = 1
    effects: list[Effects] = field(default_factory=list)

    @property
    def methods(self) -> tuple[MarginMethod, ...]:
        """The rulebook's methods; `method[account]` counts into it."""
        return self.tables.methods

    def move(self, asset: int, source: int, target: int, atoms: int, cause: Cause) -> None:
        """Post one transfer; a negative amount goes the other way, zero goes nowhere."""
        if atoms == 0 or source == target:
            return
        if self.fund is not None and (source in self.funds or target in self.funds):
            self.fund = None
        self.known_sides.pop(source, None)
        self.known_sides.pop(target, None)
        if atoms < 0:
            source, target, atoms = target, source, -atoms
        refusal = self.ledger.post(
            Transfer(self.ledger.next_id, asset, source, target, atoms, cause)
        )
        assert refusal is None, f"the engine made a transfer that the ledger refused: {refusal}"

    def load(self, accounts: Ints, assets: Ints, quantity: Ints) -> bool:
        """Credit a whole book at once, or nothing; the outside account stands against it."""
        self.known_sides.clear()
        self.fund = None
        refusal = self.ledger.load(accounts, assets, quantity, OUTSIDE, Cause.LOAD)
        return refusal is None

    def rows(self, account: int) -> Rows:
        """What an account has, read once until the ledger changes; nobody may write into it."""
        ledger, known = self.ledger, self.read
        changes = ledger.changes
        if known.changes != changes or known.account != account or known.ledger is not ledger:
            known.rows = ledger.rows(account)
            known.ledger, known.changes, known.account = ledger, changes, account
            known.verdict = None
        return known.rows

    def judge(self, account: int) -> ExactRequirement:
        """The verdict: what the account holds and must hold, in integers; made once, as `rows`."""
        number = int(self.method[account])
        rows, table, method = self.rows(account), self.tables.exact(number), self.methods[number]
        known = self.read
        verdict = known.verdict
        if verdict is None or known.table is not table or known.method is not method:
            verdict = known.verdict = method.requirement_exact(rows, table)
            known.table, known.method = table, method
        return verdict

    def list_instruments(self, catalogue: Catalogue, batch: tuple[Instrument, ...]) -> None:
        """Let a grown catalogue hold; nothing that stood before moves in it."""
        self.catalogue = catalogue
        self.listings.append(batch)
        self.ledger.admit(len(catalogue.assets) - self.ledger.assets)
        self.snapshot = self.snapshot.grown(catalogue)
        cash = catalogue.coin(self.rulebook.cash)
        self.spot = {
            catalogue.lot_asset[number]: number
            for number, terms in enumerate(catalogue.instruments)
            if terms.type == "spot" and catalogue.cash_asset[number] == cash
        }

    def change_state(
        self,
        account: int,
        after: State,
        verdict: ExactRequirement,
        reason: Transition | None = None,
    ) -> None:
        """Write a state and tell of it, with the numbers that moved it.

        A reason is needed where two states can follow each other for more than one.
        """
        before = State(int(self.status[account]))
        if before is after:
            return
        self.status[account] = after
        if after is not State.CALLED:
            self.deadline.pop(account, None)
        if after is not State.LIQUIDATING:
            self.missed.discard(account)
            self.offers.forget(account)
            self.progress.takings.pop(account, None)
        else:
            self.progress.takings[account] = Taking(self.time_ms)
        self.effects.append(
            StateChanged(
                account=account,
                before=before,
                after=after,
                reason=reason or _usual(before, after),
                method=self.rulebook.method_names[int(self.method[account])],
                snapshot=self.snapshot.sequence,
                **verdict._asdict(),
            )
        )

    def sells_coins(self, instrument: int) -> bool:
        """Whether an instrument is spot: its trades change coins and close no contract."""
        return self.catalogue.instruments[instrument].type == "spot"

    def open_contracts(self, account: int) -> list[tuple[int, int]]:
        """The account's lots, as (asset, lots)."""
        is_contract = self.catalogue.is_contract
        return [row for row in self.rows(account) if is_contract[row[0]]]

    def sides(self, account: int) -> tuple[Side, ...]:
        """What would close each of the account's contracts; remembered until a transfer."""
        sides = self.known_sides.get(account)
        if sides is None:
            assets = self.catalogue.assets
            sides = self.known_sides[account] = tuple(
                Side(asset, abs(lots), assets[asset].instrument, lots < 0)
                for asset, lots in self.open_contracts(account)
            )
        return sides

    def worth(self, coin: int, atoms: int) -> int:
        """Numeraire atoms of an amount of a coin at the last price, rounded down."""
        return atoms * self.snapshot.price[coin] // self.catalogue.coins[coin].one

    def fund_worth(self) -> int:
        """All insurance funds in numeraire atoms."""
        if self.fund is None:
            self.fund = sum(map(self.worth_of, self.funds))
        return self.fund

    def worth_of(self, account: int) -> int:
        """What an account's coins are worth at the last prices, numeraire atoms."""
        return sum(
            self.worth(coin, self.ledger.balance(account, coin))
            for coin in range(len(self.catalogue.coins))
        )

    def mark(self, instrument: int) -> int:
        """The price at which an instrument stands, price atoms of its quote currency."""
        mark = self.snapshot.mark[instrument]
        if mark > 0:
            return mark
        terms = self.catalogue.instruments[instrument]
        if terms.type == "option":
            value = self.tables.exact(0).value[self.catalogue.lot_asset[instrument]]
            settle = self.catalogue.coin(terms.settle)
            one = self.catalogue.coins[self.catalogue.coin(terms.base)].one
            return (
                value
                * one
                * self.catalogue.numeraire.one
                // (terms.lot * self.snapshot.price[settle])
            )
        if terms.inverse:
            return self.snapshot.price[self.catalogue.coin(terms.base)]
        base, quote = self.catalogue.coin(terms.base), self.catalogue.coin(terms.quote)
        return (
            self.snapshot.price[base] * self.catalogue.numeraire.one // self.snapshot.price[quote]
        )

    def is_below(self, verdict: ExactRequirement, ratio: int) -> bool:
        """Whether margin equity is under maintenance × ratio (parts per billion)."""
        return verdict.margin_equity * RATIO_ONE < verdict.maintenance * ratio


def _usual(before: State, after: State) -> Transition:
    """Why one state follows another, where it can only be for one reason."""
    if after is State.CLOSED:
        return Transition.SOLD_OUT
    if after is State.BANKRUPT:
        return Transition.WOUND_UP
    if after in (State.CALLED, State.LIQUIDATING):
        return Transition.BREACHED
    if before is State.LIQUIDATING:
        return Transition.RESTORED
    if before in (State.CLOSED, State.BANKRUPT):
        return Transition.REOPENED
    return Transition.WARNING_LINE if after is State.WARNED else Transition.CLEARED
