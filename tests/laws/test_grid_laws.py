"""Every option of a grid: repricing in parts, the plain kernel's bits, and a twin in mpmath."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from seawall.market import Catalogue, Kind, Snapshot, VolatilitySlice, read_instrument
from seawall.money import Asset
from seawall.pricing import Grid, Scenario, risk_table
from seawall.pricing.table import Tilt

ONE = 10**9
DOLLAR = 10**10
DAY_MS = 86_400_000
EXPIRY = 1_723_190_400_000  # 2024-08-09 08:00 UTC.
NOW = EXPIRY - 9 * DAY_MS
YEARS = 9 / 365
USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
HAIRCUTS = (0, 10**8, 2 * 10**8)


def venue() -> Catalogue:
    tables: list[dict[str, Any]] = []
    for name, strikes in (("BTC", (50_000, 60_000, 75_000)), ("ETH", (2_000, 2_700, 4_000))):
        tables.append({"id": f"{name}/USDC:USDC", "lot": "0.01", "tick": "0.1"})
        tables.append({"id": f"{name}/USD:{name}", "face": "10", "tick": "0.1"})
        for strike in strikes:
            for right in "CP":
                end = f"240809-{strike}-{right}"
                tables.append({"id": f"{name}/USD:{name}-{end}", "lot": "0.1", "tick": "0.0001"})
                tables.append({"id": f"{name}/USDC:USDC-{end}", "lot": "0.1", "tick": "1"})
    return Catalogue.empty(USD, COINS).listed(read_instrument(t, USD, COINS) for t in tables)


VENUE = venue()
TILT = Tilt(10**7, 4 * ONE, 6 * 10**8, 0, 25 * 10**7, -(10**8), 25 * 10**7, -(10**8))


def grid_of(seed: int) -> Grid:
    """Moves and shocks of a size that is felt, and every option of a grid as likely as not."""
    dice = random.Random(seed)
    count = dice.randint(2, 6)

    def column(low: int = -90, high: int = 200) -> tuple[int, ...]:
        return tuple(dice.randint(low, high) * 10**7 for _ in range(count))

    # Most moves are small, so that options keep a time value that feels the volatility.
    moves, shocks = dice.choice([column(), column(-15, 15), column(-5, 5)]), column()
    return Grid(
        scenarios=tuple(
            Scenario(move, shock, dice.choice([ONE, ONE // 3]), dice.choice([0, 0, 1, 2]))
            for move, shock in zip(moves, shocks, strict=True)
        ),
        volatility_rule=dice.choice(["relative", "additive"]),
        volatility_floor=dice.choice([0, 4 * 10**8, 9 * 10**8]),
        floor_stops_falls=dice.choice([False, True]),
        coins_inside=dice.choice([False, True]),
        history=dice.choice([(), (("BTC", column(-20, 20)),)]),
        volatility_history=dice.choice([(), (("ETH", column()),)]),
        measure=dice.choice(["numeraire", "settlement"]),
        tilt=TILT,
    )


grids = st.builds(grid_of, st.integers(0, 2**32))


@st.composite
def markets(draw: st.DrawFn) -> Snapshot:
    price = (
        draw(st.integers(98 * 10**8, 102 * 10**8)),
        draw(st.integers(20_000 * DOLLAR, 100_000 * DOLLAR)),
        draw(st.integers(1_000 * DOLLAR, 5_000 * DOLLAR)),
    )
    smiles = tuple(
        VolatilitySlice(
            coin, EXPIRY, draw(st.integers(9 * 10**8, 11 * 10**8)),
            draw(st.integers(9 * 10**8, ONE)),
            draw(st.integers(1, 100)) * 10**7, 0, 0, 0, 1, years=ONE,
        )
        for coin in (1, 2)
    )  # fmt: skip
    given_mark = draw(st.booleans())
    mark = tuple(
        draw(st.integers(10**7, 3 * 10**8))
        if given_mark and terms.type == "option" and terms.inverse
        else 0
        for terms in VENUE.instruments
    )
    sure = draw(st.tuples(*[st.sampled_from([ONE, 9 * 10**8, 5 * 10**8])] * 3))
    return Snapshot(1, NOW, price, mark, smiles, confidence=sure)


@settings(max_examples=60, deadline=None)
@given(grids, markets(), markets(), st.sets(st.integers(0, 2)))
def test_repricing_in_parts_gives_the_bits_of_a_full_build(
    grid: Grid, before: Snapshot, after: Snapshot, told: set[int]
) -> None:
    shown, touched = before.priced(
        VENUE, 2, NOW,
        price=[(coin, after.price[coin]) for coin in sorted(told)],
        confidence=[(coin, after.confidence[coin]) for coin in sorted(told)],
        slices=[smile for smile in after.slices if smile.coin in told],
        mark=[(n, mark) for n, mark in enumerate(after.mark)
              if mark and VENUE.coin(VENUE.instruments[n].base) in told],
    )  # fmt: skip
    first = risk_table(VENUE, before, grid, HAIRCUTS)
    part = risk_table(VENUE, shown, grid, HAIRCUTS, previous=first, touched=touched)
    whole = risk_table(VENUE, shown, grid, HAIRCUTS)
    for got, expected in zip(part[:6], whole[:6], strict=True):
        assert got.tobytes() == expected.tobytes()
    for name, got, expected in zip(part.quotes._fields, part.quotes, whole.quotes, strict=True):
        assert got.tobytes() == expected.tobytes(), name


@settings(max_examples=40, deadline=None)
@given(grids, markets())
def test_a_further_grid_that_says_nothing_more_has_the_plain_bits(
    grid: Grid, shown: Snapshot
) -> None:
    plain = Grid(
        scenarios=tuple(Scenario(c.move, c.volatility, c.weight) for c in grid.scenarios),
        volatility_rule=grid.volatility_rule, volatility_floor=grid.volatility_floor,
        history=grid.history,
    )  # fmt: skip
    shocks = tuple(cell.volatility for cell in plain.scenarios)
    told = (("BTC", shocks), ("ETH", shocks), ("USDC", shocks))
    further = Grid(
        scenarios=plain.scenarios, volatility_rule=grid.volatility_rule,
        volatility_floor=grid.volatility_floor, history=grid.history, volatility_history=told,
        tilt=TILT,
    )  # fmt: skip
    one, other = (risk_table(VENUE, shown, each, HAIRCUTS) for each in (plain, further))
    assert one.change.tobytes() == other.change.tobytes()


@settings(max_examples=25, deadline=None)
@given(grids, markets())
def test_the_settlement_measure_and_tilts_agree_with_a_twin(grid: Grid, shown: Snapshot) -> None:
    table = risk_table(VENUE, shown, grid, HAIRCUTS)
    number = {terms.id: place for place, terms in enumerate(VENUE.instruments)}
    for asset, listed in enumerate(VENUE.assets):
        if listed.kind is not Kind.OPTION:
            continue
        terms = VENUE.instruments[listed.instrument]
        wanted = twin(grid, shown, listed.coin, terms, shown.mark[number[terms.id]])
        # Nine digits of the most that it is worth anywhere, and the last atom.
        size = table.notional[asset] * max(1.0, *(1 + c / ONE for c in moves(grid, listed.coin)))
        near = 1.0 + 1e-9 * max(size, float(table.bound[asset]))
        for place, change in enumerate(wanted):
            assert abs(change - float(table.change[asset, place])) <= near, (terms.id, place)


def moves(grid: Grid, coin: int) -> list[int]:
    history = dict(grid.history)
    return list(history.get(COINS[coin].id, [cell.move for cell in grid.scenarios]))


def twin(grid: Grid, shown: Snapshot, coin: int, terms: Any, mark: int) -> list[float]:
    """Change of one option in every scenario, numeraire atoms, from the definitions."""
    smile = shown.slices[coin - 1]
    index = mpf(shown.price[coin]) / DOLLAR
    quote = mpf(1) if terms.inverse else mpf(shown.price[0]) / DOLLAR
    seen = mpf(round(index / quote * DOLLAR)) / DOLLAR  # In its quote currency, on a price atom.
    forward = seen * smile.forward_ratio / ONE
    discount, strike = mpf(smile.discount) / ONE, mpf(terms.strike) / DOLLAR
    sigma, years = mp.sqrt(mpf(smile.a) / ONE), mpf(9) / 365
    tick, size = mpf(terms.tick) / DOLLAR, mpf(terms.lot) / 10**8

    def model(at: mpf, volatility: mpf) -> mpf:
        price = discount * black(at, strike, volatility * mp.sqrt(years), terms.right == "call")
        return price / at if terms.inverse else price

    now = mpf(mark) / DOLLAR if mark else mp.nint(model(forward, sigma) / tick) * tick
    basis = now - model(forward, sigma)
    unit = index if terms.inverse else quote
    shocks = dict(grid.volatility_history)
    changes = []
    for place, (cell, move) in enumerate(zip(grid.scenarios, moves(grid, coin), strict=True)):
        shock = mpf(shocks[COINS[coin].id][place] if COINS[coin].id in shocks else cell.volatility)
        shocked = shifted(grid, sigma, shock / ONE)
        if cell.tilt:
            shocked = tilted(grid, cell.tilt, sigma, mp.log(strike / forward), years)
        growth = 1 + mpf(move) / ONE
        after = max(model(forward * growth, shocked) + basis, mpf(0))
        if terms.inverse and grid.measure == "numeraire":
            after *= growth
        changes.append(float(size * (after - now) * unit * cell.weight / ONE * DOLLAR))
    return changes


def shifted(grid: Grid, sigma: mpf, shock: mpf) -> mpf:
    factor = mp.nint((mpf(30) / 9) ** mpf("0.3") * ONE) / ONE
    step = shock * factor * (sigma if grid.volatility_rule == "relative" else 1)
    floor = mpf(grid.volatility_floor) / ONE
    if shock > 0:
        return max(sigma + step, floor)
    return max(sigma + step, min(floor, sigma) if grid.floor_stops_falls else mpf(0))


def tilted(grid: Grid, kind: int, sigma: mpf, k: mpf, years: mpf) -> mpf:
    bend, root = grid.tilt, mp.sqrt(years)
    assert bend is not None
    caps = {1: (bend.linear_cap, bend.linear_cap_time),
            2: (bend.absolute_cap, bend.absolute_cap_time)}  # fmt: skip
    cap = (caps[kind][0] + caps[kind][1] * root) / ONE
    wide = mpf(bend.width) / ONE * (bend.volatility + bend.volatility_time * root) / ONE
    full = max(mpf(bend.width_floor) / ONE, root * wide)
    x = abs(k) if kind == 2 else k
    return sigma * max(mpf(0), 1 + max(-cap, min(cap, x * cap / full)))


def black(forward: mpf, strike: mpf, deviation: mpf, is_call: bool) -> mpf:
    sign = 1 if is_call else -1
    if deviation == 0:
        return max(sign * (forward - strike), mpf(0))
    d1 = mp.log(forward / strike) / deviation + deviation / 2
    return sign * (forward * mp.ncdf(sign * d1) - strike * mp.ncdf(sign * (d1 - deviation)))


@settings(max_examples=40, deadline=None)
@given(markets())
def test_confidence_is_the_least_of_the_coins_behind_a_value(shown: Snapshot) -> None:
    sure = [parts / ONE for parts in shown.confidence]
    quotes = risk_table(VENUE, shown, Grid(), HAIRCUTS).quotes
    for asset, listed in enumerate(VENUE.assets):
        assert quotes.confidence[asset] == min(sure[listed.coin], sure[listed.currency])
        assert quotes.settles[asset] == listed.currency
    assert quotes.settles.dtype == np.int32
