"""Bodies of repairs: wrong prices that are corrected, statements that are compared, signatures."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from seawall.service.words.wire import Amount, Name, Number, Request, Text

ROWS_MOST = 20_000  # Of a statement, of a book that moves in, and ticks of a correction.
SHOWN_MOST = 500  # Rows of one kind in an answer.
Sequence = Annotated[int, Meta(ge=1, lt=2**53)]
AmountByName = Annotated[dict[str, Amount], Meta(max_length=1000)]  # By name.


class Window(Request, frozen=True, kw_only=True):
    """Events by number or by time, both ends in it; one of the two pairs."""

    first: Sequence | None = None
    last: Sequence | None = None
    from_ms: Number | None = None
    until_ms: Number | None = None


class TickTold(Request, frozen=True, kw_only=True):
    """What one price should have been in one event."""

    sequence: Sequence
    name: Name  # Of a coin or a contract.
    price: Amount


class CorrectionAsked(Request, frozen=True, kw_only=True):
    """Which prices were wrong when, and who shall pay."""

    window: Window
    prices: AmountByName = msgspec.field(default_factory=dict)  # "60000", or a factor: "x1.25".
    ticks: Annotated[tuple[TickTold, ...], Meta(max_length=ROWS_MOST)] = ()
    payers: Annotated[tuple[Name, ...], Meta(max_length=100)] = ("insurance_fund", "gainers")
    least: Amount = "0"  # Of the venue's cash; who lost less is owed nothing.


class CorrectionProposed(CorrectionAsked, frozen=True, kw_only=True):
    reason: Text


class StatedRow(Request, frozen=True, kw_only=True):
    """Of a coin in coins, of a contract in lots."""

    account: Name
    asset: Name
    quantity: Amount


class StatementTold(Request, frozen=True, kw_only=True):
    """What a custodian says that accounts have; rows, or the same as CSV."""

    source: Name
    as_of_ms: Number | None = None  # Default: the last event.
    rows: Annotated[tuple[StatedRow, ...], Meta(max_length=ROWS_MOST)] = ()
    csv: Annotated[str, Meta(max_length=900_000)] = ""  # With columns account, asset, quantity.
    tolerances: AmountByName = msgspec.field(default_factory=dict)  # By asset, quantities of it.


class Harmed(msgspec.Struct, frozen=True, kw_only=True):
    """One account in the world as it was and in the one that should have been."""

    account: str
    calls: int
    calls_right: int
    wrongly_called: bool
    liquidated: str
    liquidated_right: str
    wrongly_liquidated: bool
    fees: str
    deleveraged: str
    lost: str  # Negative: the wrong prices were its gain.
    owed: str  # In the venue's cash.


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    payer: str
    amount: str


class CorrectionShown(msgspec.Struct, frozen=True, kw_only=True):
    """What wrong prices did to whom, and who pays."""

    sequence: int  # Whose holdings say what payers have.
    time_ms: int
    first_sequence: int
    last_sequence: int
    cash: str
    differing: int  # Accounts, of which `accounts` are those with the largest differences.
    accounts: list[Harmed]
    victims: int
    owed: str
    unanswered_orders: int
    forced: int
    transfers: int
    payers: list[Paying]
    unpaid: str
    corrected_by: list[int]  # Events that have corrected a part of the window already.


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """One account and asset of which ledger and statement say different things."""

    account: str
    asset: str
    ledger: str
    statement: str
    difference: str
    tolerance: str
    beyond: bool  # So it would be posted.
    since_ms: int
    age_ms: int  # At the moment of the statement.


class InSuspense(msgspec.Struct, frozen=True, kw_only=True):
    """What was posted against suspense, until a statement takes it back."""

    account: str
    asset: str
    quantity: str
    since_ms: int


class SuspenseShown(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    time_ms: int
    total: int
    items: list[InSuspense]


class StatementShown(msgspec.Struct, frozen=True, kw_only=True):
    """A statement beside the ledger of its moment."""

    sequence: int
    time_ms: int
    source: str
    as_of_ms: int
    after_event: int  # The last one of the ledger that it is compared with.
    differing: int
    beyond: int
    differences: list[Differing]
    suspense: SuspenseShown


class RepairProposed(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a second operator; nothing has moved."""

    proposal: int
    kind: str
    first: str
    correction: CorrectionShown | None = None
    reconciliation: StatementShown | None = None


class RepairLine(msgspec.Struct, frozen=True, kw_only=True):
    proposal: int
    kind: str
    time_ms: int
    first: str
    second: str | None
    sequence: int | None  # Of the event that it became.
    expires_ms: int


class RepairPage(msgspec.Struct, frozen=True, kw_only=True):
    proposals: list[RepairLine]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A row that would be posted: of a correction from a payer, of a statement from suspense."""

    payer: str
    receiver: str
    asset: str
    quantity: str  # Of a coin in coins, of a contract in lots.


class RepairShown(msgspec.Struct, frozen=True, kw_only=True):
    """All that an operator needs before signing."""

    line: RepairLine
    reason: str
    correction: CorrectionShown | None
    reconciliation: StatementShown | None
    total: int
    moves: list[Moved]


class FundingTold(Request, frozen=True, kw_only=True):
    """The rate of a perpetual whose coin has no rule, for one interval; positive: longs pay."""

    instrument: Name
    rate: Amount


class PremiumTold(Request, frozen=True, kw_only=True):
    """A sample: a premium, or impact prices and an index that say it."""

    instrument: Name
    premium: Amount | None = None
    bid: Amount | None = None
    ask: Amount | None = None
    index: Amount | None = None


class SettlementTold(Request, frozen=True, kw_only=True):
    """A contract expires at the price of its underlying; a perpetual is taken off at one."""

    instrument: Name
    price: Amount


class CollateralTold(Request, frozen=True, kw_only=True):
    """What feeds say of a coin beside its price; it replaces what they said before."""

    coin: Name
    rate: Amount = "0"  # Of a yield-bearing share: underlying for each share.
    elapsed_s: Number = 0  # From the snapshot of the coin's rule to the reading of the rate.
    fair_price: Amount = "0"  # Of a pool share.


class BookTold(Request, frozen=True, kw_only=True):
    """A book that moves in; each row credits an account, outside stands against what is left."""

    rows: Annotated[tuple[StatedRow, ...], Meta(min_length=1, max_length=ROWS_MOST)]
