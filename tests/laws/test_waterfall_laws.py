"""Whatever the policy: nothing is created, nobody gives more than asked, and draws repeat."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from seawall.liquidation import Candidate
from seawall.liquidation.allocation import POLICIES, Policy, allocate
from seawall.liquidation.funds import Fund, draw, replenish
from seawall.liquidation.haircuts import (
    Holding,
    per_contract,
    per_deposit,
    redistribute,
    withdrawal_haircut,
)
from seawall.liquidation.overshoot import Overshoot, total
from seawall.money import RATIO_ONE

candidates = st.lists(
    st.tuples(st.integers(-(10**9), 10**9), st.integers(-(10**12), 10**12), st.integers(1, 10**12)),
    max_size=8,
).map(
    lambda rows: [
        Candidate(number, lots, profit, abs(lots) * 7, equity)
        for number, (lots, profit, equity) in enumerate(rows)
    ]
)
held = st.lists(st.integers(-(10**12), 10**12), max_size=8).map(
    lambda amounts: [Holding(number, amount) for number, amount in enumerate(amounts)]
)


@given(
    st.sampled_from(POLICIES),
    st.integers(-(10**9), 10**9).filter(bool),
    candidates,
    st.integers(0, RATIO_ONE),
)
def test_every_policy_takes_what_is_missing_from_the_other_side(
    policy: Policy, lots: int, held: list[Candidate], cap: int
) -> None:
    made = allocate(policy, lots, held, cap_ratio=cap, seed=b"tick 7")
    assert sum(take.lots for take in made.takes) + made.remainder == lots
    own = {one.account: one.lots for one in held}
    for take in made.takes:
        assert take.lots * lots > 0 > own[take.account] * lots
        assert abs(take.lots) <= abs(own[take.account])
        if policy == "capped_pro_rata":
            assert abs(take.lots) * RATIO_ONE <= abs(own[take.account]) * cap
    other_side = sum(abs(n) for n in own.values() if n * lots < 0)
    if policy != "capped_pro_rata":
        assert abs(made.remainder) == max(0, abs(lots) - other_side)
    assert allocate(policy, lots, held[::-1], cap_ratio=cap, seed=b"tick 7") == made


@given(st.integers(1, 10**9), candidates)
def test_in_proportion_nobody_is_a_lot_from_the_true_share(
    lots: int, held: list[Candidate]
) -> None:
    made = allocate("pro_rata", lots, held)
    sizes = {one.account: -one.lots for one in held if one.lots < 0}
    everything = sum(sizes.values())
    taken = {take.account: take.lots for take in made.takes}
    for account, size in sizes.items():
        true = min(lots, everything) * size
        assert abs(taken.get(account, 0) * everything - true) < everything


ratios = st.integers(1, 1000).map(lambda parts: Decimal(parts) / 1000)
funds = st.lists(
    st.tuples(st.lists(st.sampled_from("ABC"), max_size=2), ratios, ratios), max_size=4
).map(
    lambda rows: [
        Fund(name=f"fund {n}", markets=tuple(markets), event_cap=cap, fee_share=share)
        for n, (markets, cap, share) in enumerate(rows)
    ]
)
balances = st.lists(st.integers(-5, 10**15), min_size=4, max_size=4).map(
    lambda atoms: {f"fund {n}": balance for n, balance in enumerate(atoms)}
)


@given(st.integers(0, 10**15), st.sampled_from("ABC"), funds, balances)
def test_funds_pay_in_order_and_within_their_caps(
    deficit: int, market: str, rules: list[Fund], owned: dict[str, int]
) -> None:
    made = draw(deficit, market, rules, owned)
    assert sum(atoms for _, atoms in made.payments) + made.remainder == deficit
    paid = dict(made.payments)
    emptied = True
    for fund in rules:
        atoms = paid.get(fund.name, 0)
        assert not atoms or fund.stands_behind(market)
        assert atoms <= max(0, owned[fund.name]) * fund.event_cap
        if atoms:
            assert emptied, "a later fund paid while an earlier one could"
        if fund.stands_behind(market):
            emptied = emptied and atoms == int(max(0, owned[fund.name]) * fund.event_cap)
    assert emptied or not made.remainder


@given(st.integers(0, 10**15), st.sampled_from("ABC"), funds, balances)
def test_fees_fill_no_fund_beyond_its_room(
    fee: int, market: str, rules: list[Fund], room: dict[str, int]
) -> None:
    made = replenish(fee, market, rules, room)
    assert sum(atoms for _, atoms in made.payments) + made.remainder == fee
    for name, atoms in made.payments:
        assert 0 < atoms <= room[name]


@given(st.integers(0, 10**15), held)
def test_losses_are_shared_to_the_atom(loss: int, accounts: list[Holding]) -> None:
    contracts = per_contract(loss, accounts)
    assert sum(atoms for _, atoms in contracts.shares) + contracts.remainder == loss
    assert contracts.remainder == (0 if any(each.amount for each in accounts) else loss)
    deposits = per_deposit(loss, accounts)
    assert sum(atoms for _, atoms in deposits.shares) + deposits.remainder == loss
    owned = {each.account: each.amount for each in accounts}
    assert all(atoms <= owned[account] for account, atoms in deposits.shares)


@given(st.integers(0, 10**15), st.integers(0, 10**15), held)
def test_redistribution_moves_debt_and_collateral_whole(
    debt: int, collateral: int, accounts: list[Holding]
) -> None:
    parts, owed, kept = redistribute(debt, collateral, accounts)
    assert sum(part.debt for part in parts) + owed == debt
    assert sum(part.collateral for part in parts) + kept == collateral
    if any(each.amount > 0 for each in accounts):
        assert owed == kept == 0


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_withdrawals_under_the_haircut_never_exceed_what_is_there(
    shortfall: int, claims: int
) -> None:
    haircut = withdrawal_haircut(shortfall, claims)
    assert 0 <= haircut <= RATIO_ONE
    # `claims` are what the pool holds; it owes them and the shortfall, and pays no more than them.
    paid = claims * (RATIO_ONE - haircut)
    assert paid * (claims + shortfall) <= claims * claims * RATIO_ONE


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), max_size=9))
def test_overshoot_and_residual_close_the_account(rows: list[tuple[int, int]]) -> None:
    waves = [Overshoot(*row) for row in rows]
    for wave in (*waves, total(waves)):
        assert wave.taken - wave.needed == wave.overshoot - wave.residual
        assert not (wave.overshoot and wave.residual)
    assert total(waves).overshoot <= sum(wave.overshoot for wave in waves)
