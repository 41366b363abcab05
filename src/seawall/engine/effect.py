"""What comes out: everything that an event did, derived again whenever the journal is replayed.

Amounts are numeraire atoms unless a coin is named. An effect never changes state by itself.
"""

from __future__ import annotations

import enum

import msgspec

from seawall.engine.breaker_rules import Mode, Scope
from seawall.market.oracle import OracleRefusal, Rejection


class State(enum.IntEnum):
    """Where an account stands. Each change of it is an effect."""

    HEALTHY = 0
    WARNED = 1
    CALLED = 2
    LIQUIDATING = 3
    CLOSED = 4  # Everything was taken and nothing is owed.
    BANKRUPT = 5  # Everything was taken and others paid the rest.


class Reason(enum.Enum):
    """Why an event was refused; in descending precedence."""

    NOT_STARTED = "not_started"
    ALREADY_STARTED = "already_started"
    TIME_WENT_BACK = "time_went_back"
    RULES_DO_NOT_FIT = "rules_do_not_fit"
    UNKNOWN_METHOD = "unknown_method"
    NAME_TAKEN = "name_taken"
    BAD_ROWS = "bad_rows"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    NO_ORACLE = "no_oracle"  # Of a coin, in the rulebook.
    PRICE_FROM_ORACLE = "price_from_oracle"  # Of a coin that has one, told past it.
    TWO_OPERATORS_NEEDED = "two_operators_needed"  # Different ones, named in the rulebook.
    UNKNOWN_ORDER = "unknown_order"
    NOT_LISTED = "not_listed"
    BAD_INSTRUMENT = "bad_instrument"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    PRICE_NOT_POSITIVE = "price_not_positive"
    OFF_TICK = "off_tick"
    ACCOUNT_NOT_OPEN = "account_not_open"
    NO_PRICE = "no_price"
    HALTED = "halted"  # By a breaker or by operators.
    REDUCE_ONLY = "reduce_only"
    PRICE_TOO_OLD = "price_too_old"
    PRICE_REFUSED = "price_refused"  # By its oracle, and the last one does not serve.
    BALANCE_OVERFLOW = "balance_overflow"
    NOT_MARGINABLE = "not_marginable"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    COLLATERAL_CAP = "collateral_cap"  # Of a deposit, after every other reason.


class Effect(msgspec.Struct, frozen=True, tag_field="effect", kw_only=True, omit_defaults=True):
    """One consequence of one event; what has its default is not written, as in events."""


class Refused(Effect, frozen=True, tag="refused"):
    reason: Reason
    account: int = -1


class StateChanged(Effect, frozen=True, tag="state_changed"):
    """An account crossed a line; the numbers are the exact verdict that moved it."""

    account: int
    before: State
    after: State
    equity: int
    margin_equity: int
    initial: int
    maintenance: int


class Called(Effect, frozen=True, tag="called"):
    """A margin call: `amount` restores the initial margin if it arrives by the deadline."""

    account: int
    amount: int
    deadline_ms: int


class OrderWanted(Effect, frozen=True, tag="order_wanted"):
    """The engine asks for a trade. Signed lots: positive buys, negative sells."""

    order: int
    account: int
    instrument: int
    lots: int
    limit: int  # Worst acceptable average, price atoms.


class Liquidated(Effect, frozen=True, tag="liquidated"):
    """A liquidation order was filled."""

    account: int
    order: int
    instrument: int
    lots: int  # Signed as wanted.
    price: int
    notional: int
    fee: int  # To the insurance fund.
    full: bool  # Whether the account's position in the instrument is gone.


class FundPaid(Effect, frozen=True, tag="fund_paid"):
    """The insurance fund paid what an account could not."""

    account: int
    atoms: int  # Numeraire atoms.


class Deleveraged(Effect, frozen=True, tag="deleveraged"):
    """A profitable counterparty was closed against a bankrupt position."""

    account: int
    counterparty: int
    instrument: int
    lots: int  # Of the bankrupt account: positive was long.
    price: int
    notional: int


class LossShared(Effect, frozen=True, tag="loss_shared"):
    """What was left after the fund and deleveraging, paid pro rata by those who gained."""

    account: int
    atoms: int
    bearers: int


class Uncovered(Effect, frozen=True, tag="uncovered"):
    """What not even the gains could bear: the venue owes this much more than it holds."""

    account: int
    coin: int
    atoms: int  # Of the coin; they stay as the account's debt, in sight.


class FundingPaid(Effect, frozen=True, tag="funding_paid"):
    instrument: int
    rate: int
    accounts: int
    notional: int


class PricePublished(Effect, frozen=True, tag="price_published"):
    """An oracle's sources agree: this price counts."""

    coin: int
    price: int  # Price atoms.
    confidence: int  # Half-width, price atoms.
    observed_ms: int  # Its age counts from here.
    used: tuple[str, ...]
    rejected: tuple[tuple[str, Rejection], ...] = ()
    dropped: tuple[tuple[str, Rejection], ...] = ()  # Reports that changed nothing.


class PriceRefused(Effect, frozen=True, tag="price_refused"):
    """An oracle has no price to tell; what that shuts is a rule of its coin."""

    coin: int
    reason: OracleRefusal
    rejected: tuple[tuple[str, Rejection], ...] = ()
    dropped: tuple[tuple[str, Rejection], ...] = ()


class BreakerCause(enum.Enum):
    """Why a breaker shut or opened."""

    LIMIT = "limit"  # More was observed than the limit.
    COOL_DOWN = "cool_down"  # It is over.
    OPERATORS = "operators"  # Two of them said so.
    RULES = "rules"  # Its rule is gone, or another.


class BreakerChanged(Effect, frozen=True, tag="breaker_changed"):
    """What holds in a scope from here on, and what was seen."""

    scope: Scope
    subject: int  # Account or coin; -1: the venue.
    mode: Mode  # The strictest that stands there now.
    cause: BreakerCause
    breaker: str = ""  # Its name in the rulebook; empty: the operators.
    observed: int = 0  # In the unit of the limit: parts per billion, numeraire atoms, or atoms.
    limit: int = 0


class Expired(Effect, frozen=True, tag="expired"):
    instrument: int
    price: int
    accounts: int


Effects = (
    Refused
    | StateChanged
    | Called
    | OrderWanted
    | Liquidated
    | FundPaid
    | Deleveraged
    | LossShared
    | Uncovered
    | FundingPaid
    | Expired
    | PricePublished
    | PriceRefused
    | BreakerChanged
)
