"""The sixteen scenarios and OKX's risk units as methods: the laws, and the float references."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.margin import ExactTable, check_margin_method, holdings_of, okx, sixteen
from seawall.margin.okx_portfolio import OkxPortfolio, RiskUnitTerms
from seawall.margin.sixteen_scan import Commodity, InterCommodity, SixteenScan
from seawall.market import Kind
from seawall.pricing import RiskTable
from seawall.pricing.table import NO_QUOTES

DOLLAR = 10**10
COINS = ("USDC", "BTC", "ETH", "SOL")
KINDS = (Kind.CURRENCY, Kind.QUOTE, *[Kind.LINEAR] * 3, Kind.INVERSE, *[Kind.OPTION] * 2)
EXPIRIES = np.array([0, 1_800_000_000_000, 1_830_000_000_000])


def decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


BTC = Commodity(
    price_range=Decimal("0.09"),
    volatility_range=Decimal("0.1"),
    calendar_rate=Decimal("0.003"),
    short_option_minimum=Decimal("0.02"),
)
ETH = Commodity(price_range=Decimal("0.12"), calendar_rate=Decimal("0.123456789"))
SPREAD = InterCommodity(
    first="BTC",
    second="ETH",
    first_deltas=Decimal(1),
    second_deltas=Decimal(20),
    rate=Decimal("0.5"),
)
SIXTEEN = SixteenScan(others=ETH, commodities={"BTC": BTC, "ETH": ETH}, spreads=(SPREAD,))
METHODS = {
    "sixteen": SIXTEEN,
    "sixteen_scan": SixteenScan(others=Commodity(price_range=Decimal("0.3"))),
    "sixteen_odd": SixteenScan(
        others=msgspec.structs.replace(BTC, short_option_minimum=Decimal(7)),
        spreads=(
            InterCommodity(
                first="SOL",
                second="USDC",
                first_deltas=Decimal("0.000000001"),
                second_deltas=Decimal(1000),
                rate=Decimal(1),
            ),
            msgspec.structs.replace(SPREAD, second_deltas=Decimal("0.7"), rate=Decimal(1)),
        ),
        initial_factor=Decimal("1.000000001"),
    ),
    "okx": OkxPortfolio(
        others=RiskUnitTerms(
            moves=decimals("0.08", "0.16", "0.25"),
            extreme_move=Decimal("0.5"),
            basis_rate=Decimal("0.008"),
            least_rate=Decimal("0.007"),
        ),
        units={
            "BTC": RiskUnitTerms(
                moves=decimals("0.04", "0.08", "0.12"),
                extreme_move=Decimal("0.24"),
                basis_rate=Decimal("0.002"),
                least_rate=Decimal("0.0045"),
            )
        },
    ),
    "okx_odd": OkxPortfolio(
        others=RiskUnitTerms(
            moves=decimals("0.000000001"),
            extreme_move=Decimal("0.3"),
            basis_rate=Decimal(1),
            least_rate=Decimal(0),
        ),
        extreme_share=Decimal(1),
        initial_factor=Decimal(1),
        borrow_maintenance=Decimal("0.1"),
    ),
}


def table_of(value, collateral, change, notional, delta, coin, kind, expires_ms, price):
    """A table by hand, padded as pricing pads it."""
    assets, scenarios = change.shape
    padded = np.repeat(change[:, :1], 32, axis=1)
    padded[:, :scenarios] = change
    bound = np.maximum(np.maximum(np.abs(value), np.abs(collateral)), np.abs(padded).max(axis=1))
    return RiskTable(
        value=np.asarray(value, np.float64),
        collateral=np.asarray(collateral, np.float64),
        change=padded,
        bound=bound,
        notional=np.asarray(notional, np.float64),
        delta=np.asarray(delta, np.float64),
        coin=np.asarray(coin, np.int32),
        kind=np.asarray(kind, np.int8),
        expires_ms=np.asarray(expires_ms, np.int64),
        strike=np.zeros(assets),
        is_call=np.zeros(assets, np.int8),
        scenarios=scenarios,
        coins=COINS,
        quotes=NO_QUOTES._replace(price=np.asarray(price, np.float64)),
    )


@st.composite
def books(draw: st.DrawFn, scenarios: int) -> tuple[RiskTable, list[list[tuple[int, int]]]]:
    """A table and accounts at every scale: exact, just above 2^53, and far above."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    assets = draw(st.integers(1, 12))
    top = 10.0 ** draw(st.sampled_from([1, 4, 7, 11, 14]))
    magnitude = np.floor(10.0 ** rng.uniform(0, np.log10(top), assets))
    kind = rng.choice(KINDS, assets)
    value = magnitude * np.where((kind == Kind.INVERSE) | (kind == Kind.QUOTE), -1.0, 1.0)
    collateral = np.where(value > 0, np.floor(value * rng.uniform(0.5, 1, assets)), value)
    loud = 10.0 ** rng.uniform(-1, 4, (assets, 1))
    change = np.floor(magnitude[:, None] * loud * rng.normal(0, 1, (assets, scenarios)))
    if draw(st.booleans()):  # Ties, and all but ties.
        change = change[:, :1] + np.floor(rng.uniform(0, 2, (assets, scenarios)))
    table = table_of(
        value,
        collateral,
        change + 0.0,
        magnitude,
        np.floor(10.0 ** rng.uniform(0, 13, assets)) * rng.choice([-1, 0, 1], assets),
        rng.integers(0, len(COINS), assets),
        kind,
        rng.choice(EXPIRIES, assets),
        np.floor(10.0 ** rng.uniform(4, 16, len(COINS))),
    )
    most = 10 ** draw(st.sampled_from([1, 3, 6, 9, 15]))
    amount = st.integers(-most, most).filter(bool)
    accounts = draw(
        st.lists(st.dictionaries(st.integers(0, assets - 1), amount, max_size=12), max_size=5)
    )
    return table, [sorted(rows.items()) for rows in accounts]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_risk_units_keeps_the_laws(name: str) -> None:
    method = METHODS[name]

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(books(len(method.grid().scenarios)))
    def laws(book) -> None:
        table, accounts = book
        check_margin_method(method, table, accounts)

    laws()


@pytest.mark.parametrize("name", ["sixteen", "okx"])
def test_a_parallel_batch_has_the_bits_of_the_serial_one(name: str, monkeypatch) -> None:
    method = METHODS[name]
    table, accounts = pair_of_coins(len(method.grid().scenarios))
    few = method.requirement(holdings_of(accounts), table)
    monkeypatch.setattr("seawall.margin.sixteen_scan.PARALLEL_FROM", 0)
    monkeypatch.setattr("seawall.margin.okx_portfolio.PARALLEL_FROM", 0)
    many = method.requirement(holdings_of(accounts * 50), table)
    for one, all_of_them in zip(few, many, strict=True):
        assert np.tile(one, 50).tobytes() == all_of_them.tobytes()


def pair_of_coins(scenarios: int = 16):
    """BTC at 100,000 and ETH at 4,000: a perpetual and two futures, an option, cash."""
    marks = np.array([100_000.0, 100_000, 100_000, 4_000, 5_000, 1])
    ranges = np.array([9_000.0, 9_000, 9_000, 480, 4_000, 0])
    steps = np.append(sixteen.PRICE_STEPS, [0.7, -0.7])[:scenarios]
    change = np.rint(ranges[:, None] * steps * DOLLAR) + 0.0
    change[4] = np.maximum(change[4], -1_000 * DOLLAR)
    table = table_of(
        marks * DOLLAR,
        marks * DOLLAR,
        change,
        np.array([100_000, 100_000, 100_000, 4_000, 100_000, 0]) * DOLLAR,
        np.array([1, 1, 1, 1, 0.5, 0]) * DOLLAR,
        [1, 1, 1, 2, 1, 0],
        [2, 2, 2, 2, 4, 0],
        EXPIRIES[[0, 1, 2, 0, 1, 0]],
        np.array([1, 100_000, 4_000, 100]) * DOLLAR,
    )
    accounts = [
        [(0, 2), (1, -3), (2, 1)],
        [(0, 2), (3, -20)],
        [(4, -1)],
        [(0, 1), (3, 1), (5, 1_000)],
    ]
    return table, accounts


def test_sixteen_worked_by_hand() -> None:
    table, accounts = pair_of_coins()
    exact = ExactTable(table)
    found = [SIXTEEN.requirement_exact(rows, exact).maintenance for rows in accounts]
    assert found == [
        3 * 300 * DOLLAR,  # Three spreads of 0.3 % of 100,000; the scan nets to nothing.
        # 18,000 and 9,600 in the scan; 20 ether against one of two bitcoin: half of 9,000 and of
        # 9,600 is given back, for one spread uses all the ether and half of the bitcoin.
        (18_000 + 9_600 - 4_500 - 4_800) * DOLLAR,
        4_000 * DOLLAR,  # Above the least charge of 2,000.
        (9_000 + 480) * DOLLAR,  # Both long: no credit.
    ]
    said = SIXTEEN.explain(accounts[1], exact, [f"asset {n}" for n in range(6)])
    assert said.binding == (
        "BTC: price −3/3 of its range, volatility up; ETH: price +3/3 of its range, volatility up"
    )
    cheap = ExactTable(table._replace(change=table.change * 0.0))
    assert SIXTEEN.requirement_exact(accounts[2], cheap).maintenance == 2_000 * DOLLAR


@st.composite
def portfolios(draw: st.DrawFn):
    """Options and futures on two coins, as arrays of the float reference and as a table."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rule = sixteen.Sixteen()
    coin = rng.integers(1, 3, 6)
    forward, ranged = np.array([0, 60_000.0, 3_000]), np.array([0, 5_400.0, 360])
    kind = rng.choice([Kind.LINEAR, Kind.OPTION], 6)
    arrays = []
    for place, owner in enumerate(coin):
        option = sixteen.Option(
            float(forward[owner]),
            float(forward[owner] * rng.uniform(0.7, 1.3)),
            float(rng.uniform(0.3, 1.0)),
            float(rng.uniform(0.02, 0.5)),
            bool(rng.integers(0, 2)),
        )
        future = rule.future_array(float(ranged[owner]))
        listed = rule.option_array(option, float(ranged[owner]), 0.1, look_ahead_days=0.0)
        arrays.append(future if kind[place] == Kind.LINEAR else listed)
    delta = np.where(kind == Kind.LINEAR, 1.0, np.round(rng.uniform(-1, 1, 6), 9))
    expires = EXPIRIES[rng.integers(0, 3, 6)]
    change = np.rint(np.array(arrays) * DOLLAR) + 0.0
    table = table_of(
        np.ones(6) * DOLLAR,
        np.ones(6) * DOLLAR,
        change,
        forward[coin] * DOLLAR,
        np.rint(delta * DOLLAR),
        coin,
        kind,
        expires,
        np.append(forward, 1.0) * DOLLAR,
    )
    lots = draw(st.lists(st.integers(-50, 50), min_size=6, max_size=6))
    return table, change / DOLLAR, delta, lots


@settings(max_examples=80, deadline=None)
@given(portfolios())
def test_sixteen_asks_what_the_float_reference_asks(book) -> None:
    table, arrays, delta, lots = book
    held, sums, risks, parts = np.array(lots, np.float64), [], [], []
    for coin in (1, 2):
        mine = (table.coin == coin) & (held != 0)
        profits = sixteen.combined(arrays[mine], held[mine])
        scan = sixteen.scan_risk(profits)
        net = [float((held * delta)[mine & (table.expires_ms == e)].sum()) for e in EXPIRIES]
        terms = SIXTEEN.commodities[COINS[coin]]
        rate = float(terms.calendar_rate) * table.quotes.price[coin] / DOLLAR
        spreads = [sixteen.Spread(a, b, rate) for a in range(3) for b in range(a + 1, 3)]
        long, short = ([max(s * d, 0.0) for d in net] for s in (1, -1))
        sold = float(held[mine & (held < 0) & (table.kind == Kind.OPTION)].sum())
        least = float(terms.short_option_minimum) * table.quotes.price[coin] / DOLLAR
        minimum = sixteen.short_option_minimum(-sold, 0.0, least)
        parts.append((scan.risk, sixteen.calendar_charge(long, short, spreads), minimum))
        sums.append(sum(net))
        risks.append(sixteen.price_risk(profits, scan.scenario))
    side = 1.0 if sums[0] > 0 else -1.0
    credits = [
        sixteen.commodity_credit(
            [side * sums[0], -side * sums[1]],
            [risks[n] if n == leg else 0.0 for n in (0, 1)],
            [1.0, 20.0],
            [0.5, 0.5],
        )
        for leg in (0, 1)
    ]
    wanted = sum(
        max(sixteen.requirement(scan, calendar, 0.0, credit, minimum).risk, 0.0)
        for (scan, calendar, minimum), credit in zip(parts, credits, strict=True)
    )
    rows = [(asset, lot) for asset, lot in enumerate(lots) if lot]
    found = SIXTEEN.requirement_exact(rows, ExactTable(table)).maintenance / DOLLAR
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-6)
    check_margin_method(SIXTEEN, table, [rows])


def linear_table(marks, coins, method) -> RiskTable:
    """Contracts and a currency whose changes are their moves, as pricing makes them."""
    grid = method.grid()
    moves = np.array([cell.move for cell in grid.scenarios]) / 1e9
    own = {coin: np.array(parts) / 1e9 for coin, parts in grid.history}
    weight = np.array([cell.weight for cell in grid.scenarios]) / 1e9
    marks = np.asarray(marks, np.float64)
    change = np.array(
        [
            mark * DOLLAR * own.get(COINS[coin], moves) * weight * (coin > 0)
            for mark, coin in zip(marks, coins, strict=True)
        ]
    )
    worth = np.rint(marks * DOLLAR)
    kind = [Kind.LINEAR if coin else Kind.CURRENCY for coin in coins]
    nothing = np.zeros(len(marks))
    return table_of(
        worth, worth, np.rint(change) + 0.0, worth, nothing, coins, kind, nothing, np.ones(4)
    )


@given(st.tuples(*[st.integers(-10_000, 10_000)] * 4))
def test_okx_asks_what_the_float_reference_asks(lots) -> None:
    method = METHODS["okx"]
    marks, coins = [600.25, 611.5, 3.75, 1.0], [1, 1, 3, 0]
    table = linear_table(marks, coins, method)
    other = okx.RiskUnitParameters(
        spot_moves=(0.0, 0.08, 0.16, 0.25), extreme_move=0.5, basis_rate=0.008, least_rate=0.007
    )
    units = []
    for coin, parameters in ((1, okx.RiskUnitParameters()), (3, other)):
        delta = sum(q * m for q, m, c in zip(lots, marks, coins, strict=True) if c == coin)
        units.append(okx.risk_unit(okx.linear_profit(delta), delta, parameters))
    wanted = okx.account(units, max(0.0, -float(lots[3])))
    rows = [(asset, lot) for asset, lot in enumerate(lots) if lot]
    exact = method.requirement_exact(rows, ExactTable(table))
    assert exact.maintenance / DOLLAR == pytest.approx(wanted.maintenance, rel=1e-9, abs=1e-9)
    assert exact.initial / DOLLAR == pytest.approx(wanted.initial, rel=1e-9, abs=1e-9)
    check_margin_method(method, table, [rows])


def test_okx_worked_by_hand() -> None:
    """10,000 dollars of bitcoin: 12 % lost and 0.2 % basis; 500 borrowed at 2 % and 10 %."""
    method = METHODS["okx"]
    table = ExactTable(linear_table([10_000.0, 1.0], [1, 0], method))
    found = method.requirement_exact([(0, 1), (1, -500)], table)
    assert found.maintenance == (1_200 + 20 + 10) * DOLLAR
    assert found.initial == int(1.3 * 1_220 + 50) * DOLLAR
    said = method.explain([(0, 1), (1, -500)], table, ["BTC", "USDC"])
    assert said.binding == "BTC: price −12 %"
    assert [term.label for term in said.terms[2:]] == ["basis, BTC", "borrowing"]


def test_okx_refuses_options_and_charges_one_sold_in_full() -> None:
    table, _ = pair_of_coins(9)
    table = table._replace(scenarios=len(METHODS["okx"].grid().scenarios))
    exact = ExactTable(table)
    assert METHODS["okx"].refuses([(0, 1), (4, -1)], exact) == (4,)
    assert METHODS["okx"].requirement_exact([(4, -1)], exact).maintenance == 105_000 * DOLLAR
    assert METHODS["okx"].requirement_exact([(4, 1)], exact)[1:] == (0, 0, 0)


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (lambda: Commodity(price_range=Decimal(1)), "price_range"),
        (lambda: Commodity(price_range=Decimal("0.1"), calendar_rate=Decimal(-1)), "calendar_rate"),
        (lambda: SixteenScan(others=Commodity(price_range=Decimal("0.5"))), "others.price_range"),
        (lambda: SixteenScan(others=ETH, spreads=(SPREAD, SPREAD)), "spreads"),
        (lambda: msgspec.structs.replace(SPREAD, second="BTC"), "second"),
        (lambda: msgspec.structs.replace(SPREAD, rate=Decimal(2)), "rate"),
        (
            lambda: RiskUnitTerms(
                moves=decimals("0.2", "0.1"),
                extreme_move=Decimal("0.3"),
                basis_rate=Decimal(0),
                least_rate=Decimal(0),
            ),
            "moves",
        ),
    ],
)
def test_a_wrong_parameter_is_named(build, key: str) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: "):
        build()
