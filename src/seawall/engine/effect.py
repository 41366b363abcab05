"""What comes out: everything that an event did, derived again whenever the journal is replayed.

Amounts are numeraire atoms unless a coin is named. An effect never changes state by itself.
"""

from __future__ import annotations

import enum

from seawall.engine.effects.effect_base import Effect
from seawall.engine.effects.funding_effects import FundingPaid, FundingUnpaid, Hindrance
from seawall.engine.effects.watch_effects import (
    BreakerCause,
    BreakerChanged,
    PricePublished,
    PriceRefused,
)
from seawall.engine.effects.waterfall_effects import (
    Deleveraged,
    FundPaid,
    LossShared,
    Redistributed,
    TakenOver,
    Uncovered,
    WaterfallDone,
    Withheld,
)

__all__ = [  # What other files define and everybody reads here.
    "BreakerCause",
    "BreakerChanged",
    "Deleveraged",
    "Effect",
    "FundPaid",
    "FundingPaid",
    "FundingUnpaid",
    "Hindrance",
    "LossShared",
    "PricePublished",
    "PriceRefused",
    "Redistributed",
    "TakenOver",
    "Uncovered",
    "WaterfallDone",
    "Withheld",
]


class State(enum.IntEnum):
    """Where an account stands. Each change of it is an effect."""

    HEALTHY = 0
    WARNED = 1
    CALLED = 2
    LIQUIDATING = 3
    CLOSED = 4  # Everything was taken and nothing is owed.
    BANKRUPT = 5  # Everything was taken and others paid the rest.


class Transition(enum.Enum):
    """Why an account's state changed; each names one rule of the rulebook."""

    WARNING_LINE = "warning_line"  # Below maintenance × call.warning_ratio.
    CLEARED = "cleared"  # A warned account is above that line again.
    BREACHED = "breached"  # Below the maintenance of its margin method.
    TOPPED_UP = "topped_up"  # A deposit met the call.
    REDUCED = "reduced"  # The account's own trade met the call.
    MARKET_CAME_BACK = "market_came_back"  # The call is withdrawn.
    LAPSED = "lapsed"  # At its deadline no longer breached: a warning is left of the call.
    DEADLINE_PASSED = "deadline_passed"  # call.grace_ms is over.
    BELOW_CLOSE_OUT = "below_close_out"  # Below maintenance × call.close_out_ratio.
    RESTORED = "restored"  # A liquidation reached the initial margin: healthy again.
    SOLD_OUT = "sold_out"  # Nothing is left to sell, and nothing is owed.
    WOUND_UP = "wound_up"  # Nothing is left to sell, and others pay what is owed.
    REOPENED = "reopened"  # A closed account was given something.


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
    UNKNOWN_AUCTION = "unknown_auction"  # Or it is over.
    WRONG_BID = "wrong_bid"  # This kind of auction takes another one.
    NOT_LISTED = "not_listed"
    BAD_INSTRUMENT = "bad_instrument"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    PRICE_NOT_POSITIVE = "price_not_positive"
    BAD_TICK = "bad_tick"  # A depth, smile or price that no market shows, or no table holds.
    OFF_TICK = "off_tick"
    ACCOUNT_NOT_OPEN = "account_not_open"
    NO_PRICE = "no_price"
    BID_STANDS = "bid_stands"  # Of the account, which keeps what it bid with.
    TOO_EARLY = "too_early"  # No bid can be opened yet.
    TOO_LATE = "too_late"  # The auction is over, or its time for this.
    BEYOND_LIMIT = "beyond_limit"  # The price is worse than the taker accepts.
    WOULD_LEAVE_DUST = "would_leave_dust"
    ABOVE_MAINTENANCE = "above_maintenance"  # Its health gives no discount.
    BID_TOO_LOW = "bid_too_low"
    ALREADY_BID = "already_bid"
    COMMITMENT_MISMATCH = "commitment_mismatch"  # Or nothing was committed.
    NOT_REVEALED = "not_revealed"  # A sealed bid, so its deposit is forfeited.
    REVERTED = "reverted"  # A step that could not repay its loan, or found none.
    HALTED = "halted"  # By a breaker or by operators.
    REDUCE_ONLY = "reduce_only"
    PRICE_TOO_OLD = "price_too_old"
    PRICE_REFUSED = "price_refused"  # By its oracle, and the last one does not serve.
    PAYER_CANNOT_PAY = "payer_cannot_pay"  # Of a correction: more than it holds of the coin.
    BALANCE_OVERFLOW = "balance_overflow"
    NOT_MARGINABLE = "not_marginable"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    COLLATERAL_CAP = "collateral_cap"  # Of a deposit, after every other reason.
    NO_FUNDING_RULE = "no_funding_rule"  # That reads premiums, for the contract's coin.
    FUNDING_BY_RULE = "funding_by_rule"  # Of the contract's coin, told past it.


class Refused(Effect, frozen=True, tag="refused"):
    reason: Reason
    account: int = -1
    auction: int = -1  # Of a take, bid, commitment or opening that failed.


class StateChanged(Effect, frozen=True, tag="state_changed"):
    """An account crossed a line; the numbers are the exact verdict that moved it.

    `snapshot` says which prices it stands on, `method` and `reason` under which rule.
    """

    account: int
    before: State
    after: State
    equity: int
    margin_equity: int
    initial: int
    maintenance: int
    reason: Transition | None = None
    method: str = ""  # Of the rulebook, by name.
    snapshot: int = 0  # Sequence of the prices.


class Called(Effect, frozen=True, tag="called"):
    """A margin call: `amount` restores the initial margin if it arrives by the deadline.

    So does each of `in_coins` alone. Told again one level higher where nobody answers.
    """

    account: int
    amount: int
    deadline_ms: int
    number: int = 1  # The account's calls are counted.
    level: int = 0  # How often it was escalated.
    in_coins: tuple[tuple[int, int], ...] = ()  # (coin, atoms), of a call with grace.


class CallReduced(Effect, frozen=True, tag="call_reduced"):
    """A part of what was called for has arrived; this much is still missing, by the same time."""

    account: int
    amount: int
    deadline_ms: int
    number: int = 1
    in_coins: tuple[tuple[int, int], ...] = ()  # (coin, atoms)


class CallWithdrawn(Effect, frozen=True, tag="call_withdrawn"):
    """The market came back to the initial margin before anybody had to pay."""

    account: int
    number: int = 1


class Spared(enum.Enum):
    """Why a close was not made."""

    POLICY_HARMS = "policy_harms"  # What the size policy asks for; the least plan took its place.
    COSTS_MORE = "costs_more"  # Closing costs more than the margin that it frees.


class NotTaken(Effect, frozen=True, tag="not_taken"):
    """Closing these assets would have left the account with less excess than it has."""

    account: int
    assets: tuple[int, ...]
    reason: Spared


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
    fee: int  # Taken from the account in all.
    full: bool  # Whether the account's position in the instrument is gone.
    reward: int = 0  # Of the fee, to who took the position; the rest is the insurance fund's.


class Compensated(Effect, frozen=True, tag="compensated"):
    """Somebody was paid for what wrong prices did to them."""

    account: int
    payer: int
    coin: int
    atoms: int
    first_sequence: int
    last_sequence: int


class Suspended(Effect, frozen=True, tag="suspended"):
    """A difference to an outside statement was posted against the suspense account."""

    account: int
    asset: int
    quantity: int  # Signed; credited to the account.
    since_ms: int


class Expired(Effect, frozen=True, tag="expired"):
    instrument: int
    price: int
    accounts: int


class AuctionEnding(enum.IntEnum):
    """Why an auction is no longer open."""

    SOLD = 1
    TIME = 2  # Something is left: it is offered again, or goes to the book.
    RESTORED = 3  # The account no longer needs it.
    CONTRACT_GONE = 4  # Expired under the auction.
    HALTED = 5  # Its time was over while nobody could be liquidated.


class AuctionStarted(Effect, frozen=True, tag="auction_started"):
    """Lots of an account are offered to whoever bids; positive lots are bought back."""

    auction: int
    account: int
    exit: str  # The kind, as in the rulebook.
    instrument: int
    lots: int
    price: int  # First price, reserve, or worst acceptable one, by kind; price atoms.
    ends_ms: int
    restarts: int = 0
    deposit: int = 0  # Of each bidder, atoms of the settlement currency.


class BidStands(Effect, frozen=True, tag="bid_stands"):
    """A bid came in that may win when the auction ends."""

    auction: int
    account: int
    lots: int = 0  # 0 of a sealed bid until it is opened.
    price: int = 0
    ends_ms: int = 0


class BidVoid(Effect, frozen=True, tag="bid_void"):
    """Who should have taken lots could not, or did not open a bid; auction 0: a quote or a pool."""

    auction: int
    account: int
    reason: Reason


class ExitFilled(Effect, frozen=True, tag="exit_filled"):
    """Somebody took lots of an account in liquidation, not through the book."""

    account: int
    taker: int
    exit: str
    instrument: int
    lots: int  # Signed: positive was bought back.
    price: int
    notional: int
    fee: int  # Taken from the account in all.
    full: bool  # Whether the account's position in the instrument is gone.
    auction: int = 0
    reward: int = 0  # Of the fee, to the taker; the rest is the insurance fund's.


class FlashTaken(Effect, frozen=True, tag="flash_taken"):
    """Lots were taken and sold on with borrowed money; atoms of the settlement currency."""

    auction: int
    account: int
    lender: int
    pool: int
    loan: int
    fee: int
    gain: int  # What the taker keeps.


class AuctionTurned(Effect, frozen=True, tag="auction_turned"):
    """A whole account is worth nothing, or nobody paid: from now on bidders are paid."""

    auction: int
    account: int
    price: int  # For all of it, numeraire atoms; not positive.
    ends_ms: int


class ShareSold(Effect, frozen=True, tag="share_sold"):
    """A share of a whole account changed hands."""

    auction: int
    account: int
    taker: int
    share: int  # Of the account at the start, 10⁻¹⁸.
    payment: int  # To the account, numeraire atoms; negative: to the taker, by funds and others.
    closed: tuple[tuple[int, int], ...] = ()  # (instrument, notional) that went with the share.


class AuctionEnded(Effect, frozen=True, tag="auction_ended"):
    """An auction is over; the remainder goes to the next stage, or stays with its owner."""

    auction: int
    account: int
    instrument: int
    remainder: int  # Signed as it was offered.
    ending: AuctionEnding


Effects = (
    Refused
    | StateChanged
    | Called
    | CallReduced
    | CallWithdrawn
    | NotTaken
    | OrderWanted
    | Liquidated
    | FundPaid
    | Deleveraged
    | LossShared
    | Uncovered
    | FundingPaid
    | FundingUnpaid
    | Expired
    | PricePublished
    | PriceRefused
    | BreakerChanged
    | Compensated
    | Suspended
    | AuctionStarted
    | BidStands
    | BidVoid
    | ExitFilled
    | AuctionEnded
    | FlashTaken
    | AuctionTurned
    | ShareSold
    | TakenOver
    | Redistributed
    | Withheld
    | WaterfallDone
)
