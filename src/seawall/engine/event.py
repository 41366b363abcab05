"""What goes in: every input of the engine, in the form in which the journal keeps it.

An event carries its own time, because the engine has no clock. Prices are price atoms
(10^-numeraire.decimals of the quote currency per whole coin), quantities are lots or atoms.
"""

from __future__ import annotations

import msgspec

from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.market import Instrument, VolatilitySlice
from seawall.market.oracle import Report


class Event(
    msgspec.Struct,
    frozen=True,
    tag_field="event",
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=True,
):
    """An input at a moment. [time_ms: milliseconds UTC]

    What has its default is not written, so an event that grows a field keeps its old bytes.
    """

    time_ms: int


class Started(Event, frozen=True, tag="started"):
    """A venue opens under a rulebook, kept whole and canonical so that it can be read back."""

    rulebook: str  # Canonical JSON.


class RulesChanged(Event, frozen=True, tag="rules_changed"):
    """Another rulebook holds from here on."""

    rulebook: str


class Listed(Event, frozen=True, tag="listed"):
    """New contracts, appended to the catalogue."""

    instruments: tuple[Instrument, ...]


class Opened(Event, frozen=True, tag="opened"):
    """New accounts, each under one margin method of the rulebook."""

    names: tuple[str, ...]
    methods: tuple[str, ...]


class Loaded(Event, frozen=True, tag="loaded"):
    """A whole book at once, as columns of little-endian integers.

    Each row credits an account; what an asset's rows do not cancel among themselves comes from the
    outside account, so deposits and trades can be loaded in one go. It is how a book moves in: no
    cap is asked, and no breaker counts it as a deposit.
    """

    account: bytes  # [row] int32
    asset: bytes  # [row] int32
    quantity: bytes  # [row] int64, signed


class Deposited(Event, frozen=True, tag="deposited"):
    account: int
    coin: int
    atoms: int


class Withdrawn(Event, frozen=True, tag="withdrawn"):
    account: int
    coin: int
    atoms: int


class Traded(Event, frozen=True, tag="traded"):
    """A trade between two accounts; the buyer's initial margin is checked, and the seller's."""

    instrument: int
    buyer: int
    seller: int
    lots: int
    price: int


class Priced(Event, frozen=True, tag="priced"):
    """One tick: index prices, marks of contracts, and the depth that stands near the mark."""

    price: tuple[tuple[int, int], ...] = ()  # (coin, price atoms)
    mark: tuple[tuple[int, int], ...] = ()  # (instrument, price atoms)
    slices: tuple[VolatilitySlice, ...] = ()  # Each replaces the one of its coin and expiry.
    depth: tuple[tuple[int, int, int], ...] = ()  # (instrument, lots bid, lots ask)
    confidence: tuple[tuple[int, int], ...] = ()  # (coin, parts per billion); else as it was.


class Elapsed(Event, frozen=True, tag="elapsed"):
    """Time alone passes: deadlines are looked at, and what may be taken by now."""


class CollateralObserved(Event, frozen=True, tag="collateral_observed"):
    """What feeds say of a coin beside its price, for rules that ask; it replaces what they said."""

    coin: int
    rate: int = 0  # Of a yield-bearing share: underlying for each share, parts per billion.
    elapsed_s: int = 0  # From the snapshot of the coin's rule to the reading of the rate.
    fair_price: int = 0  # Of a pool share: at the pool's fair reserves, price atoms.


class Observed(Event, frozen=True, tag="observed"):
    """What sources say of a coin that has an oracle; no reports let time pass for its feed."""

    coin: int
    reports: tuple[Report, ...] = ()


class Overridden(Event, frozen=True, tag="overridden"):
    """Two operators shut a scope until they open it, or lift everything that stands there."""

    scope: Scope
    mode: Mode
    first: str
    second: str
    reason: str
    subject: int = -1  # An account or a coin, by its number; of no meaning for a venue.


class Funded(Event, frozen=True, tag="funded"):
    """Funding of a perpetual: longs pay lots × lot × mark × rate to shorts, if positive."""

    instrument: int
    rate: int  # Parts per billion of notional for this interval.


class PremiumSeen(Event, frozen=True, tag="premium_seen"):
    """A sample of how far a perpetual trades from its index, for a funding rule that reads it.

    Whoever computes premiums tells one; of the others the three prices say it.
    """

    instrument: int
    bid: int = 0  # Impact price, price atoms: the average at which a fixed notional sells.
    ask: int = 0  # At which it buys.
    index: int = 0
    premium: int | None = None  # Parts per billion of the index.


class Settled(Event, frozen=True, tag="settled"):
    """A contract expires: every holder is folded into cash at one price."""

    instrument: int
    price: int  # Of the underlying (option, future), price atoms.


class Filled(Event, frozen=True, tag="filled"):
    """The answer to an order that the engine wanted; what is not filled here is cancelled."""

    order: int
    lots: int  # Unsigned; 0 where nobody answered.
    price: int  # Average, price atoms.


class Corrected(Event, frozen=True, tag="corrected"):
    """Two operators make good what wrong prices did in a window; history itself stands."""

    first_sequence: int  # The window, both ends in it.
    last_sequence: int
    transfers: tuple[tuple[int, int, int, int], ...]  # (coin, payer, receiver, atoms)
    first: str
    second: str
    reason: str


class Reconciled(Event, frozen=True, tag="reconciled"):
    """Two operators put into suspense what an outside statement says otherwise.

    A row is (account, asset, quantity that the statement has beyond the ledger, since when).
    """

    statement: str  # Whose, and which.
    as_of_ms: int
    first: str
    second: str
    posted: tuple[tuple[int, int, int, int], ...] = ()
    noted: tuple[tuple[int, int, int, int], ...] = ()  # Within tolerance: only remembered.


class AuctionTaken(Event, frozen=True, tag="auction_taken"):
    """Somebody takes lots of an auction whose price is there: Dutch, or by health."""

    auction: int
    account: int
    lots: int  # At most so many.
    limit: int  # Worst acceptable price, price atoms.
    flash: bool = False  # Borrowed for, sold on to the pool and repaid in this step, or not at all.


class ShareTaken(Event, frozen=True, tag="share_taken"):
    """Somebody takes a share of a whole account that is auctioned."""

    auction: int
    account: int
    share: int  # Of what is left, 10¹⁸ = all of it.
    limit: int  # Most that is paid, numeraire atoms; negative: at least so much is wanted.


class AuctionBid(Event, frozen=True, tag="auction_bid"):
    """A bid that may win later: in an English auction for all lots, in a batch for so many."""

    auction: int
    account: int
    price: int  # For a lot, price atoms; in a batch the limit.
    lots: int = 0


class AuctionCommitted(Event, frozen=True, tag="auction_committed"):
    """A sealed bid, by its hash: see `liquidation.exits.sealed.commitment`."""

    auction: int
    account: int
    digest: bytes


class AuctionRevealed(Event, frozen=True, tag="auction_revealed"):
    """A sealed bid is opened."""

    auction: int
    account: int
    lots: int
    price: int
    salt: bytes


Events = (
    Started
    | RulesChanged
    | Listed
    | Opened
    | Loaded
    | Deposited
    | Withdrawn
    | Traded
    | Priced
    | Funded
    | PremiumSeen
    | Settled
    | Filled
    | Elapsed
    | CollateralObserved
    | Observed
    | Overridden
    | Corrected
    | Reconciled
    | AuctionTaken
    | ShareTaken
    | AuctionBid
    | AuctionCommitted
    | AuctionRevealed
)
