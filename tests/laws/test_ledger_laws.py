"""Laws of the ledger under random actions: zero sums, a model twin, one state for one content."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from seawall.ledger import Cause, Ledger, Refusal, Transfer
from seawall.ledger.sums import sums_by_asset, sums_by_run
from seawall.money import ATOMS_MAX

CAUSES = [cause for cause in Cause if cause is not Cause.CORRECTION]


class Twin:
    """The same ledger as a plain dictionary, written to be obviously right."""

    def __init__(self, assets: int) -> None:
        self.assets = assets
        self.accounts = 0
        self.balances: dict[tuple[int, int], int] = defaultdict(int)
        self.posted: set[int] = set()

    def post(self, transfer: Transfer) -> Refusal | None:
        paid, got = (transfer.source, transfer.asset), (transfer.target, transfer.asset)
        faults = {
            Refusal.AMOUNT_NOT_POSITIVE: transfer.atoms <= 0,
            Refusal.UNKNOWN_ASSET: transfer.asset not in range(self.assets),
            Refusal.UNKNOWN_ACCOUNT: transfer.source not in range(self.accounts)
            or transfer.target not in range(self.accounts),
            Refusal.SAME_ACCOUNT: transfer.source == transfer.target,
            Refusal.ALREADY_POSTED: transfer.id in self.posted,
            Refusal.BALANCE_OVERFLOW: transfer.atoms > ATOMS_MAX
            or self.balances[paid] - transfer.atoms < -ATOMS_MAX
            or self.balances[got] + transfer.atoms > ATOMS_MAX,
        }
        for refusal, applies in faults.items():
            if applies:
                return refusal
        self.balances[paid] -= transfer.atoms
        self.balances[got] += transfer.atoms
        self.posted.add(transfer.id)
        return None

    def load(self, rows: list[tuple[int, int, int]], contra: int) -> Refusal | None:
        after = self.balances.copy()
        for account, asset, quantity in rows:
            after[account, asset] += quantity
            after[contra, asset] -= quantity
        if any(abs(balance) > ATOMS_MAX for balance in after.values()):
            return Refusal.BALANCE_OVERFLOW
        self.balances = after
        return None

    def rows(self, account: int) -> list[tuple[int, int]]:
        held = ((asset, atoms) for (a, asset), atoms in self.balances.items() if a == account)
        return sorted(row for row in held if row[1])


def assert_equal(ledger: Ledger, twin: Twin) -> None:
    ledger.check()
    assert ledger.accounts == twin.accounts
    columns = ledger.columns()
    for account in range(twin.accounts):
        expected = twin.rows(account)
        assert ledger.rows(account) == expected
        first = columns.start[account]
        last = first + columns.count[account]
        seen = zip(
            columns.asset[first:last].tolist(), columns.balance[first:last].tolist(), strict=True
        )
        assert list(seen) == expected


def random_amount(dice: random.Random) -> int:
    return dice.choice(
        (
            dice.randint(1, 9),
            dice.randint(1, 9),
            dice.randint(1, 10**12),
            dice.randint(ATOMS_MAX // 2, ATOMS_MAX),
            dice.randint(-1, 0),
        )
    )


def random_transfer(dice: random.Random, number: int, accounts: int, assets: int) -> Transfer:
    return Transfer(
        number if dice.random() < 0.9 else number + dice.randint(-3, 3),
        dice.randint(0, assets) if dice.random() < 0.05 else dice.randrange(assets),
        dice.randrange(-1, accounts + 1) if dice.random() < 0.05 else dice.randrange(accounts),
        dice.randrange(accounts),
        random_amount(dice),
        dice.choice(CAUSES),
    )


def random_rows(dice: random.Random, accounts: int, assets: int) -> list[tuple[int, int, int]]:
    return [
        (
            dice.randrange(accounts),
            dice.randrange(assets),
            dice.choice((1, -1)) * abs(random_amount(dice)),
        )
        for _ in range(dice.randint(0, 30))
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_actions_keep_the_ledger_and_its_twin_equal(seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    assets = 25
    ledger, twin = Ledger(assets), Twin(assets)
    twin.accounts = 3
    ledger.open(3)
    for _ in range(300):
        action = dice.choices(("post", "batch", "load", "open", "restore"), (60, 15, 15, 5, 5))[0]
        if action == "post":
            transfer = random_transfer(dice, ledger.next_id, twin.accounts, assets)
            assert ledger.post(transfer) == twin.post(transfer)
        elif action == "batch":
            batch = [
                random_transfer(dice, ledger.next_id + i, twin.accounts, assets) for i in range(20)
            ]
            expected = [(t, refusal) for t in batch if (refusal := twin.post(t)) is not None]
            assert ledger.post_many(batch) == expected
        elif action == "load":
            rows = random_rows(dice, twin.accounts, assets)
            contra = dice.randrange(twin.accounts)
            columns = np.array(rows, np.int64).reshape(-1, 3).T
            assert ledger.load(*columns, contra) == twin.load(rows, contra)
        elif action == "open":
            assert ledger.open(2) == twin.accounts
            twin.accounts += 2
        else:
            ledger = Ledger.restore(ledger.dump())
        # Ids that the twin forgets to call too old would need a gap of 1,024: none arises here.
        assert_equal(ledger, twin)


@pytest.mark.parametrize("seed", range(4))
def test_touched_accounts_are_exactly_those_whose_rows_changed(seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    ledger = Ledger(5)
    ledger.open(12)
    before = [ledger.rows(account) for account in range(12)]
    for _ in range(100):
        if dice.random() < 0.5:
            ledger.post(random_transfer(dice, ledger.next_id, 12, 5))
        else:
            rows = random_rows(dice, 12, 5)[:4]
            ledger.load(*np.array(rows, np.int64).reshape(-1, 3).T, contra=0)
        after = [ledger.rows(account) for account in range(12)]
        changed = [a for a in range(12) if before[a] != after[a]]
        touched = ledger.drain_touched()
        assert touched == sorted(set(touched))
        assert set(changed) <= set(touched)  # Rows that cancel may touch without a change.
        before = after


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_transfers_leaves_no_trace_in_the_state(seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    moves = [
        (dice.randrange(9), *dice.sample(range(8), 2), dice.randint(1, 99)) for _ in range(200)
    ]
    hashes = set()
    for _ in range(3):
        dice.shuffle(moves)
        ledger = Ledger(9)
        ledger.open(8)
        transfers = [Transfer(i, *move, Cause.TRADE) for i, move in enumerate(moves, 1)]
        assert ledger.post_many(transfers) == []
        hashes.add(ledger.state_hash())
    legs = [(t, a, n) for a, _, t, n in moves] + [(s, a, -n) for a, s, _, n in moves]
    ledger = Ledger(9)
    ledger.open(8)
    assert ledger.load(*np.array(legs).T, contra=0) is None
    hashes.add(ledger.state_hash())
    assert len(hashes) == 1


class PostingAndUndoing(RuleBasedStateMachine):
    """Hypothesis looks for a short history after which a correction does not undo everything."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(3)
        self.ledger.open(4)
        self.done: list[Transfer] = []

    @rule(
        asset=st.integers(0, 2),
        ends=st.permutations(range(4)),
        atoms=st.sampled_from((1, 2, 2**62, ATOMS_MAX)),
        skip=st.integers(0, 2),
    )
    def move(self, asset: int, ends: list[int], atoms: int, skip: int) -> None:
        transfer = Transfer(self.ledger.next_id + skip, asset, ends[0], ends[1], atoms, Cause.TRADE)
        before = self.ledger.state_hash()
        if self.ledger.post(transfer) is None:
            self.done.append(transfer)
        else:
            assert self.ledger.state_hash() == before

    @precondition(lambda self: self.done)
    @rule()
    def undo_last(self) -> None:
        last = self.done.pop()
        back = Transfer(
            self.ledger.next_id,
            last.asset,
            last.target,
            last.source,
            last.atoms,
            Cause.CORRECTION,
            last.id,
        )
        assert self.ledger.post(back) is None

    @precondition(lambda self: self.done)
    @rule()
    def repeat_last(self) -> None:
        assert self.ledger.post(self.done[-1]) is Refusal.ALREADY_POSTED

    @invariant()
    def sums_vanish(self) -> None:
        self.ledger.check()

    def teardown(self) -> None:
        while self.done:
            self.undo_last()
        assert [self.ledger.rows(account) for account in range(4)] == [[]] * 4


TestPostingAndUndoing = PostingAndUndoing.TestCase
TestPostingAndUndoing.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)

quantities = st.lists(
    st.integers(-(2**63), 2**63 - 1) | st.sampled_from((2**63 - 1, -(2**63), 1, -1)),
    min_size=1,
    max_size=40,
)


@given(quantities, st.data())
def test_sums_of_runs_never_wrap(numbers: list[int], data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(1, len(numbers)), max_size=6)) - {len(numbers)}
    heads = [0, *sorted(cuts)]
    ends = [*heads[1:], len(numbers)]
    true = [sum(numbers[a:b]) for a, b in zip(heads, ends, strict=True)]
    total, fits = sums_by_run(np.array(numbers, np.int64), np.array(heads))
    assert fits == all(abs(number) <= ATOMS_MAX for number in true)
    if fits:
        assert total.tolist() == true


@given(quantities, st.data())
def test_sums_of_assets_are_exact_beyond_63_bits(numbers: list[int], data: st.DataObject) -> None:
    size = len(numbers)
    assets = data.draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
    true: dict[int, int] = defaultdict(int)
    for asset, number in zip(assets, numbers, strict=True):
        true[asset] += number
    seen = sums_by_asset(np.array(assets), np.array(numbers, np.int64), 6)
    assert seen == {asset: total for asset, total in true.items() if total}
