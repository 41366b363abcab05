"""Columns, bulk loads, dumps, and a check that notices when somebody tampers."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from seawall.ledger import Cause, DumpError, Ledger, Refusal, Transfer
from seawall.money import ATOMS_MAX


def small() -> Ledger:
    """Account 1: 50 of asset 2 and −3 of asset 0; account 2: 7 of asset 1; 0 stands against."""
    ledger = Ledger(assets=3)
    ledger.open(3)
    assert ledger.load([1, 2, 1], [2, 1, 0], [50, 7, -3], contra=0) is None
    return ledger


def test_a_load_is_sorted_and_its_contra_account_balances_it() -> None:
    ledger = small()
    assert ledger.rows(0) == [(0, 3), (1, -7), (2, -50)]
    assert ledger.rows(1) == [(0, -3), (2, 50)]
    assert ledger.rows(2) == [(1, 7)]
    assert ledger.drain_touched() == [0, 1, 2]
    assert ledger.drain_touched() == []
    ledger.check()


def test_rows_of_a_load_add_up_with_each_other_and_with_what_is_there() -> None:
    ledger = small()
    ledger.drain_touched()
    # Asset 2: 50 − 20 − 30 is zero, so the row goes; asset 0: −3 + 4; asset 1 is new.
    assert ledger.load([1, 1, 1, 1], [2, 0, 2, 1], [-20, 4, -30, 9], 0, Cause.FUNDING) is None
    assert ledger.rows(1) == [(0, 1), (1, 9)]
    assert ledger.rows(0) == [(0, -1), (1, -16)]
    assert ledger.drain_touched() == [0, 1]
    ledger.check()


def test_a_load_that_cancels_leaves_contra_alone() -> None:
    ledger = small()
    ledger.drain_touched()
    assert ledger.load([1, 2], [0, 0], [5, -5], contra=0) is None
    assert ledger.drain_touched() == [1, 2]
    assert ledger.rows(0) == [(0, 3), (1, -7), (2, -50)]


def test_what_contra_gives_itself_is_nothing() -> None:
    ledger = small()
    before = ledger.state_hash()
    assert ledger.load([0, 0, 1], [0, 1, 2], [10, -(2**63), 0], contra=0) is None
    assert ledger.load([], [], [], contra=0) is None
    assert ledger.state_hash() == before


@pytest.mark.parametrize(
    ("account", "asset", "quantity", "contra", "refusal"),
    [
        ([1], [3], [1], 0, Refusal.UNKNOWN_ASSET),
        ([9], [-1], [1], 0, Refusal.UNKNOWN_ASSET),
        ([3], [0], [1], 0, Refusal.UNKNOWN_ACCOUNT),
        ([-1], [0], [1], 0, Refusal.UNKNOWN_ACCOUNT),
        ([1], [0], [1], 3, Refusal.UNKNOWN_ACCOUNT),
        ([1], [0], [-(2**63)], 0, Refusal.BALANCE_OVERFLOW),
        ([2, 2], [0, 0], [ATOMS_MAX, 1], 1, Refusal.BALANCE_OVERFLOW),
        ([1], [2], [ATOMS_MAX - 49], 0, Refusal.BALANCE_OVERFLOW),  # 50 are there.
        ([1, 2], [1, 1], [ATOMS_MAX, ATOMS_MAX - 7], 0, Refusal.BALANCE_OVERFLOW),  # Contra.
    ],
)
def test_a_load_is_refused_whole(
    account: list[int], asset: list[int], quantity: list[int], contra: int, refusal: Refusal
) -> None:
    ledger = small()
    ledger.drain_touched()
    before = ledger.dump()
    assert ledger.load([1, *account], [0, *asset], [1, *quantity], contra) is refusal
    assert ledger.dump() == before
    assert ledger.drain_touched() == []


def test_the_one_int64_without_a_negative_is_no_balance() -> None:
    ledger = Ledger(assets=1)
    ledger.open(3)
    refused = ledger.load([1, 2], [0, 0], [-(2**63), ATOMS_MAX], contra=0)  # Contra: just 1.
    assert refused is Refusal.BALANCE_OVERFLOW
    assert ledger.rows(1) == []


def test_partial_sums_may_leave_the_range_if_the_whole_fits() -> None:
    ledger = small()
    many = [ATOMS_MAX] * 5 + [-ATOMS_MAX] * 5 + [1]
    assert ledger.load([2] * 11, [0] * 11, many, contra=0) is None
    assert ledger.balance(2, 0) == 1
    assert ledger.balance(0, 0) == 3 - 1
    ledger.check()


@pytest.mark.parametrize(
    "wrong", [[1.0], [True], np.array([1], np.uint64), ["1"], [2**70], [[1]]], ids=str
)
def test_columns_of_a_load_are_whole_numbers(wrong: list[object]) -> None:
    for place in range(3):
        columns: list[object] = [[1], [1], [1]]
        columns[place] = wrong
        with pytest.raises(TypeError):
            small().load(*columns, contra=0)  # type: ignore[arg-type, misc]


def test_columns_of_a_load_have_one_length_and_a_load_corrects_nothing() -> None:
    with pytest.raises(ValueError, match="have 1, 2 and 1 rows"):
        small().load([1], [1, 2], [1], 0)
    with pytest.raises(ValueError, match="correction"):
        small().load([1], [1], [1], 0, Cause.CORRECTION)


def test_columns_are_the_ledger_s_own_memory_and_read_only() -> None:
    ledger = small()
    columns = ledger.columns()
    first = columns.start[1]
    assert columns.asset[first : first + columns.count[1]].tolist() == [0, 2]
    ledger.post(Transfer(1, 2, 0, 1, 8, Cause.TRADE))
    assert ledger.generation == columns.generation
    assert columns.balance[first : first + 2].tolist() == [-3, 58]
    assert [c.dtype for c in (columns.start, columns.count, columns.asset, columns.balance)] == [
        np.int64,
        np.int64,
        np.int32,
        np.int64,
    ]
    for column in (columns.start, columns.count, columns.asset, columns.balance):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True


def test_buffers_grow_under_old_views_and_the_generation_says_so() -> None:
    ledger = Ledger(assets=1_000)
    ledger.open(2)
    old = ledger.columns()
    for number in range(1, 1_001):
        assert ledger.post(Transfer(number, number % 997, 0, 1, number, Cause.TRADE)) is None
    assert ledger.generation > old.generation
    assert len(old.balance) < 997
    columns = ledger.columns()
    assert columns.count.tolist() == [997, 997]
    for account in (0, 1):
        first = columns.start[account]
        assert columns.asset[first : first + 997].tolist() == list(range(997))
    assert ledger.balance(1, 1) == 1 + 998
    ledger.check()


def test_opening_accounts_keeps_the_rows_of_others() -> None:
    ledger = small()
    before, generation = ledger.columns(), ledger.generation
    assert ledger.open(0) == 3
    assert ledger.open(1_000) == 3
    assert (ledger.accounts, len(ledger.columns().start), len(before.start)) == (1_003, 1_003, 3)
    assert ledger.generation == generation
    assert ledger.rows(1) == [(0, -3), (2, 50)]
    assert ledger.rows(1_002) == []
    assert ledger.admit(2) == 3
    assert ledger.post(Transfer(1, 4, 1_002, 1, 1, Cause.TRADE)) is None
    ledger.check()


def test_holders_are_found_whatever_the_order_of_regions() -> None:
    ledger = Ledger(assets=40)
    ledger.open(6)
    number = 0
    for account in (5, 1, 4, 2):
        for asset in range(3 * account):  # Regions of 12 and 15 rows move to the end.
            number += 1
            ledger.post(Transfer(number, asset, 0, account, account, Cause.TRADE))
    ledger.post(Transfer(number + 1, 7, 4, 0, 4, Cause.TRADE))  # Account 4 leaves asset 7.
    accounts, balances = ledger.holders(7)
    assert accounts.tolist() == [0, 5]
    assert balances.tolist() == [-5, 5]
    accounts, balances = ledger.holders(0)
    assert accounts.tolist() == [0, 1, 2, 4, 5]
    assert balances.tolist() == [-12, 1, 2, 4, 5]
    assert ledger.holders(39)[0].tolist() == []
    assert Ledger(assets=1).holders(0)[0].tolist() == []


def test_the_state_does_not_remember_how_it_came_about() -> None:
    ledger = small()
    other = Ledger(assets=3)
    other.open(3)
    history = [(2, 0, 1, 49), (0, 1, 0, 3), (1, 2, 0, 3), (1, 0, 2, 10), (2, 0, 1, 1)]
    transfers = [
        Transfer(i, asset, source, target, atoms, Cause.TRADE)
        for i, (asset, source, target, atoms) in enumerate(history, 1)
    ]
    assert other.post_many(transfers) == []
    assert other.state_bytes() == ledger.state_bytes()
    assert other.state_hash() == ledger.state_hash()
    assert other.dump() != ledger.dump()  # The dump also knows which ids are used.
    other.post(Transfer(6, 0, 0, 1, 1, Cause.TRADE))
    assert other.state_hash() != ledger.state_hash()


def test_the_hash_of_a_small_ledger_is_the_hash_of_its_bytes_written_by_hand() -> None:
    import hashlib

    by_hand = (
        struct.pack("<3q", 3, 3, 6)  # Accounts, assets, rows.
        + struct.pack("<3i", 3, 2, 1)  # Rows of each account.
        + struct.pack("<6i", 0, 1, 2, 0, 2, 1)  # Assets.
        + struct.pack("<6q", 3, -7, -50, -3, 50, 7)  # Balances.
    )
    assert small().state_bytes() == by_hand
    assert small().state_hash() == hashlib.sha256(by_hand).hexdigest()


def test_a_dump_is_restored_to_the_same_ledger() -> None:
    ledger = small()
    ledger.post(Transfer(4, 2, 0, 1, 8, Cause.TRADE))
    restored = Ledger.restore(ledger.dump())
    assert restored.dump() == ledger.dump()
    assert restored.next_id == 5
    assert restored.drain_touched() == []
    assert [restored.rows(a) for a in range(3)] == [ledger.rows(a) for a in range(3)]
    restored.check()
    empty = Ledger.restore(Ledger().dump())
    assert (empty.accounts, empty.assets, empty.next_id) == (0, 0, 1)


@pytest.mark.parametrize("length", [0, 10, 31, 32, 50, 100, -1])
def test_a_dump_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(DumpError, match=r"at \$\."):
        Ledger.restore(small().dump()[:length])


def test_a_dump_that_goes_on_is_refused() -> None:
    with pytest.raises(DumpError, match=r"at \$\.rows"):
        Ledger.restore(small().dump() + b"\0")


def test_any_changed_byte_of_the_rows_is_refused() -> None:
    dump = small().dump()
    for place in range(len(dump) - 6 * 8, len(dump)):  # Balances: the sums no longer vanish.
        spoiled = bytearray(dump)
        spoiled[place] ^= 0x80
        with pytest.raises(DumpError):
            Ledger.restore(bytes(spoiled))


def test_numbers_of_unknown_accounts_are_errors_of_the_caller() -> None:
    for account in (-1, 3):
        with pytest.raises(ValueError, match="not among 3"):
            small().rows(account)
        with pytest.raises(ValueError, match="not among 3"):
            small().balance(account, 0)
    for count in (-1, 2**31):
        with pytest.raises(ValueError, match="cannot"):
            small().open(count)
        with pytest.raises(ValueError, match="cannot"):
            small().admit(count)


def spoil_balance(ledger: Ledger) -> None:
    ledger._regions.balance[ledger._regions.start[1]] += 1


def spoil_order(ledger: Ledger) -> None:
    ledger._regions.asset[ledger._regions.start[1]] = 2


def spoil_zero(ledger: Ledger) -> None:
    ledger._regions.balance[ledger._regions.start[2]] = 0


def spoil_count(ledger: Ledger) -> None:
    ledger._regions.used[2] = 10**6


def spoil_start(ledger: Ledger) -> None:
    ledger._regions.start[2] = ledger._regions.start[1] + 1


def spoil_asset(ledger: Ledger) -> None:
    ledger._regions.asset[ledger._regions.start[2]] = 3


def spoil_wrap(ledger: Ledger) -> None:
    ledger._regions.balance[ledger._regions.start[2]] = -(2**63)


def spoil_ids(ledger: Ledger) -> None:
    ledger._skipped.add(7)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_balance, "asset 0 sums to 1, not to zero"),
        (spoil_order, "account 1 has rows that are not sorted"),
        (spoil_zero, "account 2 has a row of zero"),
        (spoil_count, "account 2 has a region outside"),
        (spoil_start, "accounts 1 and 2 overlap"),
        (spoil_asset, "assets outside 0 to 2"),
        (spoil_wrap, "a balance is -2\\^63"),
        (spoil_ids, "skipped ids reach beyond"),
    ],
)
def test_the_check_notices_tampering_and_shows_the_state(spoil, sentence: str) -> None:  # type: ignore[no-untyped-def]
    ledger = small()
    ledger.check()
    spoil(ledger)
    with pytest.raises(AssertionError, match=sentence) as caught:
        ledger.check()
    assert "Ledger(3 accounts, 3 assets" in str(caught.value)
