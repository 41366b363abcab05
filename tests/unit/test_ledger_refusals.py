"""Why a transfer is refused, and which refusal is said when several apply."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from seawall.ledger import REORDER_WINDOW, Cause, Ledger, Refusal, Transfer
from seawall.money import ATOMS_MAX

GOOD = Transfer(id=3, asset=0, source=0, target=1, atoms=5, reason=Cause.TRADE)


def opened() -> Ledger:
    """Two assets, three accounts, transfers 1 and 2 posted; account 1 is nearly full of asset 1."""
    ledger = Ledger(assets=2)
    ledger.open(3)
    assert ledger.post(Transfer(1, 0, 0, 1, 100, Cause.DEPOSIT)) is None
    assert ledger.post(Transfer(2, 1, 0, 1, ATOMS_MAX, Cause.DEPOSIT)) is None
    return ledger


# Each fault with the sentence that it stands for, in descending precedence.
FAULTS: dict[Refusal, tuple[str, dict[str, Any]]] = {
    Refusal.AMOUNT_NOT_POSITIVE: ("nothing is moved", {"atoms": 0}),
    Refusal.UNKNOWN_ASSET: ("asset 2 was never admitted", {"asset": 2}),
    Refusal.UNKNOWN_ACCOUNT: ("account 3 was never opened", {"source": 3, "target": 3}),
    Refusal.SAME_ACCOUNT: ("account 0 pays itself", {"source": 0, "target": 0}),
    Refusal.ALREADY_POSTED: ("transfer 2 is history", {"id": 2}),
    Refusal.CORRECTS_NOTHING: ("nothing is corrected", {"reason": Cause.CORRECTION}),
    Refusal.BALANCE_OVERFLOW: ("account 1 is full", {"asset": 1}),
}


def faulty(*refusals: Refusal) -> Transfer:
    changes: dict[str, Any] = {}
    for refusal in reversed(refusals):  # Where two change one field, the stronger one wins.
        changes |= FAULTS[refusal][1]
    return msgspec.structs.replace(GOOD, **changes)


def test_every_refusal_has_its_sentence_in_the_order_of_the_enum() -> None:
    assert list(FAULTS) == list(Refusal)


@pytest.mark.parametrize("refusal", Refusal, ids=lambda refusal: FAULTS[refusal][0])
def test_a_single_fault_is_named_and_changes_nothing(refusal: Refusal) -> None:
    ledger = opened()
    ledger.drain_touched()
    before = ledger.dump()
    assert ledger.post(faulty(refusal)) is refusal
    assert ledger.dump() == before
    assert ledger.drain_touched() == []
    assert ledger.post(GOOD) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [(a, b) for i, a in enumerate(Refusal) for b in list(Refusal)[i + 1 :]],
    ids=lambda refusal: refusal.value,
)
def test_of_two_faults_the_first_in_precedence_is_said(first: Refusal, second: Refusal) -> None:
    assert opened().post(faulty(first, second)) is first


@pytest.mark.parametrize("atoms", [-1, -ATOMS_MAX, 0])
def test_amounts_go_one_way(atoms: int) -> None:
    refused = opened().post(msgspec.structs.replace(GOOD, atoms=atoms))
    assert refused is Refusal.AMOUNT_NOT_POSITIVE


@pytest.mark.parametrize("field", ["asset", "source", "target"])
def test_numbers_below_zero_are_unknown(field: str) -> None:
    refused = opened().post(msgspec.structs.replace(GOOD, **{field: -1}))
    assert refused in (Refusal.UNKNOWN_ASSET, Refusal.UNKNOWN_ACCOUNT)


@pytest.mark.parametrize("field", ["id", "asset", "source", "target", "atoms"])
@pytest.mark.parametrize("kind", [float, np.int64, bool])
def test_nothing_but_int_reaches_a_balance(field: str, kind: type) -> None:
    ledger = opened()
    before = ledger.dump()
    value = True if kind is bool else kind(getattr(GOOD, field))
    with pytest.raises(TypeError):
        ledger.post(msgspec.structs.replace(GOOD, id=9, **{field: value}))
    assert ledger.dump() == before


def test_a_mistyped_transfer_does_not_free_the_ids_before_it() -> None:
    ledger = opened()
    wrong = msgspec.structs.replace(GOOD, id=4, source=0.0)
    with pytest.raises(TypeError):
        ledger.post_many([GOOD, wrong])
    assert ledger.post(GOOD) is Refusal.ALREADY_POSTED
    ledger.check()


def test_a_balance_may_reach_the_edge_on_both_sides_but_not_pass() -> None:
    ledger = opened()
    assert ledger.rows(1) == [(0, 100), (1, ATOMS_MAX)]
    assert ledger.rows(0) == [(0, -100), (1, -ATOMS_MAX)]
    assert ledger.post(Transfer(3, 1, 2, 1, 1, Cause.TRADE)) is Refusal.BALANCE_OVERFLOW
    assert ledger.post(Transfer(3, 1, 0, 2, 1, Cause.TRADE)) is Refusal.BALANCE_OVERFLOW
    assert ledger.post(Transfer(3, 1, 1, 0, 2**63, Cause.TRADE)) is Refusal.BALANCE_OVERFLOW
    assert ledger.post(Transfer(3, 1, 1, 0, ATOMS_MAX, Cause.TRADE)) is None
    assert ledger.rows(1) == [(0, 100)]
    ledger.check()


def test_a_correction_names_what_it_corrects() -> None:
    ledger = opened()
    back = Transfer(3, 0, 1, 0, 100, Cause.CORRECTION, corrects=1)
    for corrects in (None, 0, -1, 3, 4):
        wrong = msgspec.structs.replace(back, corrects=corrects)
        assert ledger.post(wrong) is Refusal.CORRECTS_NOTHING
    stray = msgspec.structs.replace(GOOD, corrects=1)
    assert ledger.post(stray) is Refusal.CORRECTS_NOTHING
    assert ledger.post(back) is None
    assert ledger.balance(1, 0) == 0


def test_ids_may_arrive_out_of_order_within_the_window_and_never_twice() -> None:
    ledger = opened()

    def post(number: int) -> Refusal | None:
        return ledger.post(msgspec.structs.replace(GOOD, id=number))

    assert post(6) is None
    assert post(4) is None
    assert post(4) is Refusal.ALREADY_POSTED
    assert post(6) is Refusal.ALREADY_POSTED
    assert ledger.next_id == 7
    assert post(5 + REORDER_WINDOW) is None  # Id 5 is now exactly the window behind: too old.
    assert post(5) is Refusal.ALREADY_POSTED
    assert post(7) is None
    assert post(0) is Refusal.ALREADY_POSTED
    assert post(10**15) is None
    assert post(10**15 - REORDER_WINDOW) is Refusal.ALREADY_POSTED
    assert post(10**15 - REORDER_WINDOW + 1) is None
    assert ledger.balance(1, 0) == 100 + 6 * 5
    restored = Ledger.restore(ledger.dump())
    for number in (10**15 - REORDER_WINDOW + 1, 10**15):
        again = msgspec.structs.replace(GOOD, id=number)
        assert restored.post(again) is Refusal.ALREADY_POSTED
    assert restored.post(msgspec.structs.replace(GOOD, id=10**15 - 1)) is None


def test_a_gap_cannot_be_corrected_before_it_is_filled() -> None:
    ledger = opened()
    ledger.post(msgspec.structs.replace(GOOD, id=5))
    fix = Transfer(6, 0, 1, 0, 1, Cause.CORRECTION, corrects=4)
    assert ledger.post(fix) is Refusal.CORRECTS_NOTHING
    ledger.post(msgspec.structs.replace(GOOD, id=4))
    assert ledger.post(fix) is None


def test_an_id_beyond_63_bits_is_an_error() -> None:
    with pytest.raises(ValueError, match="63 bits"):
        opened().post(msgspec.structs.replace(GOOD, id=2**63))


def test_a_batch_goes_on_after_a_refusal() -> None:
    ledger = opened()
    empty = msgspec.structs.replace(GOOD, id=4, atoms=0)
    last = msgspec.structs.replace(GOOD, id=4)
    assert ledger.post_many([GOOD, GOOD, empty, last]) == [
        (GOOD, Refusal.ALREADY_POSTED),
        (empty, Refusal.AMOUNT_NOT_POSITIVE),
    ]
    assert ledger.balance(1, 0) == 100 + 5 + 5


def test_a_batch_that_posts_while_it_is_read_loses_nothing() -> None:
    ledger = Ledger(assets=1)
    ledger.open(200)

    def busy():  # type: ignore[no-untyped-def]
        for account in range(1, 100):
            inner = Transfer(2 * account - 1, 0, 0, account, 1, Cause.TRADE)
            assert ledger.post(inner) is None
            yield Transfer(2 * account, 0, 0, 100 + account, 1, Cause.TRADE)

    assert ledger.post_many(busy()) == []
    assert ledger.balance(0, 0) == -198
    ledger.check()


def test_a_batch_whose_reading_moves_the_buffers_loses_nothing() -> None:
    ledger = Ledger(assets=1)
    ledger.open(1_003)
    assert ledger.load([1, 2], [0, 0], [10, 10], contra=0) is None

    def busy():  # type: ignore[no-untyped-def]
        assert ledger.load(range(3, 1_003), [0] * 1_000, [1] * 1_000, contra=0) is None
        yield Transfer(1, 0, 1, 2, 4, Cause.TRADE)

    assert ledger.post_many(busy()) == []
    assert (ledger.balance(1, 0), ledger.balance(2, 0)) == (6, 14)
    ledger.check()
