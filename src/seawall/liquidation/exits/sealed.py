"""A sealed auction: bids are committed as hashes, revealed together, and only then compared.

Nobody can copy or outbid what nobody can read. A commitment is bound to auction and bidder, so a
copied hash is worth nothing, and carries a deposit that is lost without a reveal. It sells; nothing
is bought back by it. Knows no clock.
"""

from __future__ import annotations

import enum
import hashlib
from typing import NamedTuple

from seawall.liquidation.exits.contract import (
    ExitResult,
    Refusal,
    RefusedError,
    conserved,
    fill_at,
    must_ask,
)
from seawall.liquidation.exits.rules import SealedExit
from seawall.money import RATIO_ONE, Rounding, divide, parse_ratio


class Pricing(enum.IntEnum):
    """What a winner pays for a lot."""

    FIRST = 1  # Its own bid.
    SECOND = 2  # The best bid that got nothing, or not all: nobody gains by shading a bid.


class Commitment(NamedTuple):
    """A bid that is not known yet, or no longer secret."""

    bidder: int
    digest: bytes
    deposit: int  # Price atoms × lots.
    lots: int = 0  # 0 until revealed.
    price: int = 0


class SealedAuction(NamedTuple):
    """What is for sale; commitments until `reveal_from_ms`, reveals from then to `ends_ms`."""

    number: int  # Tells auctions apart.
    lots: int
    reserve: int  # Price atoms.
    deposit_least: int  # Price atoms × lots.
    pricing: Pricing
    reveal_from_ms: int
    ends_ms: int
    commitments: tuple[Commitment, ...] = ()


class SealedResult(NamedTuple):
    """Who takes what; what happens to the deposits. Σ returned + Σ forfeited = Σ deposits."""

    result: ExitResult
    returned: tuple[tuple[int, int], ...]  # (bidder, price atoms × lots)
    forfeited: tuple[tuple[int, int], ...]


def commitment(auction: int, bidder: int, lots: int, price: int, salt: bytes) -> bytes:
    """SHA-256 of the auction, the bidder, the bid and a salt that keeps it from being guessed.

    Integers are written in 16 bytes with sign, the salt follows, so no two bids read alike.
    """
    fixed = b"".join(n.to_bytes(16, "big", signed=True) for n in (auction, bidder, lots, price))
    return hashlib.sha256(fixed + salt).digest()


def open_sealed(rule: SealedExit, number: int, lots: int, mark: int, now_ms: int) -> SealedAuction:
    """An auction from now; reserve and deposit are shares of the mark and of the value, up."""
    reveal_from_ms = now_ms + rule.commit_seconds * 1000
    return SealedAuction(
        number=number,
        lots=lots,
        reserve=divide(mark * parse_ratio(rule.reserve_ratio), RATIO_ONE, Rounding.UP),
        deposit_least=divide(lots * mark * parse_ratio(rule.deposit_ratio), RATIO_ONE, Rounding.UP),
        pricing=Pricing[rule.price.upper()],
        reveal_from_ms=reveal_from_ms,
        ends_ms=reveal_from_ms + rule.reveal_seconds * 1000,
    )


def commit(
    auction: SealedAuction, now_ms: int, bidder: int, digest: bytes, deposit: int
) -> SealedAuction:
    """Lodge a bid that nobody can read; one for each bidder, before the reveals begin."""
    if now_ms >= auction.reveal_from_ms:
        raise RefusedError(Refusal.OVER)
    if any(one.bidder == bidder for one in auction.commitments):
        raise RefusedError(Refusal.DUPLICATE_BIDDER)
    if deposit < auction.deposit_least:
        raise RefusedError(Refusal.DEPOSIT_TOO_SMALL)
    lodged = Commitment(bidder, digest, deposit)
    return auction._replace(commitments=(*auction.commitments, lodged))


def reveal(
    auction: SealedAuction, now_ms: int, bidder: int, lots: int, price: int, salt: bytes
) -> SealedAuction:
    """Open a bid; one that does not match what was committed is refused."""
    if now_ms < auction.reveal_from_ms:
        raise RefusedError(Refusal.NOT_STARTED)
    if now_ms >= auction.ends_ms:
        raise RefusedError(Refusal.OVER)
    must_ask(lots, price)
    for place, one in enumerate(auction.commitments):
        if one.bidder != bidder:
            continue
        if one.lots:
            raise RefusedError(Refusal.ALREADY_REVEALED)
        if commitment(auction.number, bidder, lots, price, salt) != one.digest:
            raise RefusedError(Refusal.COMMITMENT_MISMATCH)
        opened = one._replace(lots=lots, price=price)
        before, after = auction.commitments[:place], auction.commitments[place + 1 :]
        return auction._replace(commitments=(*before, opened, *after))
    raise RefusedError(Refusal.UNKNOWN_BIDDER)


def settle(auction: SealedAuction, now_ms: int) -> SealedResult:
    """Lots to the best bids at or above the reserve, among equals to the earlier commitment.

    A deposit goes back to whoever revealed, also to a loser; the others' is forfeited.
    """
    if now_ms < auction.ends_ms:
        raise RefusedError(Refusal.NOT_OVER)
    revealed = [one for one in auction.commitments if one.lots]
    valid = sorted(
        (one for one in revealed if one.price >= auction.reserve), key=lambda one: -one.price
    )
    left, uniform = auction.lots, auction.reserve
    won = []
    for one in valid:
        taken = min(left, one.lots)
        if taken:
            won.append((one, taken))
        if taken < one.lots:
            uniform = max(uniform, one.price)
        left -= taken
    fills = [
        fill_at(one.bidder, taken, one.price if auction.pricing is Pricing.FIRST else uniform)
        for one, taken in won
    ]
    return SealedResult(
        conserved(auction.lots, fills, left),
        tuple((one.bidder, one.deposit) for one in revealed),
        tuple((one.bidder, one.deposit) for one in auction.commitments if not one.lots),
    )
