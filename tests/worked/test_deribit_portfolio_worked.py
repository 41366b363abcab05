"""Deribit's portfolio margin as a method: by hand, by a captured reply, and by the float rule."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import Called, OrderWanted
from seawall.engine.event import Deposited, Listed, Opened, Priced, Started, Traded
from seawall.engine.rules.presets import preset
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.margin import (
    METHODS,
    DeribitPortfolio,
    ExactTable,
    check_margin_method,
    deribit_portfolio,
    holdings_of,
)
from seawall.margin.deribit import (
    Position,
    SegregatedPortfolio,
    SettlementRates,
    load_model_params,
)
from seawall.market import Catalogue, Instrument, Kind, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import RiskTable, risk_table

ONE, DOLLAR, DAY_MS = 10**9, 10**10, 86_400_000
NOW = 1_722_816_000_000
NEAR, FAR = NOW + 10 * DAY_MS, NOW + 120 * DAY_MS
INDEX = {"BTC": 60_000 * DOLLAR, "ETH": 1_949_3400000000}
BLOCK = {
    "general": {"mm_factor": 0.8, "buckets_count": 4, "vol_scenarios_count": 3},
    "currency": {
        "btc": {
            "annualised_move_risk": 0.075,
            "min_annualised_move": 0.01,
            "extended_dampener": 100_000,
        },
        "eth": {
            "annualised_move_risk": 0.05,
            "min_annualised_move": 0.005,
            "extended_dampener": 200_000,
        },
        "usd": {
            "annualised_move_risk": 0.1,
            "min_annualised_move": 0.01,
            "extended_dampener": 25_000,
        },
    },
    "currency_pair": {
        "btc_usd": {
            "price_range": 0.16,
            "volatility_range_up": 0.5,
            "volatility_range_down": 0.25,
            "m_inc": 5e-05,
        },
        "eth_usd": {
            "price_range": 0.18,
            "volatility_range_up": 0.4,
            "volatility_range_down": 0.25,
            "m_inc": 4e-06,
            "delta_total_liq_shock_threshold": 1_000_000,
        },
    },
}
METHOD = deribit_portfolio(BLOCK)


def listed(coin: str) -> list[Instrument]:
    """A perpetual and a dated future in coins and in cash, and options of both, near and far."""
    cash = {"base": coin, "quote": "USDC", "settle": "USDC", "lot": 10**5}
    coins = {"base": coin, "quote": "USD", "settle": coin, "inverse": True}
    found = [
        Instrument(id=f"{coin} perpetual", type="perpetual", tick=1, **cash),
        Instrument(id=f"{coin} future", type="future", tick=1, expires_ms=FAR, **cash),
        Instrument(
            id=f"{coin} inverse", type="perpetual", lot=10 * DOLLAR, tick=1, **coins
        ),
        Instrument(
            id=f"{coin} inverse future", type="future", lot=10 * DOLLAR, tick=1,
            expires_ms=FAR, **coins,
        ),
    ]  # fmt: skip
    for settle, terms in (("cash", cash), ("coins", coins | {"lot": 10**5})):
        for right in ("call", "put"):
            for expires in (NEAR, FAR):
                for percent in (80, 110):
                    found.append(
                        Instrument(
                            id=f"{coin} {right} {percent} {expires} {settle}",
                            type="option", right=right, expires_ms=expires, tick=1,
                            strike=INDEX[coin] * percent // 100, **terms,
                        )
                    )  # fmt: skip
    return found


def venue(cash_price: int = DOLLAR) -> tuple[Catalogue, RiskTable]:
    coins = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
    catalogue = Catalogue.empty(Asset("USD", 10), coins).listed(listed("BTC") + listed("ETH"))
    marks = [0] * len(catalogue.instruments)
    for number, terms in enumerate(catalogue.instruments):
        if terms.type in ("perpetual", "future"):
            marks[number] = INDEX[terms.base] * (1004 if terms.type == "future" else 1001) // 1000
    slices = tuple(
        VolatilitySlice(coin, expires, ONE + coin * 1_000_000, ONE, 0, 10**8, -(10**8), 0, ONE)
        for coin in (1, 2)
        for expires in (NEAR, FAR)
    )
    price = (cash_price, INDEX["BTC"], INDEX["ETH"])
    snapshot = Snapshot(1, NOW, price, tuple(marks), slices)
    return catalogue, risk_table(catalogue, snapshot, METHOD.grid(), {})


CATALOGUE, RISK = venue()
TABLE = ExactTable(RISK)
NAMES = CATALOGUE.names
LOTS = [number for number, kind in enumerate(RISK.kind) if kind >= Kind.LINEAR]


def asset(name: str) -> int:
    return NAMES.index(name)


def position(number: int, lots: int) -> Position:
    """The same row in the words of the float rule, with the table's own quotes."""
    quotes, coin = RISK.quotes, RISK.coins[int(RISK.coin[number])]
    forward = quotes.forward[number] / DOLLAR
    size = float(quotes.size[number]) * lots
    if RISK.kind[number] == Kind.INVERSE:
        size = 10.0 * lots / forward
    assert coin in INDEX
    return Position(
        NAMES[number],
        size,
        float(quotes.years[number]),
        float(forward),
        float(RISK.strike[number]) / DOLLAR,
        float(quotes.volatility[number]),
        bool(RISK.is_call[number]),
    )


def by_the_float_rule(rows: list[tuple[int, int]]) -> tuple[float, float]:
    """Initial margin and the size of what it is made of, dollars."""
    model = load_model_params(BLOCK)
    sets: dict[tuple[str, bool], list[Position]] = {}
    for number, lots in rows:
        coin = RISK.coins[int(RISK.coin[number])]
        inverse = RISK.quotes.settles[number] == RISK.coin[number]
        sets.setdefault((coin, bool(inverse)), []).append(position(number, lots))
    total = size = 0.0
    for (coin, inverse), held in sets.items():
        rule = SegregatedPortfolio(
            model.currency_pair[f"{coin.lower()}_usd"],
            model.currency[coin.lower() if inverse else "usd"],
            model.general,
            inverse,
        )
        index = INDEX[coin] / DOLLAR
        found = rule.margin(held, index)
        unit = index if inverse else 1.0
        total += (found.worst_case + found.roll_shock + found.delta_shock) * unit
        size += float(np.abs(found.cells.standard).max(axis=(1, 2)).sum()) * unit
    return total, size


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(LOTS), st.integers(-(10**6), 10**6).filter(bool), min_size=1, max_size=9
    )
)
def test_it_is_the_float_rule_on_any_book(held: dict[int, int]) -> None:
    rows = sorted(held.items())
    expected, size = by_the_float_rule(rows)
    found = METHOD.requirement_exact(rows, TABLE)
    lots = sum(abs(each) for each in held.values())
    # A lot's change and delta are rounded to an atom, its volatility's power to a billionth, which
    # a loss feels a few times over.
    allowed = 4e-9 * (expected + size) + lots * 3 / DOLLAR
    assert abs(found.initial / DOLLAR - expected) <= allowed
    assert abs(Fraction(found.maintenance) - Fraction(8, 10) * found.initial) < 1


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(range(len(NAMES))), st.integers(-(10**8), 10**8).filter(bool)
        ),
        max_size=4,
    )
)
def test_it_keeps_the_laws_on_a_market(accounts: list[dict[int, int]]) -> None:
    check_margin_method(METHOD, RISK, [sorted(rows.items()) for rows in accounts])


def test_a_short_inverse_perpetual_worked_by_hand() -> None:
    """60,060 contracts of 10 dollars sold at a mark of 60,060: 10 coins short, index 60,000.

    Worst: +16 %, 10 · 0.16 ÷ 1.16 coins; roll 1 % of 10 coins; delta far below the threshold.
    In dollars of now: 600,000 · (0.16 ÷ 1.16 + 0.01).
    """
    rows = [(asset("BTC inverse"), -60_060)]
    found = METHOD.requirement_exact(rows, TABLE)
    # A contract is worth 10 · 60,000 ÷ 60,060 dollars, rounded to an atom, and so is its change.
    by_hand = 600_000 * (Fraction(16, 116) + Fraction(1, 100))
    assert abs(Fraction(found.initial, DOLLAR) - by_hand) < Fraction(60_060, DOLLAR)
    said = METHOD.explain(rows, TABLE, NAMES)
    labels = [term.label for term in said.terms]
    assert labels[:2] == ["BTC inverse", "roll shock, BTC settled in BTC"]
    assert said.binding == "BTC settled in BTC: price +16 %, volatility down, standard cell 25"
    roll = next(term for term in said.terms if term.label.startswith("roll shock"))
    assert abs(roll.maintenance - 4_800 * DOLLAR) <= 60_060


def test_a_large_short_future_pays_for_its_delta_and_its_far_cells_are_dampened() -> None:
    """1,000 coins of linear futures short lose nothing more beyond the edge: w · m = 16 %.

    With a dampener of 25,000 dollars the +500 % cell counts (5 ÷ 0.16 − 1) · 25,000 = 756,250 less.
    """
    rows = [(asset("BTC perpetual"), -1_000_000)]
    columns = METHOD.columns_of(RISK)
    ((rule, members),) = METHOD.sets_of(rows, columns)
    owed = METHOD._owed(rule, members, TABLE)
    losses = [Fraction(loss, owed.whole) for loss in owed.losses]
    mark = INDEX["BTC"] * 1001 // 1000
    assert losses[-1] == 1000 * mark * Fraction(16, 100) - 756_250 * DOLLAR
    assert max(losses) == losses[24] == 1000 * mark * Fraction(16, 100)
    # Delta 60 million, 40 above the threshold: 666.67 coins · 0.00005 = 3.333 % of 60 million.
    found = METHOD.requirement_exact(rows, TABLE)
    shock = Fraction(60_000_000) * Fraction(5, 100_000) * Fraction(40_000_000, 60_000)
    assert shock == 2_000_000
    expected = 1000 * mark * Fraction(16, 100) + DOLLAR * (shock + 600_000)
    assert found.initial == expected


def test_a_call_far_out_of_the_money_is_bound_by_the_dampened_extended_table() -> None:
    """10,000 calls sold: w = 0.16 ÷ 5 · 6 ÷ 1.16 of their loss at +500 %, less the dampener.

    That is (5 ÷ 0.16 − 1) · 100,000 dollars at the edge, ÷ 1.16 at the price of now: 2,607,758.62.
    """
    rows = [(asset(f"BTC call 110 {FAR} coins"), -(10**7))]
    said = METHOD.explain(rows, TABLE, NAMES)
    where = "BTC settled in BTC: price +500 %, volatility up, extended cell 8"
    assert said.binding == where
    amounts = {term.label: term.maintenance for term in said.terms}
    loss = 10**7 * TABLE.change(rows[0][0])[34] * Fraction(16, 500) * 6 / Fraction(116, 100)
    assert abs(amounts[NAMES[rows[0][0]]] - loss * Fraction(8, 10)) <= 1
    dampened = Fraction(8, 10) * Fraction(3025, 100) * 100_000 * DOLLAR / Fraction(116, 100)
    assert amounts["dampener, BTC settled in BTC"] == -round(dampened)


def test_cash_off_its_peg_scales_what_is_paid_in_it_but_not_the_delta() -> None:
    _, cheap = venue(cash_price=98 * DOLLAR // 100)
    rows = [(asset("BTC perpetual"), 1000)]  # One coin.
    before = METHOD.requirement_exact(rows, TABLE).initial
    after = METHOD.requirement_exact(rows, ExactTable(cheap)).initial
    # The mark is said in USDC: 16 % of 60,060 USDC, and 1 % of a coin of 60,000 dollars.
    assert before == DOLLAR * 60_060 * 16 // 100 + 600 * DOLLAR
    assert after == DOLLAR * 60_060 * 98 * 16 // 10_000 + 600 * DOLLAR


def test_coins_and_settlements_are_not_netted() -> None:
    short, long = (asset("BTC inverse"), -6006), (asset("BTC perpetual"), 1000)
    apart = sum(METHOD.requirement_exact([row], TABLE).initial for row in (short, long))
    assert METHOD.requirement_exact(sorted([short, long]), TABLE).initial == apart


def test_cash_and_its_quotes_owe_nothing_and_an_unknown_coin_is_charged_in_full() -> None:
    rows = [(0, 10**9), (asset("BTC inverse quote"), -5), (asset("ETH inverse quote"), 7)]
    assert METHOD.requirement_exact(rows, TABLE)[2:] == (0, 0)
    only = deribit_portfolio(
        BLOCK | {"currency_pair": {"btc_usd": BLOCK["currency_pair"]["btc_usd"]}}
    )
    rows = [(asset("ETH perpetual"), 2)]
    assert only.refuses(rows, TABLE) == (asset("ETH perpetual"),)
    assert only.requirement_exact(rows, TABLE).maintenance == 2 * TABLE.notional[rows[0][0]]
    assert only.explain(rows, TABLE, NAMES).binding == "no loss in any cell"


def test_a_captured_reply_through_the_method() -> None:
    """Venue's reply of 15 February 2026: 0.999487053 ETH sold at 1949.49, index 1949.34.

    Printed: worst_case 0.15246412672881357, roll_shock 0.004997435265. The venue rounds the first
    to nine decimals before it adds, the method does not: 0.15746156199381 for its 0.157461562265.
    One lot here is the whole position, 0.999487053 · 1949.49 dollars.
    """
    method = preset("deribit_pm_eth").method
    assert isinstance(method, DeribitPortfolio)
    coins = (Asset("USDC", 6), Asset("ETH", 8))
    terms = Instrument(
        id="ETH/USD:ETH", type="perpetual", base="ETH", quote="USD", settle="ETH", inverse=True,
        lot=int(Decimal("0.999487053") * Decimal("1949.49") * DOLLAR), tick=1,
    )  # fmt: skip
    catalogue = Catalogue.empty(Asset("USD", 10), coins).listed([terms])
    index, mark = 1949_3400000000, 1949_4900000000
    snapshot = Snapshot(1, NOW, (DOLLAR, index), (mark,))
    risk = risk_table(catalogue, snapshot, method.grid(), {})
    rows = [(catalogue.names.index("ETH/USD:ETH"), -1)]
    found = method.requirement_exact(rows, ExactTable(risk))
    total = 0.15246412672881357 + 0.004997435265
    assert abs(found.initial / index - total) < 1e-12
    assert abs(found.maintenance / index - 0.8 * total) < 1e-12
    assert abs(found.maintenance / index - 0.125969249812) < 0.5e-9


RULES = """
format = 1
name = "napkin"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
[margin.pm]
method = "deribit_pm"
[margin.pm.pairs.BTC]
price_range = 0.16
volatility_range_up = 0.5
volatility_range_down = 0.25
[margin.pm.currencies]
USDC = { annualised_move_risk = 0.1, min_annualised_move = 0.01 }
[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""


def test_an_engine_calls_and_liquidates_by_it() -> None:
    """0.1 coin long at 60,000 with 1,100 dollars: called below 4,900 ÷ 0.0864 = 56,712.96.

    At P: equity 0.1 · P − 4,900; initial (16 % + 1 %) · 0.1 · P; maintenance 80 % of it. At 56,700:
    770 against 771.12, and 963.90 − 770 = 193.90 restore the initial. A lot of 56.70 frees 9.639
    and costs 1.5 % = 0.8505: 193.90 ÷ 8.7885 = 22.06, so 23 lots.
    """
    perpetual = Instrument(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
        tick=1,
    )  # fmt: skip
    engine = Engine()
    engine.apply(Started(time_ms=NOW, rulebook=read(RULES).canonical()))
    engine.apply(Listed(time_ms=NOW, instruments=(perpetual,)))
    engine.apply(Opened(time_ms=NOW, names=("alice", "bob"), methods=("pm", "pm")))
    alice, bob = engine.account("alice"), engine.account("bob")

    def tick(price: str):
        atoms = int(Decimal(price) * DOLLAR)
        prices = ((0, DOLLAR), (1, atoms))
        depth = ((0, 10_000, 10_000),)
        return engine.apply(Priced(time_ms=NOW, price=prices, mark=((0, atoms),), depth=depth))

    tick("60000")
    for account, dollars in ((alice, 1_100), (bob, 100_000)):
        engine.apply(Deposited(time_ms=NOW, account=account, coin=0, atoms=dollars * 10**6))
    engine.apply(
        Traded(time_ms=NOW, instrument=0, buyer=alice, seller=bob, lots=100, price=60_000 * DOLLAR)
    )
    (warned,) = tick("56713")
    assert (warned.margin_equity, warned.initial) == (
        7_713 * DOLLAR // 10,
        964_121 * DOLLAR // 1000,
    )
    effects = tick("56700")
    (called,) = (effect for effect in effects if isinstance(effect, Called))
    assert (called.account, called.amount) == (alice, 1_939 * DOLLAR // 10)
    (wanted,) = (effect for effect in effects if isinstance(effect, OrderWanted))
    assert wanted.lots == -23


def test_a_rulebook_keeps_it_and_names_what_is_wrong_with_it() -> None:
    rulebook = read(RULES)
    assert decode(rulebook.canonical()) == rulebook
    with pytest.raises(RulebookError, match=r"margin.pm.pairs.BTC.price_range"):
        read(RULES.replace("price_range = 0.16", "price_range = 1.6"))


def test_the_block_is_read_as_the_venue_writes_it() -> None:
    assert METHOD.pairs["BTC"].m_inc == Decimal("0.00005")
    assert METHOD.currencies.keys() == {"BTC", "ETH", "USDC"}
    assert METHOD.currencies["USDC"].extended_dampener == 25_000
    assert METHOD.mm_factor == Decimal("0.8")
    tree = msgspec.to_builtins(METHOD)
    assert tree["method"] == "deribit_pm"
    assert msgspec.convert(tree, METHODS) == METHOD
    both = deribit_portfolio(BLOCK, dollar_coins=("USDC", "USDT"))
    assert both.currencies["USDT"] == both.currencies["USDC"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"btc_usdc": {"price_range": 0.2}}, "btc_usdc: differs from BTC's other index"),
        (
            {"sol_usd": {"price_range": 0.2, "long_term_vega_power": 0.2}},
            "sol_usd.long_term_vega_power: differs between coins",
        ),
    ],
)
def test_a_block_that_one_table_cannot_answer_is_refused(changes, message: str) -> None:
    shocks = {"volatility_range_up": 0.5, "volatility_range_down": 0.25}
    pairs = BLOCK["currency_pair"] | {key: shocks | each for key, each in changes.items()}
    with pytest.raises(ValueError, match=message):
        deribit_portfolio(BLOCK | {"currency_pair": pairs})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": {}}, "pairs: at least one coin"),
        ({"currencies": {}}, "currencies: at least one"),
        ({"buckets_count": 0}, "buckets_count"),
        ({"mm_factor": Decimal("1.1")}, "mm_factor: 1.1 is not between 0 and 1"),
        ({"price_range": Decimal("nan")}, "pairs.BTC.price_range: NaN is not at least 0"),
        ({"price_range": Decimal(1)}, r"pairs.BTC.price_range: 1 is not in \(0, 1\)"),
        ({"price_range": Decimal("0.1234567891")}, "pairs: .*more than 9 decimals"),
        ({"max_delta_shock": Decimal(2)}, "pairs.BTC.max_delta_shock: 2"),
        ({"annualised_move_risk": Decimal(6)}, "currencies.BTC.annualised_move_risk: 6 is not"),
        ({"min_annualised_move": Decimal("1e-10")}, "BTC.min_annualised_move: .* 9 decimals"),
        ({"m_inc": Decimal(-1)}, "pairs.BTC.m_inc: -1 is not at least 0"),
    ],
)
def test_parameters_that_no_rule_can_have_are_refused(change, message: str) -> None:
    pair, currency = METHOD.pairs["BTC"], METHOD.currencies["BTC"]
    if change.keys() & set(SettlementRates.__struct_fields__):
        change = {"currencies": {"BTC": msgspec.structs.replace(currency, **change)}}
    if not change.keys() & set(DeribitPortfolio.__struct_fields__):
        change = {"pairs": {"BTC": msgspec.structs.replace(pair, **change)}}
    with pytest.raises(ValueError, match=message):
        msgspec.structs.replace(METHOD, **change)


def test_the_screen_is_within_its_bound_of_the_verdict_on_a_large_book() -> None:
    rng = np.random.default_rng(7)
    accounts = [
        sorted(
            {
                int(a): int(n)
                for a, n in zip(rng.choice(LOTS, 12), rng.integers(1, 10**6, 12), strict=True)
            }.items()
        )
        for _ in range(300)
    ]
    screened = METHOD.requirement(holdings_of(accounts), RISK)
    for number, rows in enumerate(accounts):
        exact = METHOD.requirement_exact(rows, TABLE)
        assert abs(screened.initial[number] - exact.initial) <= screened.error_bound[number]
        assert screened.error_bound[number] < 1e-11 * exact.initial + 10
