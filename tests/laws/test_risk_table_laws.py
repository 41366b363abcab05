from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset
from seawall.pricing import Grid, Scenario, risk_table

ONE = 10**9
DAY_MS = 86_400_000
NOW = 1_722_816_000_000
CELLS = tuple(
    Scenario(move * 10**7, shock * 10**7, weight)
    for move, weight in ((-66, ONE // 3), (-16, ONE), (0, ONE), (16, ONE), (300, ONE // 3))
    for shock in (-25, 0, 50)
)


def venue() -> Catalogue:
    listed = []
    for name, index in (("BTC", 60_000), ("ETH", 2_700)):
        terms = {"base": name, "quote": "USDC", "settle": "USDC", "lot": 10**6, "tick": 10**8}
        listed.append(Instrument(id=f"{name}-P", type="perpetual", **terms))
        for days in (3, 11):
            for percent in (80, 100, 125):
                for right in ("call", "put"):
                    listed.append(
                        Instrument(
                            id=f"{name}-{days}-{percent}-{right}",
                            type="option",
                            premium="paid" if days == 3 else "margined",
                            expires_ms=NOW + days * DAY_MS,
                            strike=index * percent * 10**8,
                            right=right,
                            **terms,
                        )
                    )
    coins = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
    return Catalogue.empty(Asset("USD", 10), coins).listed(listed)


VENUE = venue()
smiles = st.builds(
    lambda a, b, rho, m, sigma: (a, b, rho, m, sigma),
    st.integers(10**4, 5 * 10**7),
    st.integers(0, 5 * 10**8),
    st.integers(-8 * 10**8, 8 * 10**8),
    st.integers(-(10**8), 10**8),
    st.integers(10**7, 5 * 10**8),
)
prices = st.tuples(
    st.integers(98 * 10**8, 102 * 10**8),
    st.integers(20_000 * 10**10, 100_000 * 10**10),
    st.integers(1_000 * 10**10, 5_000 * 10**10),
)
markets = st.tuples(prices, smiles, smiles)


def snapshot(market) -> Snapshot:
    price, bitcoin, ether = market
    expires_ms = NOW + 7 * DAY_MS
    slices = tuple(
        VolatilitySlice(coin, expires_ms, ONE, ONE, *fit, years=5 * 10**7)
        for coin, fit in ((1, bitcoin), (2, ether))
    )
    return Snapshot(1, NOW, price, (0,) * len(VENUE.instruments), slices)


@settings(max_examples=60, deadline=None)
@given(markets, markets, st.sets(st.integers(0, 2)), st.booleans())
def test_repricing_what_was_touched_gives_the_bits_of_a_full_build(old, new, touched, inside):
    before, after = snapshot(old), snapshot(new)
    price = tuple(after.price[c] if c in touched else before.price[c] for c in range(3))
    slices = tuple(
        (after if smile.coin in touched else before).slices[smile.coin - 1]
        for smile in before.slices
    )
    mixed = Snapshot(2, NOW, price, before.mark, slices)
    grid = Grid(scenarios=CELLS, coins_inside=inside)
    haircuts = (0, 10**8, 2 * 10**8)
    first = risk_table(VENUE, before, grid, haircuts)
    kept = [column.copy() for column in first[:6]]
    part = risk_table(VENUE, mixed, grid, haircuts, previous=first, touched=touched)
    whole = risk_table(VENUE, mixed, grid, haircuts)
    for got, expected in zip(part[:6], whole[:6], strict=True):
        assert got.tobytes() == expected.tobytes()
    for name, got, expected in zip(part.quotes._fields, part.quotes, whole.quotes, strict=True):
        assert got.tobytes() == expected.tobytes(), name
    for still, was in zip(first[:6], kept, strict=True):
        assert still.tobytes() == was.tobytes()


@settings(max_examples=60, deadline=None)
@given(markets)
def test_no_option_is_ever_worth_less_than_nothing_or_more_than_its_bound(market):
    grid = Grid(scenarios=tuple(Scenario(c.move, c.volatility, ONE) for c in CELLS))
    table = risk_table(VENUE, snapshot(market), grid, (0, 0, 0))
    options = table.kind == 4
    values = table.value[options, None] + table.change[options]
    assert (values >= 0).all()
    assert (abs(table.change) <= table.bound[:, None]).all()
    calm = [place for place, cell in enumerate(CELLS) if cell.move == cell.volatility == 0]
    assert not table.change[:, calm].any()
