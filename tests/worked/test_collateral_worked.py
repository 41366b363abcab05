"""Collateral and lending by hand: the arithmetic stands beside each number."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest

from seawall.margin import ExactTable, holdings_of
from seawall.margin.collateral import (
    BySize,
    Capped,
    CollateralRule,
    Depeg,
    Flat,
    Posted,
    SizeTier,
    WrongWay,
    YieldBearing,
    counted,
)
from seawall.margin.lending import CorrelatedClass, Lending, Lent
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.protocols import bridge, erc4626, lp_price, opyn, panoptic, rate_cap

DOLLAR = 10**10
CENT = 10**8


def posted(dollars: int, **more) -> Posted:
    """That many whole coins at one dollar, unless a price is given."""
    return Posted(**{"balance": dollars, "one": 1, "price": DOLLAR} | more)


RULES = [
    # 100 coins at 1 dollar, haircut 3 %.
    ({"rule": "flat", "haircut": "0.03"}, posted(100), 97_00),
    # 5 million: 2 m × 95 % + 2 m × 85 % + 1 m × 50 % = 1.9 + 1.7 + 0.5 = 4.1 m (OKX's tiers).
    (
        {
            "rule": "by_size",
            "tiers": [
                {"above": 0, "haircut": "0.05"},
                {"above": 2_000_000, "haircut": "0.15"},
                {"above": 4_000_000, "haircut": "0.5"},
                {"above": 8_000_000, "haircut": 1},
            ],
        },
        posted(5_000_000),
        4_100_000_00,
    ),
    ({"rule": "capped", "most": 60}, posted(100), 60_00),
    # Long 30 of stETH and 40 of ETH, both in the group: 100 − 20 % × 70 = 86.
    (
        {"rule": "wrong_way", "coins": ["ETH", "stETH"], "haircut": "0.2"},
        posted(100, exposures={"ETH": 40 * DOLLAR, "stETH": 30 * DOLLAR, "BTC": 900 * DOLLAR}),
        86_00,
    ),
    # Short: the collateral hedges the position.
    (
        {"rule": "wrong_way", "coins": ["ETH"], "haircut": "0.2"},
        posted(100, exposures={"ETH": -40 * DOLLAR}),
        100_00,
    ),
    # 0.97 is 2 cents under 0.99: haircut 5 × 0.02 = 10 %; 100 × 0.97 × 0.9 = 87.30.
    (
        {"rule": "depeg", "threshold": "0.99", "factor": 5},
        posted(100, price=97 * CENT),
        87_30,
    ),
    ({"rule": "depeg", "threshold": "0.99", "factor": 5}, posted(100, price=99 * CENT), 99_00),
    # A year at most 5 % over 1.2 is 1.26; the market says 1.4: 140 × 1.26 ÷ 1.4 = 126.
    (
        {"rule": "yield_bearing", "snapshot": "1.2", "growth_bps": 500},
        posted(140, rate=1_400_000_000, elapsed_s=365 * 86_400),
        126_00,
    ),
    ({"rule": "yield_bearing", "snapshot": "1.2", "growth_bps": 500}, posted(140), 0),
    # The pool's own price says 100, its fair price 0.80 a share.
    ({"rule": "pool_share"}, posted(100, fair_price=80 * CENT), 80_00),
    # σ = 80 %, 87.6 hours = 0.01 year: 2 × 0.8 × √0.01 = 16 %, and 1 % of cost: 100 − 17.
    (
        {"rule": "bridged", "z": 2, "volatility": "0.8", "hours": "87.6", "cost": "0.01"},
        posted(100),
        83_00,
    ),
]


@pytest.mark.parametrize(("rule", "balance", "cents"), RULES)
def test_a_rule_counts_what_a_hand_counts(rule: dict, balance: Posted, cents: int) -> None:
    assert counted([msgspec.convert(rule, CollateralRule)], balance) == cents * CENT


def test_rules_of_a_chain_follow_each_other() -> None:
    chain = [Flat(Decimal("0.1")), Capped(Decimal(80))]  # 100 → 90 → 80; the other way 80 → 72.
    assert counted(chain, posted(100)) == 80 * DOLLAR
    assert counted(chain[::-1], posted(100)) == 72 * DOLLAR


def test_a_debt_counts_in_full() -> None:
    # Binance, Portfolio Margin Pro: 2 × 50,000 × 0.95 − 1,000 = 94,000, not 94,010.
    balances = [Posted(2, 1, 50_000 * DOLLAR), Posted(-1000, 1, DOLLAR)]
    rules = [[Flat(Decimal("0.05"))], [Flat(Decimal("0.01"))]]
    total = sum(counted(*pair) for pair in zip(rules, balances, strict=True))
    assert total == 94_000 * DOLLAR


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Flat(Decimal("1.5")), "haircut: must lie in 0 … 1"),
        (lambda: BySize(()), "tiers: at least one tier is needed"),
        (lambda: BySize((SizeTier(Decimal(5), Decimal(0)),)), r"tiers\[0\].above"),
        (
            lambda: BySize(
                (SizeTier(Decimal(0), Decimal("0.2")), SizeTier(Decimal(9), Decimal(0)))
            ),
            r"tiers\[1\].haircut: a larger size cannot have a lower haircut",
        ),
        (lambda: Capped(Decimal(-1)), "most: must not be negative"),
        (lambda: WrongWay((), Decimal(0)), "coins: at least one"),
        (lambda: Depeg(Decimal(1), Decimal(-1)), "factor, threshold"),
        (lambda: YieldBearing(Decimal(0), 1), "snapshot: must be positive"),
    ],
)
def test_an_impossible_rule_names_its_key(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def table(haircuts: tuple[int, ...] = (0, 0, 0, 0)) -> RiskTable:
    """USDC 1 dollar, ETH 2,000, stETH 1,900, SHIB 1; one unit is a whole coin; haircuts in %."""
    value = np.array([1, 2000, 1900, 1, 2000], float) * DOLLAR
    share = 1 - np.array([*haircuts, 0]) / 100
    collateral = np.rint(value * share)
    return RiskTable(
        value=value,
        collateral=collateral,
        change=np.zeros((5, 32)),
        bound=value,
        notional=np.array([0, 0, 0, 0, 2000.0]) * DOLLAR,
        delta=np.zeros(5),
        coin=np.array([0, 1, 2, 3, 1], np.int32),
        kind=np.array([Kind.CURRENCY] * 4 + [Kind.LINEAR], np.int8),
        expires_ms=np.zeros(5, np.int64),
        strike=np.zeros(5),
        is_call=np.zeros(5, np.int8),
        scenarios=0,
        coins=("USDC", "ETH", "stETH", "SHIB"),
    )


USDC, ETH, STETH, SHIB, PERPETUAL = range(5)
NAMES = ["USDC", "ETH", "stETH", "SHIB", "ETH perpetual"]
LENDING = msgspec.convert(
    {
        "method": "lending",
        "coins": {
            "USDC": {"collateral_factor": "0.75", "liquidation_threshold": "0.78"},
            "ETH": {"collateral_factor": "0.8", "liquidation_threshold": "0.825"},
            "stETH": {
                "collateral_factor": "0.7",
                "liquidation_threshold": "0.75",
                "borrowable": False,
            },
        },
        "classes": {
            "eth": {
                "coins": ["ETH", "stETH"],
                "collateral_factor": "0.93",
                "liquidation_threshold": "0.95",
            }
        },
    },
    Lending,
)


def test_health_is_aaves_weighted_threshold_over_debt() -> None:
    # 10 ETH and 4,000 USDC against 15,000 SHIB:
    # (20,000 × 82.5 % + 4,000 × 78 %) ÷ 15,000 = (16,500 + 3,120) ÷ 15,000 = 1.308.
    rows = [(USDC, 4000), (ETH, 10), (SHIB, -15_000)]
    exact = LENDING.requirement_exact(rows, ExactTable(table()))
    assert LENDING.health_factor(rows, ExactTable(table())) == Fraction(1308, 1000)
    assert exact.margin_equity == (24_000 - 15_000) * DOLLAR
    assert exact.maintenance == (20_000 * 175 + 4_000 * 220) * DOLLAR // 1000  # 3,500 + 880
    # Borrowing power 16,000 + 3,000 = 19,000: of the 9,000 left, 19,000 − 15,000 may be borrowed.
    assert exact.margin_equity - exact.initial == 4_000 * DOLLAR


@pytest.mark.parametrize(("owed", "healthy"), [(16_500, True), (16_501, False)])
def test_the_line_is_health_one(owed: int, healthy: bool) -> None:
    rows = [(USDC, -owed), (ETH, 10)]  # 20,000 × 82.5 % = 16,500
    exact = LENDING.requirement_exact(rows, ExactTable(table()))
    assert (exact.margin_equity >= exact.maintenance) is healthy
    assert (LENDING.health_factor(rows, ExactTable(table())) >= 1) is healthy


@pytest.mark.parametrize(("owed", "opens"), [(16_000, True), (16_001, False)])
def test_borrowing_stops_at_the_collateral_factor(owed: int, opens: bool) -> None:
    exact = LENDING.requirement_exact([(USDC, -owed), (ETH, 10)], ExactTable(table()))
    assert (exact.margin_equity >= exact.initial) is opens  # 20,000 × 80 % = 16,000


def test_a_class_lends_more_while_only_its_coins_are_owed() -> None:
    exact = ExactTable(table())
    rows = [(ETH, -8), (STETH, 10)]  # 19,000 × 95 % ÷ 16,000 = 1.128125
    assert LENDING.health_factor(rows, exact) == Fraction(18_050, 16_000)
    said = LENDING.explain(rows, exact, NAMES)
    assert said.binding == "health factor 1.1281, class eth"
    # Other collateral keeps its own share: + 1,000 × 78 %.
    assert LENDING.health_factor([(USDC, 1000), *rows], exact) == Fraction(18_830, 16_000)
    # One dollar owed in another coin ends it: 19,000 × 75 % ÷ 16,001.
    mixed = [(USDC, -1), *rows]
    assert LENDING.health_factor(mixed, exact) == Fraction(14_250, 16_001)
    assert LENDING.explain(mixed, exact, NAMES).binding == "health factor 0.8905"


def test_who_owes_nothing_is_charged_nothing() -> None:
    rows = [(ETH, 3), (SHIB, 7)]
    exact = LENDING.requirement_exact(rows, ExactTable(table()))
    assert exact == (6007 * DOLLAR, 6007 * DOLLAR, 0, 0)
    assert LENDING.health_factor(rows, ExactTable(table())) is None
    assert LENDING.explain(rows, ExactTable(table()), NAMES).binding == "nothing is owed"


def test_a_deeper_haircut_of_the_table_wins() -> None:
    rows = [(USDC, -1000), (ETH, 1)]
    light = LENDING.requirement_exact(rows, ExactTable(table((0, 10, 0, 0))))
    assert light.margin_equity - light.maintenance == 650 * DOLLAR  # 2,000 × 82.5 % − 1,000
    deep = LENDING.requirement_exact(rows, ExactTable(table((0, 40, 0, 0))))
    assert deep.maintenance == 0
    assert deep.margin_equity == 200 * DOLLAR  # 2,000 × 60 % − 1,000


def test_contracts_and_unlisted_loans_are_refused() -> None:
    exact = ExactTable(table())
    rows = [(ETH, 2), (SHIB, -1), (PERPETUAL, 1)]
    assert LENDING.refuses(rows, exact) == (SHIB, PERPETUAL)
    assert LENDING.refuses([(USDC, -5), (ETH, 9), (STETH, -1)], exact) == (STETH,)
    # Held anyway: 2 × 2,000 × 17.5 % = 700, and notional 2,000 + value 2,000.
    assert LENDING.requirement_exact(rows, exact).maintenance == 4_700 * DOLLAR


def test_a_screen_agrees_with_its_twin() -> None:
    accounts = [[(USDC, 4000), (ETH, 10), (SHIB, -15_000)], [(ETH, -8), (STETH, 10)], [(ETH, 1)]]
    screened = LENDING.requirement(holdings_of(accounts), table())
    exact = [LENDING.requirement_exact(rows, ExactTable(table())) for rows in accounts]
    assert screened.maintenance == pytest.approx([one.maintenance for one in exact], rel=1e-14)
    assert screened.initial == pytest.approx([one.initial for one in exact], rel=1e-14)


def test_a_wrong_file_names_its_key() -> None:
    def lent(factor: str, threshold: str) -> Lent:
        return Lent(Decimal(factor), Decimal(threshold))

    def one(factor: str, threshold: str, *coins: str) -> CorrelatedClass:
        return CorrelatedClass(coins, Decimal(factor), Decimal(threshold))

    coins = {"ETH": lent("0.8", "0.825")}
    with pytest.raises(ValueError, match=r"coins\.ETH: 0 <= collateral_factor"):
        Lending({"ETH": lent("0.9", "0.8")})
    with pytest.raises(ValueError, match=r"classes\.a\.coins: BTC is not among coins"):
        Lending(coins, {"a": one("0.9", "0.9", "BTC")})
    with pytest.raises(ValueError, match=r"classes\.b\.coins: ETH is in class a already"):
        Lending(coins, {"a": one("0.9", "0.9", "ETH"), "b": one("0.9", "0.9", "ETH")})
    with pytest.raises(ValueError, match=r"classes\.a: a class cannot count ETH for less"):
        Lending(coins, {"a": one("0.8", "0.81", "ETH")})


def test_opyn_margins_a_spread_by_its_worst_payoff() -> None:
    # Short 2 puts at 200, long 1 at 250: 400 − 250 = 150.
    assert opyn.spread_margin(opyn.Vault("put", *map(Fraction, (2, 200, 1, 250)))) == 150
    # Short 1 call at 200, long 1 at 250: (250 − 200) ÷ 250 = 0.2 coins.
    assert opyn.spread_margin(opyn.Vault("call", *map(Fraction, (1, 200, 1, 250)))) == Fraction(
        1, 5
    )
    # Put 100, spot 100, shock 0.75, bound 16 %: 0.16 × 75 + 25 = 37.
    terms = (Fraction(number) for number in (1, 100, 100, "0.16", "0.75"))
    assert opyn.naked_margin("put", *terms) == 37


def test_opyn_pays_the_liquidator_on_a_line() -> None:
    # Call 100 at spot 125: (25 − 4 % × 125) ÷ 125 = 0.16 rises to 0.4; after a quarter 0.22.
    terms = (Fraction(number) for number in (100, 125, "0.8", 2, "0.04"))
    assert opyn.auction_price("call", *terms, elapsed_s=900) == Fraction(22, 100)


def test_panoptic_asks_more_of_sellers_in_a_busy_pool() -> None:
    # Half way from 50 % to 90 %: 20 % + 80 % ÷ 2; strangle 10 % + 90 % ÷ 2; buyer 7.5 %.
    assert [panoptic.sell_ratio_bps(used) for used in (7000, -7000)] == [6000, 5500]
    assert panoptic.buy_ratio_bps(7000) == 750
    assert panoptic.liquidation_bonus(100, 300) == 50  # Half of the balance.


def test_a_skewed_pool_keeps_its_fair_price() -> None:
    # 400 × 1 and 1 × 400 dollars: 2 √(400 · 400) = 800 over 8 shares; moved to 1,600 × 0.25 coins
    # at the same outside prices its naive value would be 1,600 + 100 = 1,700.
    wad = 10**18
    for reserves in ((400 * wad, wad), (1600 * wad, wad // 4)):
        price = lp_price.pair_price_wad(*reserves, wad, 400 * wad, 8 * wad)
        assert price == 100 * wad


def test_a_weighted_pool_at_its_fair_reserves_is_worth_their_sum() -> None:
    # 80 : 20, 8 at 10 and 20 at 1: 80 + 20 = 100 over 50 shares.
    wad, one = 10**18, 2**112
    price = lp_price.weighted_pair_price_q112(
        8 * wad, 20 * wad, 10 * one, one, 8 * wad // 10, 2 * wad // 10, 50 * wad
    )
    assert abs(price - 2 * one) < 2 * one // 10**17


def test_a_range_is_one_token_outside_and_both_inside() -> None:
    # L = 600, √range 10 … 30, in hundredths.
    for root, value in (
        (500, 1000),  # All token 0: 600 · (1/10 − 1/30) = 40, at 25.
        (2000, 10_000),  # 600 · (20 − 10) = 6,000 and 600 · (1/20 − 1/30) = 10 at 400.
        (4000, 12_000),  # All token 1: 600 · 20.
    ):
        assert lp_price.range_value(600, root, 1000, 3000, 100) == value


def test_the_cap_of_march_2026_stood_under_the_market() -> None:
    # 1.1919 · (1 + 9.68 % · 7 ÷ 365) = 1.19411…, while the market said 1.2282.
    rule = Fraction("1.1919"), 7 * 86_400, 968
    assert round(float(rate_cap.ratio_ceiling(*rule)), 5) == 1.19411
    assert not rate_cap.accepts_snapshot(Fraction("1.2282"), *rule)
    assert rate_cap.accepts_snapshot(Fraction("1.19"), *rule)


def test_virtual_shares_make_a_donation_a_gift() -> None:
    # No offset: 1 share owns 10,001; the victim's 10,000 buys 10,000 · 2 ÷ 10,002 = 1 share; back
    # come 1 · 20,002 ÷ 3 = 6,667 of the 10,001 put in.
    assert erc4626.donation_loss(1, 10_000, 10_000) == 10_001 - 6_667
    # A victim of 5,000 gets no share at all: back come 1 · 15,002 ÷ 2 = 7,501.
    assert erc4626.donation_loss(1, 10_000, 5_000) == 10_001 - 7_501
    # Offset 6: 10⁶ shares of 2 · 10⁶; the victim buys 10,000 · 2 · 10⁶ ÷ 10,002 = 1,999,600; back
    # come 10⁶ · 20,002 ÷ 3,999,600 = 5,001.
    assert erc4626.donation_loss(1, 10_000, 10_000, 6) == 10_001 - 5_001
    assert erc4626.believed_ratio(Fraction("1.04"), Fraction("1.05")) == Fraction("1.04")


def test_a_bridge_believes_nobody_too_easily() -> None:
    assert not bridge.packet_verified([], [], 0, [])
    assert not bridge.packet_verified(["A", "B"], [], 0, ["A"])
    assert not bridge.packet_verified(["A"], [], 0, ["A"], confirmed=False)
    assert bridge.packet_expired(50, 1000, timeout_time=1000)
    assert not bridge.mint_accepted(8, [], 1000, 2000)
    assert bridge.latency_haircut(2 * 10**9, 8 * 10**8, 10**7, 0) == 16 * 10**7  # 2 × 0.8 × 0.1
