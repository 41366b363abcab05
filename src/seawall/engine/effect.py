"""What comes out: everything that an event did, derived again whenever the journal is replayed.

Amounts are numeraire atoms unless a coin is named. An effect never changes state by itself.
"""

from __future__ import annotations

import enum

import msgspec


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
    UNKNOWN_ORDER = "unknown_order"
    NOT_LISTED = "not_listed"
    BAD_INSTRUMENT = "bad_instrument"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    PRICE_NOT_POSITIVE = "price_not_positive"
    OFF_TICK = "off_tick"
    ACCOUNT_NOT_OPEN = "account_not_open"
    NO_PRICE = "no_price"
    BALANCE_OVERFLOW = "balance_overflow"
    NOT_MARGINABLE = "not_marginable"
    INSUFFICIENT_MARGIN = "insufficient_margin"


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
)
