"""The bodies of requests and answers, as msgspec structs; money and prices are decimal text.

A field that is not listed is an error, so that a misspelt limit is not a missing one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Amount = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Number = Annotated[int, Meta(ge=0, lt=2**53)]
PerSecond = Annotated[int, Meta(ge=1, le=1_000_000)]
Hex = Annotated[str, Meta(max_length=128, pattern="^[0-9a-fA-F]*$")]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes in."""


class NewAccount(Request, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:@-]+$")]
    method: Name  # Of the rulebook.


class OpenAsked(Request, frozen=True, kw_only=True):
    accounts: Annotated[tuple[NewAccount, ...], Meta(min_length=1, max_length=1000)]


class Transfer(Request, frozen=True, kw_only=True):
    coin: Name
    amount: Amount


class TradeAsked(Request, frozen=True, kw_only=True):
    instrument: Name
    buyer: Name
    seller: Name
    quantity: Amount  # Base coins, or dollars where the contract is sized in them.
    price: Amount


class Depth(Request, frozen=True, kw_only=True):
    bid: Amount  # Quantity near the mark.
    ask: Amount


class Smile(Request, frozen=True, kw_only=True):
    """A fitted smile of one expiry: w(k) = a + b·(rho·(k − m) + √((k − m)² + sigma²))."""

    coin: Name
    expires_ms: Number
    forward_ratio: Amount
    discount: Amount
    a: Amount
    b: Amount
    rho: Amount
    m: Amount
    sigma: Amount


class PricesTold(Request, frozen=True, kw_only=True):
    prices: Annotated[dict[str, Amount], Meta(max_length=1000)] = {}  # By coin.
    marks: Annotated[dict[str, Amount], Meta(max_length=5000)] = {}  # By instrument.
    depth: Annotated[dict[str, Depth], Meta(max_length=5000)] = {}
    smiles: Annotated[tuple[Smile, ...], Meta(max_length=1000)] = ()
    confidence: Annotated[dict[str, Amount], Meta(max_length=1000)] = {}  # By coin, a ratio.


class SourceReport(Request, frozen=True, kw_only=True):
    source: Name
    price: Amount
    confidence: Amount = "0"  # Half-width, in the price's unit.
    published_ms: Number
    halted: bool = False


class ReportsTold(Request, frozen=True, kw_only=True):
    coin: Name
    reports: Annotated[tuple[SourceReport, ...], Meta(max_length=100)] = ()


class ContractTold(Request, frozen=True, kw_only=True):
    id: Name
    type: Literal["spot", "perpetual", "future", "option"]
    base: Name
    quote: Name
    settle: Name
    lot: Amount  # Quantity of one lot: base coins, or dollars of an inverse future or perpetual.
    tick: Amount
    inverse: bool = False
    premium: Literal["paid", "margined"] = "margined"
    listed_ms: Number = 0
    expires_ms: Number | None = None
    strike: Amount | None = None
    right: Literal["call", "put"] | None = None


class ListAsked(Request, frozen=True, kw_only=True):
    instruments: Annotated[tuple[ContractTold, ...], Meta(min_length=1, max_length=1000)]


class SupposedTrade(Request, frozen=True, kw_only=True):
    instrument: Name
    quantity: Amount  # Negative sells.
    price: Amount | None = None  # Default: the mark.


class Supposed(Request, frozen=True, kw_only=True):
    """What is supposed to happen; none of it is done."""

    trades: Annotated[tuple[SupposedTrade, ...], Meta(max_length=100)] = ()
    deposits: Annotated[dict[str, Amount], Meta(max_length=100)] = {}  # Negative: withdrawals.
    moves: Annotated[dict[str, Amount], Meta(max_length=100)] = {}  # By coin: "-10%" or "-0.1".
    volatility: Amount | None = None  # Of every implied volatility: "+15%".


class OneSupposed(Request, frozen=True, kw_only=True):
    account: Name
    change: Supposed


class BulkSupposed(Request, frozen=True, kw_only=True):
    suppositions: Annotated[tuple[OneSupposed, ...], Meta(min_length=1, max_length=200)]


class PictureAsked(Request, frozen=True, kw_only=True):
    """An account as it would stand after a change and some time."""

    change: Supposed = msgspec.field(default_factory=Supposed)
    after_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 0


class CurvesAsked(Request, frozen=True, kw_only=True):
    """An account's margin over prices of a coin, or of each that it rests on."""

    change: Supposed = msgspec.field(default_factory=Supposed)
    after_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 0
    coin: Name | None = None
    low_percent: Annotated[int, Meta(ge=1, le=99)] = 50  # Of the price of now.
    high_percent: Annotated[int, Meta(ge=101, le=1000)] = 150
    points: Annotated[int, Meta(ge=2, le=201)] = 61


class FillTold(Request, frozen=True, kw_only=True):
    lots: Number  # Unsigned; 0 where nobody answered.
    price: Amount


class TakeAsked(Request, frozen=True, kw_only=True):
    account: Name
    lots: Annotated[int, Meta(ge=1, lt=2**53)]  # At most.
    limit: Amount  # Worst acceptable price.
    flash: bool = False


class ShareAsked(Request, frozen=True, kw_only=True):
    account: Name
    share: Amount  # Of what is left: 0 to 1, at most 18 decimals.
    limit: Amount  # Most that is paid; negative: at least so much is wanted.


class BidAsked(Request, frozen=True, kw_only=True):
    account: Name
    price: Amount
    lots: Number = 0  # In a batch.


class CommitAsked(Request, frozen=True, kw_only=True):
    account: Name
    digest: Hex


class RevealAsked(Request, frozen=True, kw_only=True):
    account: Name
    lots: Number
    price: Amount
    salt: Hex


class RulesTold(Request, frozen=True, kw_only=True):
    toml: Annotated[str, Meta(min_length=1, max_length=500_000)]


class OverrideAsked(Request, frozen=True, kw_only=True):
    scope: Literal["account", "market", "venue", "all"]
    mode: Literal["open", "reduce_only", "halted"]
    subject: str = ""  # Name of an account or a coin; of no meaning for a venue.
    reason: Text


class KeyAsked(Request, frozen=True, kw_only=True):
    name: Name
    scopes: Annotated[tuple[str, ...], Meta(max_length=100)]
    operator: Annotated[str, Meta(max_length=100)] = ""
    expires_ms: Number | None = None
    reads_per_s: PerSecond | None = None  # None: as the service limits every key.
    commands_per_s: PerSecond | None = None


class LimitsAsked(Request, frozen=True, kw_only=True):
    """What limits one key; None: as the service limits every key."""

    reads_per_s: PerSecond | None = None
    commands_per_s: PerSecond | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did, once it is durable. A repeated one gets its first answer."""

    sequence: int
    repeated: bool
    effects: list[dict[str, Any]]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has and must have, exact."""

    equity: str
    margin_equity: str
    initial: str
    maintenance: str
    headroom: str  # Margin equity − maintenance.
    health: str | None  # Margin equity ÷ maintenance; none where nothing must be held.


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account in a list."""

    name: str
    number: int  # As effects of the journal and sealed bids name it.
    method: str
    status: str
    verdict: Verdict | None  # None before the first price.
    notional: str | None  # Σ |lots| × notional.
    distance: str | None  # Headroom ÷ notional: a fall of everything by less calls nobody.
    oldest_ms: int | None = None  # In a list: when the oldest price behind its rows was told.


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts in the order that was asked for."""

    sequence: int
    time_ms: int
    total: int
    accounts: list[AccountLine]
    next: int | None  # `offset` of the next page.
    now_ms: int = 0  # The venue's clock, by which prices age.


class Row(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    quantity: str
    value: str | None


class AccountShown(msgspec.Struct, frozen=True, kw_only=True):
    """One account with its rows."""

    sequence: int
    time_ms: int
    account: AccountLine
    rows: list[Row]
    deadline_ms: int | None


class MarginShown(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict after one event, and the rules and prices that it stands on."""

    account: str
    sequence: int
    time_ms: int
    fingerprint: str
    method: str
    status: str
    verdict: Verdict
    binding: str  # The scenario or tier that binds.
    prices: dict[str, str]


class TermShown(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    quantity: str
    equity: str
    margin_equity: str
    maintenance: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """The same with the terms that add up to it."""

    margin: MarginShown
    terms: list[TermShown]
    counted: dict[str, str]
    deadline_ms: int | None


class SupposedShown(msgspec.Struct, frozen=True, kw_only=True):
    """Before and after."""

    account: str
    method: str
    sequence: int
    before: Verdict
    after: Verdict
    binding_before: str
    binding_after: str
    rows: list[Row]
    refused: list[str]  # Assets that the method cannot margin.


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, or the problem that stands in its place."""

    shown: SupposedShown | None = None
    problem: dict[str, Any] | None = None


class BulkShown(msgspec.Struct, frozen=True, kw_only=True):
    """All of them at one moment."""

    sequence: int
    answers: list[BulkAnswer]  # In the order of the suppositions.


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; the secret is told this once."""

    id: str
    prefix: str
    name: str
    scopes: list[str]
    operator: str
    expires_ms: int | None
    secret: str


class KeyRotated(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    secret: str


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """An override that waits for a second operator."""

    proposal: int
    first: str


class ProblemShown(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details; `code` never changes its meaning."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    sequence: int | None = None
