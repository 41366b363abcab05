"""A replayed crash with the impact of its own sales: off it is the bars, on it stands lower."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from seawall.engine.history.journal import Journal
from seawall.simulation.history.night import Night, night, through
from seawall.simulation.history.rerun import Law
from seawall.simulation.world import World, load

ROOT = Path(__file__).parents[2]
CRASH = ROOT / "examples" / "crash-2024-08-05" / "scenario.toml"
LAST_TICK = 600  # Three a bar: until 16:40 on 4 August.


def run(folder: Path, name: str, laws: dict[str, Law]) -> Night:
    journal = Journal.create(str(folder / f"{name}.db"), {}, durability="normal")
    try:
        return night(CRASH, laws, journal, 250, LAST_TICK)
    finally:
        journal.close()


def test_off_is_the_bars_and_on_stands_lower_by_what_was_sold(tmp_path: Path) -> None:
    still = run(tmp_path, "off", {})
    with CRASH.with_name("bars.csv").open(newline="") as file:
        bars = list(csv.DictReader(file))[: LAST_TICK // 3]
    lows = {coin: min(float(bar[f"{coin}_low"]) for bar in bars) for coin in ("BTC", "ETH")}
    assert still.lowest == lows
    assert set(still.deepest.values()) == {0.0}
    assert still.whole > 0.0
    # All that is ever sold of BTC, unfaded, is the most that a linear law can hold it lower by.
    law = Law("linear", 0.05, 1.0, 7.0)
    fed = run(tmp_path, "on", {"BTC": law})
    assert fed.deepest["ETH"] == 0.0
    assert 0.0 < fed.deepest["BTC"] <= law.fall(fed.forced["BTC"])
    assert fed.lowest["BTC"] < lows["BTC"]
    assert fed.lowest["ETH"] == lows["ETH"]


def test_a_law_through_a_point_goes_through_it() -> None:
    law = through("root", 74.2e6, 0.01, 7.0)
    assert 1.0 - 2.718281828459045 ** -law.fall(74.2e6) == pytest.approx(0.01)
    assert law.fall(74.2e6 / 4.0) == pytest.approx(law.fall(74.2e6) / 2.0)


def test_a_world_lives_in_the_book_that_the_calibration_left() -> None:
    world = load(ROOT / "examples" / "january-2021" / "world.toml")
    (book,) = world.books
    # 1.82 % for 6.203 million of 100 million: factor · √0.06203.
    assert float(book.law.factor) * 0.06203**0.5 == pytest.approx(0.018245, rel=1e-3)
    running = World(1, world)
    for _ in range(130):
        running.step()
    assert running.report().forced > 0
