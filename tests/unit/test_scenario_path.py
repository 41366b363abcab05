from pathlib import Path

import pytest

from seawall.market import Catalogue
from seawall.money import Asset
from seawall.simulation.bars import Bar, Bars, read_bars
from seawall.simulation.listing import instruments
from seawall.simulation.path import Course, Steps, opening, ticks
from seawall.simulation.scenario_check import load

FOLDER = Path(__file__).parents[2] / "examples" / "crash-2024-08-05"
BARS = Bars(
    ("A", "B"),
    300_000,
    (0, 300_000),
    ((Bar(90, 110, 105), Bar(9, 11, 10)), (Bar(80, 108, 100), Bar(8, 12, 9))),
)


@pytest.fixture(scope="module")
def course() -> Course:
    scenario = load(FOLDER / "scenario.toml")
    coins = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
    bars = read_bars(FOLDER / "bars.csv", scenario.path.coins, 300)
    listing = instruments(scenario, {coin.id: coin.decimals for coin in coins}, bars.start_ms[0])
    return Course(
        scenario, FOLDER, Catalogue.empty(Asset("USD", 10), coins).listed(listing), listing
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("low_first", [(90, 9), (110, 11), (105, 10), (80, 8), (108, 12), (100, 9)]),
        ("high_first", [(110, 11), (90, 9), (105, 10), (108, 12), (80, 8), (100, 9)]),
        # Opens at (90 + 110) ÷ 2 = 100: equally near, so low first. Then from 105, 108 is nearer
        # than 80, and B goes to its high with A.
        ("nearest_first", [(90, 9), (110, 11), (105, 10), (108, 12), (80, 8), (100, 9)]),
    ],
)
def test_all_coins_visit_the_same_extreme(order: str, expected: list[tuple[int, int]]) -> None:
    path = list(ticks(BARS, order, (100, 200, 300)))  # type: ignore[arg-type]
    assert [tick.price for tick in path] == expected
    assert [tick.time_ms // 1000 for tick in path] == [100, 200, 300, 400, 500, 600]
    assert opening(BARS).price == (100, 10)


def test_stress_is_linear_between_its_times_and_flat_beyond() -> None:
    steps = Steps((1000, 2000, 4000), (0, 10, 4))
    assert [steps.linear(t) for t in (0, 1000, 1500, 2000, 3000, 4000, 9000)] == [
        0,
        0,
        5,
        10,
        7,
        4,
        4,
    ]
    assert [steps.since(t) for t in (0, 1000, 1999, 2000, 9000)] == [0, 0, 0, 10, 4]


def test_funding_and_expiry_fall_on_their_hour(course: Course) -> None:
    bars = read_bars(FOLDER / "bars.csv", ("BTC", "ETH"), 300)
    path = list(ticks(bars, "nearest_first", (100, 200, 300)))
    assert len(path) == 864 * 3
    events = {tick.time_ms: list(course.after_price(tick)) for tick in path}
    funded = [t for t, found in events.items() for e in found if type(e).__name__ == "Funded"]
    # 08:00, 16:00 and 24:00 of each of three days, three perpetuals each.
    assert len(funded) == 9 * 3
    eight = 1_722_844_800_000  # 2024-08-05T08:00Z
    settled = [e for e in events[eight] if type(e).__name__ == "Settled"]
    assert len(settled) == (17 + 21) * 2
    last = next(tick for tick in path if tick.time_ms == eight)
    # The close of the bar that starts at 07:55.
    assert {e.price for e in settled} == set(last.price)  # type: ignore[union-attr]
    assert all(e.rate == -100_000 for e in events[eight] if type(e).__name__ == "Funded")  # type: ignore[union-attr]


def test_a_tick_prices_every_coin_and_lets_past_expiries_go(course: Course) -> None:
    bars = read_bars(FOLDER / "bars.csv", ("BTC", "ETH"), 300)
    path = list(ticks(bars, "nearest_first", (100, 200, 300)))
    first, last = course.priced(path[0], ()), course.priced(path[-1], ())
    assert first.price[0] == (0, 10**10)
    assert len(first.slices) == 14
    assert len(last.slices) == 10  # 5 and 6 August are past.
    assert len(first.mark) == 5
    for event in (first, last):
        for smile in event.slices:
            smile.check()
