"""12 March 2020 with whole accounts: the same fall and keepers, four nights.

Ether falls from 193 dollars to 113 in 26 minutes. Where gas is fifteen times the usual for four
hours, the keeper with capital does not raise its offer and waits; one that pays anything bids the
least that leads. English: it takes everything for nothing, and others pay the whole of what the
accounts owe. Dutch, offered again when nobody came: it has capital for little, the price is what it
is, and the rest waits for the other keeper.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine import State
from seawall.engine.effect import AuctionEnded, AuctionEnding, AuctionStarted
from seawall.simulation.auction_world import (
    KEEPERS,
    VAULTS,
    Congestion,
    KeeperPlan,
    World,
    march_2020,
    told,
    world,
)
from seawall.simulation.keepers import GWEI, Failure, Keeper

ONE = 10**10
ENGLISH = '[exits.ETH]\nexit = "english"\n[auctions]\nrestarts = 50\n'
DUTCH = """
[exits.ETH]
exit = "dutch_stair"
start_ratio = 1.1
duration_seconds = 7_200
step_seconds = 90
factor = 0.99
price_least_ratio = 0.45
[auctions]
restarts = 50
"""
FOUR_HOURS = Congestion(0, 1_100, 15)
NIGHT = march_2020(1_600)


@pytest.fixture(scope="module")
def english() -> World:
    return world(ENGLISH, path=NIGHT, congestion=FOUR_HOURS)


@pytest.fixture(scope="module")
def dutch() -> World:
    return world(DUTCH, path=NIGHT, congestion=FOUR_HOURS)


def test_in_congestion_rising_bids_end_at_nothing(english: World) -> None:
    """A lot for 10⁻¹⁰ dollars: each account owes 50 · 193 less its cash, and others pay it all."""
    for row, vault in zip(english.vaults, VAULTS, strict=True):
        assert (row.sold, row.state, row.brought) == (50, State.BANKRUPT, 0)
        assert row.paid_by_others == (50 * 193 - vault.cash_dollars) * ONE
    steady = [one for one in english.failures if one.account == english.engine.account("steady")]
    assert {Failure.UNDERPRICED, Failure.LATE} <= {one.reason for one in steady}
    assert max(block.base_fee for block in english.blocks) > 140 * GWEI


def test_a_falling_price_does_not_and_is_offered_again(dutch: World) -> None:
    for row in dutch.vaults:
        assert row.sold == 50
        assert row.brought > row.worth * 85 // 100
    ended = [one.ending for one in dutch.effects if isinstance(one, AuctionEnded)]
    again = [one.restarts for one in dutch.effects if isinstance(one, AuctionStarted)]
    assert ended.count(AuctionEnding.TIME) == len([count for count in again if count]) == 5
    reasons = {one.reason for one in dutch.failures}
    assert {Failure.UNDERPRICED, Failure.OUT_OF_CAPITAL, Failure.NOT_PROFITABLE} <= reasons


def test_others_pay_less_than_half_of_what_they_pay_after_rising_bids(
    english: World, dutch: World
) -> None:
    paid = [sum(row.paid_by_others for row in run.vaults) for run in (english, dutch)]
    assert paid[0] == 48_150 * ONE  # 6 · 9,650 less 1,000 + … + 2,250 dollars.
    assert paid[1] * 2 < paid[0]


@pytest.mark.parametrize("rules", [ENGLISH, DUTCH])
def test_without_congestion_both_bring_a_price(rules: str) -> None:
    night = world(rules, path=march_2020(800))
    assert all(row.brought > row.worth * 95 // 100 for row in night.vaults if row.sold)
    assert any(row.sold for row in night.vaults)
    assert not any(one.reason is Failure.UNDERPRICED for one in night.failures)


def test_a_run_is_a_function_of_its_arguments(english: World) -> None:
    again = world(ENGLISH, path=NIGHT, congestion=FOUR_HOURS)
    assert again.engine.state_hash() == english.engine.state_hash()
    assert again.failures == english.failures
    other = world(DUTCH, path=march_2020(800), seed=1)
    assert other.engine.chain != world(DUTCH, path=march_2020(800), seed=2).engine.chain


def test_raising_the_offer_is_what_was_missing() -> None:
    """The same keeper with 300 gwei to spend and the will to raise gets through and bids 98 %."""
    raising = KeeperPlan(
        "raising", 200_000, Keeper(-1, 300 * GWEI, 5 * ONE, discount=Decimal("0.02"))
    )
    night = world(ENGLISH, path=NIGHT, congestion=FOUR_HOURS, keepers=(raising, KEEPERS[1]))
    assert all(row.brought > row.worth * 90 // 100 for row in night.vaults if row.sold)


def test_borrowed_money_takes_what_capital_does_not() -> None:
    """A keeper without a cent; the pool stands at the mark, so two per cent are its own.

    Where nobody lends, it is included, reverted, and has spent its gas.
    """
    broke = KeeperPlan("broke", 0, Keeper(-1, 300 * GWEI, 5 * ONE, flash=True))
    lender = KeeperPlan("lender", 100_000, Keeper(-1, 300 * GWEI, 10**9 * ONE))
    flash = """
[pools.ETH]
account = "street"
lots = 100_000
[flash]
lender = "lender"
fee_ratio = 0.0005
"""
    night = world(DUTCH + flash, path=march_2020(800), keepers=(broke, lender))
    assert any(row.sold == 50 for row in night.vaults)
    assert night.counts["flash_taken"] >= 6
    rich = night.engine.ledger.rows(night.engine.account("broke"))
    assert [coin for coin, atoms in rich if atoms > 0] == [0]
    nobody = world(DUTCH, path=march_2020(800), keepers=(broke, lender))
    assert not any(row.sold for row in nobody.vaults)
    assert Failure.REVERTED in {one.reason for one in nobody.failures if one.detail}
    assert nobody.gas_paid["broke"] > 0


def test_the_table_says_it(english: World) -> None:
    lines = told(english).splitlines()
    assert len(lines) == 2 + len(VAULTS)
    assert "vault 0         50     50" in lines[1]
    assert "8,650.00  bankrupt" in lines[1]
    assert lines[-1].startswith("keepers failed: underpriced ")
