"""Blocks by hand: who is included, what a replacement costs, what traffic does to the base fee."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seawall.simulation.mempool import Mempool, Rejected, Transaction, build, drop, submit

GWEI = 10**9


def sent(sender: int, nonce: int = 0, fee: int = 20, tip: int = 1, gas: int = 100, at: int = 0):
    return Transaction(sender, nonce, gas, fee * GWEI, tip * GWEI, at)


def waiting(*transactions: Transaction) -> Mempool:
    pool = Mempool()
    for one in transactions:
        pool, rejected = submit(pool, one)
        assert rejected is None
    return pool


def test_the_best_tip_goes_first_and_who_is_below_the_base_fee_waits():
    """Base 15: tips are min(1, 5) = 1, min(4, 20 − 15) = 4, and 14 − 15 < 0."""
    pool = waiting(sent(1), sent(2, tip=4), sent(3, fee=14))
    after, block = build(pool, 15 * GWEI, 1_000)
    assert [one.sender for one in block.included] == [2, 1]
    assert [one.sender for one in after.waiting] == [3]
    assert block.gas_used == 200
    # 200 of a target of 500: 15 · (1 − 300 ÷ 500 ÷ 8).
    assert block.next_base_fee == 15 * GWEI - 15 * GWEI * 3 // 40


def test_a_full_block_leaves_the_lowest_tip_out_and_raises_the_fee_by_an_eighth():
    pool = waiting(*(sent(sender, tip=sender) for sender in range(1, 4)))
    after, block = build(pool, 8 * GWEI, 200)
    assert [one.sender for one in block.included] == [3, 2]
    assert [one.sender for one in after.waiting] == [1]
    assert block.next_base_fee == 9 * GWEI


def test_a_replacement_offers_a_tenth_more_in_both():
    pool = waiting(sent(1, fee=20, tip=10))
    for cheap in (sent(1, fee=22, tip=10), sent(1, fee=21, tip=11)):
        same, rejected = submit(pool, cheap)
        assert rejected is Rejected.UNDERPRICED_REPLACEMENT
        assert same == pool
    pool, rejected = submit(pool, sent(1, fee=22, tip=11))
    assert rejected is None
    assert [one.fee_max for one in pool.waiting] == [22 * GWEI]
    assert drop(pool, 1, 0).waiting == ()


def test_a_stuck_transaction_holds_up_those_behind_it():
    """The 12 March 2020 way of waiting: a low offer with number 0, a good one with number 1."""
    pool = waiting(sent(1, 0, fee=10), sent(1, 1, fee=99, tip=50))
    pool, block = build(pool, 20 * GWEI, 1_000)
    assert block.included == ()
    pool, rejected = submit(pool, sent(1, 0, fee=50, tip=20))
    assert rejected is None
    pool, block = build(pool, 20 * GWEI, 1_000)
    assert [one.nonce for one in block.included] == [0, 1]
    assert submit(pool, sent(1, 1))[1] is Rejected.NONCE_USED
    assert submit(pool, sent(1, 2, fee=1, tip=2))[1] is Rejected.TIP_ABOVE_CAP


def test_traffic_takes_the_room_and_is_gone():
    others = [sent(-1 - n, tip=5) for n in range(10)]
    after, block = build(waiting(sent(1, tip=4)), GWEI, 1_000, others)
    assert all(one.sender < 0 for one in block.included)
    assert len(after.waiting) == 1


transactions = st.builds(
    sent, sender=st.integers(1, 4), nonce=st.integers(0, 3), fee=st.integers(1, 60),
    tip=st.integers(0, 20), gas=st.integers(1, 300), at=st.integers(0, 3),
)  # fmt: skip


@given(st.lists(transactions, max_size=12), st.integers(0, 60), st.integers(300, 900))
def test_nothing_is_lost_and_nobody_pays_more_than_offered(offered, base, limit):
    pool = Mempool()
    for one in offered:
        pool, _ = submit(pool, one)
    after, block = build(pool, base * GWEI, limit)
    assert sorted((*after.waiting, *block.included)) == sorted(pool.waiting)
    assert sum(one.gas for one in block.included) == block.gas_used <= limit
    assert all(one.fee_max >= block.base_fee for one in block.included)
    for sender in range(1, 5):
        nonces = [one.nonce for one in block.included if one.sender == sender]
        assert nonces == list(range(len(nonces)))
