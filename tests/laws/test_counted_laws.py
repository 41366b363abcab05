"""Laws of collateral rules before a margin method, in the tables and through the engine."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.event import (
    CollateralObserved,
    Deposited,
    Listed,
    Opened,
    Priced,
    RulesChanged,
    Started,
    Traded,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state.tables import Tables
from seawall.liquidation import Exit, plan
from seawall.liquidation.plan import proceeds
from seawall.margin import (
    Bracket,
    ExactTable,
    Scan,
    Tiered,
    check_margin_method,
    holdings_of,
)
from seawall.margin.collateral import (
    Bridged,
    BySize,
    Capped,
    Depeg,
    Flat,
    Observed,
    PoolShare,
    SizeTier,
    WrongWay,
    YieldBearing,
)
from seawall.margin.counted import CoinTerms, Counted, counted_coins, counted_share
from seawall.margin.lending import Lending, Lent
from seawall.market import Catalogue, Instrument, Kind, Snapshot, VolatilitySlice
from seawall.money import RATIO_ONE, Asset
from seawall.pricing import Grid, Scenario, risk_table

ONE = 10**10
NOW = 1_767_225_600_000
EXPIRES = NOW + 30 * 86_400_000
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))


def _option(right: str, strike: int) -> Instrument:
    return Instrument(
        id=f"BTC/USDC:USDC-260131-{strike}-{right[0].upper()}", type="option", base="BTC",
        quote="USDC", settle="USDC", lot=10**6, tick=ONE // 10, expires_ms=EXPIRES,
        strike=strike * ONE, right=right, premium="paid",
    )  # fmt: skip


VENUE = Catalogue.empty(Asset("USD", 10), COINS).listed(
    (
        Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
                   lot=10**5, tick=ONE // 10),
        Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
                   lot=100 * ONE, tick=ONE // 10, inverse=True),
        Instrument(id="ETH/USDC:USDC", type="perpetual", base="ETH", quote="USDC", settle="USDC",
                   lot=10**6, tick=ONE // 100),
        _option("call", 60_000),
        _option("put", 55_000),
    )
)  # fmt: skip
YEARS = 30 * 10**9 // 365
SMILE = VolatilitySlice(
    coin=1, expires_ms=EXPIRES, forward_ratio=10**9, discount=10**9, a=YEARS // 4, b=0, rho=0,
    m=0, sigma=10**8, years=YEARS,
)  # fmt: skip
PRICED, _ = Snapshot.empty(VENUE).priced(
    VENUE, 1, NOW, price=[(0, 9_987 * 10**6), (1, 60_123 * ONE), (2, 2_345 * ONE)],
    mark=[(VENUE.instrument("BTC/USDC:USDC"), 60_100 * ONE)], slices=[SMILE],
)  # fmt: skip
MOVES = (-150_000_000, -50_000_000, 0, 50_000_000, 150_000_000)
RISK = risk_table(
    VENUE,
    PRICED,
    Grid(tuple(Scenario(move, 10**8, RATIO_ONE) for move in MOVES), coins_inside=True),
    (0, 0, 71_000_000),
)
TABLE = ExactTable(RISK)
BRACKETS = {
    coin: (
        Bracket(Decimal(0), Decimal("0.03"), Decimal("0.017")),
        Bracket(Decimal(90_000), Decimal("0.1"), Decimal("0.05")),
    )
    for coin in ("BTC", "ETH")
}
METHODS = (
    Tiered(brackets=BRACKETS),
    Scan(moves=tuple(Decimal(move) / RATIO_ONE for move in MOVES), coins_inside=True),
    Lending({coin.id: Lent(Decimal("0.7"), Decimal("0.8")) for coin in COINS}),
)
FAST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SHARES = st.integers(0, 1000).map(lambda n: Decimal(n) / 1000)
DOLLARS = st.one_of(st.integers(1, 10**6), st.integers(10**6, 10**9)).map(Decimal)


@st.composite
def sizes(draw: st.DrawFn) -> BySize:
    above = sorted(draw(st.sets(DOLLARS, max_size=3)))
    haircuts = sorted(draw(SHARES) for _ in range(len(above) + 1))
    return BySize(tuple(map(SizeTier, [Decimal(0), *above], haircuts)))


CONSTANT = st.one_of(
    st.builds(Flat, SHARES),
    st.builds(Bridged, z=SHARES, volatility=SHARES, hours=st.integers(0, 99).map(Decimal)),
)
CONCAVE = st.one_of(sizes(), st.builds(Capped, DOLLARS))
GROUPS = st.lists(st.sampled_from([c.id for c in COINS]), min_size=1, unique=True).map(tuple)
WRONG_WAY = st.builds(WrongWay, GROUPS, SHARES)


@st.composite
def chains(draw: st.DrawFn) -> dict[str, tuple]:
    rules = {}
    for coin in COINS:
        after = draw(st.lists(st.one_of(CONCAVE, WRONG_WAY, CONSTANT), max_size=3))
        rules[coin.id] = (draw(st.one_of(CONCAVE, WRONG_WAY)), *after)
    kept = draw(st.sets(st.sampled_from(sorted(rules)), min_size=1))
    return {coin: rules[coin] for coin in kept}


HELD = st.one_of(
    st.integers(-(10**6), 10**6), st.integers(-(10**13), 10**13), st.integers(-(2**52), 2**52)
).filter(bool)


@st.composite
def accounts(draw: st.DrawFn, least: int = 0) -> list[tuple[int, int]]:
    assets = draw(st.sets(st.integers(0, len(VENUE.assets) - 1), min_size=least))
    return [(asset, draw(HELD)) for asset in sorted(assets)]


@FAST
@given(st.sampled_from(METHODS), chains(), st.lists(accounts(), min_size=1, max_size=6))
def test_it_keeps_every_law_of_a_margin_method(method, rules, books) -> None:
    check_margin_method(Counted(method, rules), RISK, books)


@FAST
@given(st.sampled_from(METHODS), st.lists(accounts(), min_size=1, max_size=6))
def test_without_rules_it_is_the_method_bit_for_bit(method, books) -> None:
    bare, inner = Counted(method, {}), method.requirement(holdings_of(books), RISK)
    found = bare.requirement(holdings_of(books), RISK)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, inner, strict=True))
    names = [asset.id for asset in VENUE.assets]
    for rows in books:
        assert bare.requirement_exact(rows, TABLE) == method.requirement_exact(rows, TABLE)
        assert bare.explain(rows, TABLE, names) == method.explain(rows, TABLE, names)
        assert bare.refuses(rows, TABLE) == method.refuses(rows, TABLE)


@FAST
@given(st.sampled_from(METHODS), chains(), accounts())
def test_who_holds_no_coin_with_rules_keeps_the_bits_of_the_method(method, rules, rows) -> None:
    ruled = {number for number, coin in enumerate(COINS) if coin.id in rules}
    rows = [(asset, lots) for asset, lots in rows if asset not in ruled or lots < 0]
    found = Counted(method, rules).requirement(holdings_of([rows]), RISK)
    inner = method.requirement(holdings_of([rows]), RISK)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, inner, strict=True))


@FAST
@given(chains(), accounts(), st.integers(0, 2), st.integers(1, 10**12))
def test_counted_is_at_most_the_value_and_more_never_counts_less(rules, rows, coin, more) -> None:
    method = Counted(METHODS[0], rules)
    for one in counted_coins(method, rows, TABLE):
        assert 0 <= one.counted <= one.value
    held = dict(rows)
    held[coin] = held.get(coin, 0) + more
    richer = sorted((asset, lots) for asset, lots in held.items() if lots)
    before = method.requirement_exact(rows, TABLE)
    after = method.requirement_exact(richer, TABLE)
    # A debt that is paid back was a hedge: then the exposure of a wrong-way rule rises with it.
    if dict(rows).get(coin, 0) >= 0 or not _reads_exposure(rules):
        assert after.margin_equity >= before.margin_equity
    assert after.margin_equity <= METHODS[0].requirement_exact(richer, TABLE).margin_equity


def _reads_exposure(rules) -> bool:
    return any(isinstance(rule, WrongWay) for chain in rules.values() for rule in chain)


@FAST
@given(st.lists(st.one_of(CONSTANT, st.builds(Depeg, SHARES, DOLLARS)), max_size=4), st.data())
def test_a_share_is_the_product_of_what_its_rules_leave(rules, data) -> None:
    price = data.draw(st.integers(1, 10**15))
    share = counted_share(tuple(rules), price, 10**8)
    product = Fraction(1)
    for rule in rules:
        product *= Fraction(counted_share((rule,), price, 10**8), RATIO_ONE)
    assert 0 <= product * RATIO_ONE - share < 1 + len(rules)


TERMS = tuple(
    CoinTerms(coin.id, coin.one, rules)
    for coin, rules in zip(
        COINS,
        (
            (Depeg(Decimal("0.999"), Decimal(7)),),
            (PoolShare(), Flat(Decimal("0.03"))),
            (YieldBearing(Decimal("1.1"), 400), Capped(Decimal(10_000))),
        ),
        strict=True,
    )
)
FEEDS = st.builds(
    Observed, st.integers(0, 2 * 10**9), st.integers(0, 10**8), st.integers(0, 10**15)
)


@FAST
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(10 * ONE, 10**5 * ONE), FEEDS),
        min_size=1,
        max_size=5,
    )
)
def test_tables_that_follow_prices_and_feeds_are_those_built_anew(steps) -> None:
    observed: dict[int, Observed] = {}
    tables = Tables(METHODS, TERMS, observed)
    tables.reprice(VENUE, PRICED, None)
    snapshot = PRICED
    for coin, drawn, feeds in steps:
        observed[coin] = feeds
        # The price of one coin and the feed of another; only the first is named.
        moved = (coin + 1) % 3
        price = drawn // 10**5 + 9 * 10**9 if moved == 0 else drawn
        snapshot, touched = snapshot.priced(
            VENUE, snapshot.sequence + 1, NOW, price=[(moved, price)]
        )
        tables.reprice(VENUE, snapshot, touched)
        anew = tables.like()
        anew.reprice(VENUE, snapshot, None)
        for method in range(len(METHODS)):
            for name in ("value", "collateral", "change"):
                old, new = getattr(tables.risk(method), name), getattr(anew.risk(method), name)
                assert old.tobytes() == new.tobytes()


@FAST
@given(chains(), st.integers(1, 400), st.integers(10**6, 10**9), st.booleans())
def test_a_plan_restores_what_closing_everything_restores_and_is_least(
    rules, lots, coins, is_long
) -> None:
    """One long or short BTC perpetual on ETH, at a cost of 1 %; brute force over its lots."""
    method = Counted(METHODS[0], rules)
    perpetual = VENUE.instrument("BTC/USDC:USDC")
    asset, quote = VENUE.lot_asset[perpetual], VENUE.cash_asset[perpetual]
    lots *= 50 if is_long else -50
    loss = coins * TABLE.value[2] * 9 // 10
    cash = -(lots * TABLE.value[asset] + loss) // TABLE.value[quote]
    rows = sorted([(2, coins), (asset, lots), (quote, cash)])
    exits = {asset: Exit(quote, abs(lots), TABLE.notional[asset] * 10**7)}
    made = plan(rows, TABLE, method, exits)
    before = method.requirement_exact(rows, TABLE)
    if before.margin_equity >= before.initial:
        assert not made.closes
        return

    def excess(closed: int) -> int:
        part = closed if is_long else -closed
        held = dict(rows)
        held[asset] -= part
        value, cost = TABLE.value, exits[asset].cost
        held[quote] += proceeds(part, value[asset], cost, value[quote])
        judged = method.requirement_exact(sorted((a, q) for a, q in held.items() if q), TABLE)
        return judged.margin_equity - judged.initial

    closed = sum(abs(close.lots) for close in made.closes)
    assert excess(closed) == made.after.margin_equity - made.after.initial
    assert not excess(abs(lots)) >= 0 or made.restores
    if made.restores and not _reads_exposure(rules):
        assert excess(closed) >= 0 > excess(closed - 1)


RULES = """
format = 1
name = "collateral"
version = "2026-01-01.{serial}"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}
liquidation = {{ order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }}

[[coins]]
id = "USDC"
decimals = 6

[[coins]]
id = "BTC"
decimals = 8
[[coins.collateral]]
rule = "yield_bearing"
snapshot = 1.1
growth_bps = 500
[[coins.collateral]]
rule = "{rule}"
haircut = 0.1
{more}

[margin.cross]
method = "tiered"
brackets.BTC = [{{ above = 0, initial = 0.1, maintenance = 0.05 }}]
"""


def _history(rates: list[int], lots: int) -> list:
    flat = read(RULES.format(serial=1, rule="flat", more="")).canonical()
    wrong = read(RULES.format(serial=2, rule="wrong_way", more='coins = ["BTC"]')).canonical()
    listed = (VENUE.instruments[VENUE.instrument("BTC/USDC:USDC")],)
    price = ((0, ONE), (1, 60_000 * ONE))
    trade = Traded(time_ms=NOW, instrument=0, buyer=6, seller=7, lots=lots, price=60_000 * ONE)
    return [
        Started(time_ms=NOW, rulebook=flat),
        Listed(time_ms=NOW, instruments=listed),
        Opened(time_ms=NOW, names=("a", "b"), methods=("cross", "cross")),
        CollateralObserved(time_ms=NOW, coin=1, rate=rates[0]),
        Priced(time_ms=NOW, price=price, depth=((0, 500, 500),)),
        Deposited(time_ms=NOW, account=6, coin=1, atoms=10**8),
        Deposited(time_ms=NOW, account=7, coin=0, atoms=10**12),
        trade,
        *(CollateralObserved(time_ms=NOW, coin=1, rate=rate) for rate in rates[1:]),
        RulesChanged(time_ms=NOW, rulebook=wrong),
        Priced(time_ms=NOW, price=((1, 58_000 * ONE),), depth=((0, 500, 500),)),
        CollateralObserved(time_ms=NOW, coin=1, rate=rates[0]),
        Priced(time_ms=NOW, price=((1, 57_000 * ONE),), depth=((0, 500, 500),)),
    ]


@FAST
@given(
    st.lists(st.integers(1, 2 * 10**9), min_size=1, max_size=4),
    st.integers(1, 12_000),
    st.data(),
)
def test_a_restored_engine_cannot_tell_that_it_was(rates, lots, data) -> None:
    events = _history(rates, lots)
    cut = data.draw(st.integers(1, len(events)))
    engine, other = Engine(), Engine()
    for place, event in enumerate(events):
        if place == cut:
            other = Engine.restore(other.dump())
        assert engine.apply(event) == other.apply(event)
        other.check()
    assert (engine.chain, engine.state_hash()) == (other.chain, other.state_hash())
    assert Engine.restore(engine.dump()).state_hash() == engine.state_hash()
    _, screened = engine.requirement()
    for account, bound in zip((6, 7), screened.error_bound.tolist(), strict=True):
        exact = engine.venue.judge(account)
        assert abs(float(screened.margin_equity[account - 6]) - exact.margin_equity) <= bound


def test_exposures_of_every_kind_of_contract() -> None:
    # 7 lots of 0.001 BTC long at 60,100; an inverse lot is coins in its quote; ETH is another coin.
    numbers = {asset.id: number for number, asset in enumerate(VENUE.assets)}
    method = Counted(METHODS[0], {"USDC": (WrongWay(("BTC",), Decimal(1)),)})
    kinds = {kind: [a for a, k in enumerate(TABLE.kind) if k == kind] for kind in Kind}
    linear = numbers["BTC/USDC:USDC"]
    call = next(asset for asset in kinds[Kind.OPTION] if TABLE.risk.is_call[asset])
    inverse = kinds[Kind.INVERSE][0]
    found = method._exposures([(1, 50), (linear, 7), (inverse, -3), (numbers["ETH/USDC:USDC"], 9)],
                              TABLE)  # fmt: skip
    assert found["BTC"] == 7 * 10**5 * 60_100 * ONE * 9987 // 10**12
    # At the money, 30 days, 50 %: delta 0.53 of 0.01 BTC.
    option = method._exposures([(call, 1)], TABLE)["BTC"]
    assert 0.52 < option / (0.01 * 60_123 * ONE) < 0.54
