"""What is on offer: the auctions that run, and how often each was tried.

Each auction keeps the rule under which it began, so a change of rules does not change what bidders
were promised. Knows no rule's arithmetic and moves no value.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from seawall.liquidation.exits import (
    EXITS,
    BatchExit,
    ByHealthExit,
    DutchExponentialExit,
    DutchLinearExit,
    DutchStairExit,
    EnglishExit,
    SealedExit,
    Side,
    TwoPhaseExit,
)
from seawall.liquidation.exits.batch import BatchOrder
from seawall.liquidation.exits.dutch import DutchAuction
from seawall.liquidation.exits.english import EnglishAuction
from seawall.liquidation.exits.sealed import SealedAuction
from seawall.liquidation.exits.two_phase import TwoPhaseAuction


class HealthSale(NamedTuple):
    """Lots for sale at the discount of the account's own health."""

    lots: int


class BatchSale(NamedTuple):
    """Lots that wait for the next batch, and the orders that came in against them."""

    lots: int
    limit: int  # Worst acceptable price of the account, price atoms.
    orders: tuple[BatchOrder, ...] = ()


Sale = DutchAuction | EnglishAuction | SealedAuction | HealthSale | BatchSale
_FORM: dict[type, type] = {
    DutchLinearExit: DutchAuction,
    DutchStairExit: DutchAuction,
    DutchExponentialExit: DutchAuction,
    EnglishExit: EnglishAuction,
    SealedExit: SealedAuction,
    ByHealthExit: HealthSale,
    BatchExit: BatchSale,
}


@dataclass(slots=True)
class Offer:
    """One auction of lots of one account."""

    number: int
    account: int
    instrument: int
    side: Side
    rule: Any  # One of `EXITS`, and the kind of `sale` that belongs to it.
    sale: Any
    ends_ms: int  # The first moment at which it is over.
    deposit: int = 0  # Of each bidder of a sealed auction, atoms of the settlement currency.

    @property
    def lots(self) -> int:
        """Lots that nobody took yet, unsigned."""
        left: int = self.sale.lots
        return left


@dataclass(slots=True)
class WholeSale:
    """One auction of shares of an account."""

    number: int
    account: int
    rule: TwoPhaseExit
    auction: TwoPhaseAuction
    ends_ms: int
    reserved_atoms: int = 0  # Cash that earlier bidders paid.


@dataclass(slots=True)
class Offers:
    """All auctions of a venue."""

    open: dict[int, Offer] = field(default_factory=dict)
    tried: dict[int, dict[int, int]] = field(default_factory=dict)  # By account and instrument.
    next_number: int = 1
    selling: dict[int, WholeSale] = field(default_factory=dict)  # Whole accounts.
    whole: dict[int, int] = field(default_factory=dict)  # Their auction; computed again.
    of: dict[int, list[int]] = field(default_factory=dict)  # Numbers by account; computed again.
    ends: list[tuple[int, int]] = field(default_factory=list)  # A heap; computed again.
    lots_of: dict[int, int] = field(default_factory=dict)  # In `open`, by instrument; the same.

    def add(self, offer: Offer) -> None:
        """Take in an auction."""
        self.open[offer.number] = offer
        self._count(offer.instrument, offer.lots)
        self.of.setdefault(offer.account, []).append(offer.number)
        heapq.heappush(self.ends, (offer.ends_ms, offer.number))

    def change(self, offer: Offer, sale: Sale, ends_ms: int | None = None) -> None:
        """Step an auction; it may end earlier or later than it would have."""
        self._count(offer.instrument, sale.lots - offer.lots)
        offer.sale = sale
        if ends_ms is not None and ends_ms != offer.ends_ms:
            offer.ends_ms = ends_ms
            heapq.heappush(self.ends, (ends_ms, offer.number))

    def remove(self, number: int) -> Offer:
        """Let go of an auction."""
        offer = self.open.pop(number)
        self._count(offer.instrument, -offer.lots)
        numbers = self.of[offer.account]
        numbers.remove(number)
        if not numbers:
            del self.of[offer.account]
        return offer

    def _count(self, instrument: int, lots: int) -> None:
        self.lots_of[instrument] = self.lots_of.get(instrument, 0) + lots

    def add_whole(self, sale: WholeSale) -> None:
        """Take in the auction of an account."""
        self.selling[sale.number] = sale
        self.whole[sale.account] = sale.number
        heapq.heappush(self.ends, (sale.ends_ms, sale.number))

    def change_whole(
        self, sale: WholeSale, auction: TwoPhaseAuction, ends_ms: int, reserved_atoms: int
    ) -> None:
        """Step the auction of an account."""
        sale.auction, sale.reserved_atoms = auction, reserved_atoms
        if ends_ms != sale.ends_ms:
            sale.ends_ms = ends_ms
            heapq.heappush(self.ends, (ends_ms, sale.number))

    def remove_whole(self, sale: WholeSale) -> None:
        """Let go of the auction of an account."""
        del self.selling[sale.number]
        del self.whole[sale.account]

    def over(self, now_ms: int) -> Offer | WholeSale | None:
        """The auction that ended first, if one has."""
        while self.ends and self.ends[0][0] <= now_ms:
            ends_ms, number = heapq.heappop(self.ends)
            offer = self.open.get(number) or self.selling.get(number)
            if offer is not None and offer.ends_ms == ends_ms:
                return offer
        return None

    def binds(self, account: int) -> bool:
        """Whether an account is held by a bid that stands."""
        return any(_is_bidder(offer.sale, account) for offer in self.open.values())

    def forget(self, account: int) -> None:
        """An account left its liquidation: next time its auctions are new."""
        self.tried.pop(account, None)

    def count(self, account: int, instrument: int) -> int:
        """How many auctions of the account's lots ended without a taker for all of them."""
        return self.tried.get(account, {}).get(instrument, 0)

    def try_again(self, account: int, instrument: int) -> None:
        """Count one more of those."""
        self.tried.setdefault(account, {})[instrument] = self.count(account, instrument) + 1


def _is_bidder(sale: Sale, account: int) -> bool:
    if isinstance(sale, EnglishAuction):
        return sale.bid_expires_ms is not None and sale.bidder == account
    if isinstance(sale, SealedAuction):
        return any(one.bidder == account for one in sale.commitments)
    return isinstance(sale, BatchSale) and any(one.trader == account for one in sale.orders)


OfferRow = tuple[int, int, int, bool, str, str, int, int]
TriedRow = tuple[int, int, int]
WholeRow = tuple[int, int, str, str, int, int]


def remembered(offers: Offers) -> tuple[list[OfferRow], list[TriedRow], int, list[WholeRow]]:
    """The state as rows in canonical order; sales as JSON, for amounts may pass 64 bits.

    The number of the next auction counts from 0 here, so that a venue that never had one says
    nothing.
    """
    rows = [
        (
            number,
            offer.account,
            offer.instrument,
            offer.side is Side.BUY,
            msgspec.json.encode(offer.rule).decode(),
            msgspec.json.encode(offer.sale).decode(),
            offer.ends_ms,
            offer.deposit,
        )
        for number, offer in sorted(offers.open.items())
    ]
    tried = [
        (account, instrument, count)
        for account, counts in sorted(offers.tried.items())
        for instrument, count in sorted(counts.items())
    ]
    whole = [
        (
            number,
            sale.account,
            msgspec.json.encode(sale.rule).decode(),
            msgspec.json.encode(sale.auction).decode(),
            sale.ends_ms,
            sale.reserved_atoms,
        )
        for number, sale in sorted(offers.selling.items())
    ]
    return rows, tried, offers.next_number - 1, whole


def recalled(
    rows: list[OfferRow], tried: list[TriedRow], numbered: int, whole: list[WholeRow]
) -> Offers:
    """The state that was remembered."""
    offers = Offers(next_number=numbered + 1)
    for number, account, instrument, buys, rule_text, sale_text, ends_ms, deposit in rows:
        rule: EXITS = msgspec.json.decode(rule_text, type=EXITS)
        sale: Sale = msgspec.json.decode(sale_text, type=_FORM[type(rule)])
        side = Side.BUY if buys else Side.SELL
        offers.add(Offer(number, account, instrument, side, rule, sale, ends_ms, deposit))
    for account, instrument, count in tried:
        offers.tried.setdefault(account, {})[instrument] = count
    for number, account, rule_text, sale_text, ends_ms, reserved_atoms in whole:
        sold = msgspec.json.decode(rule_text, type=TwoPhaseExit)
        auction = msgspec.json.decode(sale_text, type=TwoPhaseAuction)
        offers.add_whole(WholeSale(number, account, sold, auction, ends_ms, reserved_atoms))
    return offers
