"""A mempool and the blocks that are built from it: who gets through, at which fee, and who waits.

Fees in wei for a unit of gas. Knows no keeper, no auction and no clock: blocks are counted.
Sources: EIP-1559 for base fee and priority fee; go-ethereum's price bump of 10 % for a replacement.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

from seawall.protocols.base_fee import next_base_fee

BUMP_PERCENT = 10  # A replacement offers so much more, in the cap and in the tip.


class Transaction(NamedTuple):
    """What a sender wants done once; the same sender and nonce again replaces it."""

    sender: int
    nonce: int
    gas: int
    fee_max: int  # Most that a unit of gas may cost in all.
    tip_max: int  # Most of it that the block's builder may keep.
    sent_block: int
    content: object = None

    def tip(self, base_fee: int) -> int:
        """What the builder would earn for a unit of gas; negative: it cannot be included."""
        return min(self.tip_max, self.fee_max - base_fee)


class Rejected(enum.IntEnum):
    """Why a transaction does not even wait."""

    UNDERPRICED_REPLACEMENT = 1  # It replaces another and does not offer 10 % more.
    NONCE_USED = 2  # Another of that number was included already.
    TIP_ABOVE_CAP = 3


class Block(NamedTuple):
    """What was included, in order, and what it does to the fee."""

    base_fee: int
    included: tuple[Transaction, ...]
    gas_used: int
    next_base_fee: int


class Mempool(NamedTuple):
    """Transactions that wait, by sender and nonce, and the next nonce of each sender."""

    waiting: tuple[Transaction, ...] = ()
    next_nonce: tuple[tuple[int, int], ...] = ()

    def nonce(self, sender: int) -> int:
        """The number of a sender's next transaction that is included."""
        return dict(self.next_nonce).get(sender, 0)

    def of(self, sender: int) -> tuple[Transaction, ...]:
        """What waits of one sender, by nonce."""
        return tuple(one for one in self.waiting if one.sender == sender)


def submit(pool: Mempool, sent: Transaction) -> tuple[Mempool, Rejected | None]:
    """Let a transaction wait; it takes the place of the one with its number, if it pays for it."""
    if sent.tip_max > sent.fee_max:
        return pool, Rejected.TIP_ABOVE_CAP
    if sent.nonce < pool.nonce(sent.sender):
        return pool, Rejected.NONCE_USED
    rest = []
    for one in pool.waiting:
        if (one.sender, one.nonce) != (sent.sender, sent.nonce):
            rest.append(one)
        elif not (_bumped(one.fee_max, sent.fee_max) and _bumped(one.tip_max, sent.tip_max)):
            return pool, Rejected.UNDERPRICED_REPLACEMENT
    return pool._replace(waiting=tuple(sorted((*rest, sent), key=_identity))), None


def drop(pool: Mempool, sender: int, nonce: int) -> Mempool:
    """Forget a transaction that waits: its sender replaced it by nothing, or it was evicted."""
    kept = tuple(one for one in pool.waiting if (one.sender, one.nonce) != (sender, nonce))
    return pool._replace(waiting=kept)


def build(
    pool: Mempool, base_fee: int, gas_limit: int, others: Iterable[Transaction] = ()
) -> tuple[Mempool, Block]:
    """The next block: the best tips first, a sender's own transactions in their order.

    `others` is the traffic of everybody else: it competes for this block, and what of it is not
    included is gone, for it is drawn anew for each block.
    """
    others = tuple(others)
    ranked = sorted(
        (one for one in (*pool.waiting, *others) if one.tip(base_fee) >= 0),
        key=lambda one: (-one.tip(base_fee), one.sent_block, _identity(one)),
    )
    next_nonce = dict(pool.next_nonce)
    senders_own = {one.sender for one in pool.waiting}
    included: list[Transaction] = []
    used, progressed = 0, True
    while progressed:
        progressed = False
        for one in tuple(ranked):
            is_next = one.sender not in senders_own or one.nonce == next_nonce.get(one.sender, 0)
            if not is_next or used + one.gas > gas_limit:
                continue
            ranked.remove(one)
            included.append(one)
            used += one.gas
            if one.sender in senders_own:
                next_nonce[one.sender] = one.nonce + 1
                progressed = True  # Its next one may fit now.
    done = {(one.sender, one.nonce) for one in included}
    left = tuple(one for one in pool.waiting if (one.sender, one.nonce) not in done)
    after = Mempool(left, tuple(sorted(next_nonce.items())))
    fee = next_base_fee(base_fee, used, gas_limit)
    return after, Block(base_fee, tuple(included), used, fee)


def _bumped(old: int, new: int) -> bool:
    return new * 100 >= old * (100 + BUMP_PERCENT)


def _identity(one: Transaction) -> tuple[int, int]:
    return one.sender, one.nonce
