"""A tape made with a known impact gives it back; a real one gives what others measured on it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from seawall.cli import app
from seawall.cli.output import Failure
from seawall.pricing import Floats
from seawall.simulation.history import Calibration, HistoryError, calibrate, depth_toml, read_tape
from seawall.simulation.history.calibration import laws_of
from seawall.simulation.history.flow import new_lows, standing, told
from seawall.simulation.history.impact import averaging, rebound, response, typical_notional
from seawall.simulation.history.regression import fitted
from seawall.simulation.history.rerun import Law, own_way, rerun
from seawall.simulation.history.tape import Tape
from seawall.simulation.stress import read_depth_file

FOLDER = Path(os.environ.get("SEAWALL_DATA", "")) / "open" / "liquidations"
needs_tape = pytest.mark.skipif(
    "SEAWALL_DATA" not in os.environ or not FOLDER.is_dir(),
    reason="the minutes of January 2021 are not at $SEAWALL_DATA/open/liquidations",
)
HALF_LIFE_MIN = 7.0


def made(impact: float, minutes: int = 30_000, seed: int = 1, *, bursts: bool = True) -> Tape:
    """Falls close longs, bursts close some for no reason, and a million moves the price."""
    dice = np.random.default_rng(seed)
    own = dice.standard_t(4.0, minutes) * 0.001
    burst = np.where(dice.random(minutes) < 0.05, dice.pareto(2.0, minutes) * 1e6, 0.0)
    burst *= bursts
    kept, pressure = 0.5 ** (1.0 / HALF_LIFE_MIN), 0.0
    price, sold = np.zeros(minutes), np.zeros(minutes)
    way = np.cumsum(own)
    for minute in range(minutes):
        sold[minute] = burst[minute] + 5e8 * max(0.0, -own[minute] - 0.002)
        pressure = pressure * kept + sold[minute] / 1e6
        price[minute] = way[minute] - impact * pressure
    middle = 1_000.0 * np.exp(price)
    spread, none = np.full(minutes, 1e-4), np.zeros(minutes)
    return Tape(np.arange(minutes) * 60_000.0, middle, spread, sold, none)


def test_newey_west_is_what_its_formula_says_on_four_rows() -> None:
    design = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    outcome = np.array([0.0, 1.0, 2.0, 5.0])
    found = fitted(design, outcome, 1)
    # Means 1 and 3, so the slope is 2 and the rest is −1, −2, 1, 2. Scores e·x are (−1, 0),
    # (−2, −2), (1, 0), (2, 2). Σ s s' = [[10, 8], [8, 8]]. Γ₁ = Σ sₜ s'ₜ₋₁ = (−2, −2)'(−1, 0)
    # + (1, 0)'(−2, −2) + (2, 2)'(1, 0) = [[2 − 2 + 2, −2], [2 + 2, 0]]; with weight ½ and its
    # mirror: [[12, 9], [9, 8]]. (X'X)⁻¹ = [[½, −½], [−½, 1]].
    gram = np.array([[0.5, -0.5], [-0.5, 1.0]])
    assert found.slope == pytest.approx([1.0, 2.0])
    assert found.covariance == pytest.approx(gram @ np.array([[12.0, 9.0], [9.0, 8.0]]) @ gram)


def test_what_comes_back_is_the_impact_that_a_tape_was_made_with() -> None:
    tape = made(0.002)
    found = rebound(tape)
    print(f"made with 20 bp a million, 7 min: {found.impact * 1e4:.1f} ± "
          f"{found.impact_error * 1e4:.1f}, {found.half_life_min:.1f} min")  # fmt: skip
    assert abs(found.impact - 0.002) < 3.0 * found.impact_error
    assert found.is_seen
    assert 4.0 < found.half_life_min < 12.0
    assert response(tape).ceiling > 0.002  # Falls that close are in it too.


def test_without_impact_nothing_comes_back_though_the_ceiling_is_high() -> None:
    tape = made(0.0, bursts=False)
    found, high = rebound(tape), response(tape)
    print(f"made without: ceiling {high.ceiling * 1e4:.1f}, back {found.impact * 1e4:.2f} ± "
          f"{found.impact_error * 1e4:.2f}")  # fmt: skip
    assert high.ceiling > 10.0 * float(high.error[1])
    assert abs(found.impact) < 3.0 * found.impact_error


def test_means_over_a_minute_correlate_by_a_quarter() -> None:
    seconds = np.cumsum(np.random.default_rng(2).normal(size=(20_000, 60))).reshape(-1, 60)
    middle = np.exp(seconds.mean(axis=1) * 1e-4)
    none = np.zeros(middle.size)
    tape = Tape(np.arange(middle.size) * 60_000.0, middle, none, none, none)
    assert abs(averaging(tape) - 0.25) < 0.02  # Working (1960).


def test_new_lows_are_those_of_a_walk_through_every_window() -> None:
    path = np.random.default_rng(3).normal(size=400).cumsum()
    found = new_lows(path)
    for minute in range(path.size):
        for place, window in enumerate((5, 15, 60, 240, 1440)):
            past = path[max(0, minute - window) : minute]
            wanted = max(0.0, past.min() - path[minute]) if past.size else 0.0
            assert found[minute, place] == wanted


def test_a_rerun_under_the_law_and_standing_that_made_a_tape_is_the_tape() -> None:
    dice = np.random.default_rng(4)
    way, stands = dice.normal(0.0, 0.002, 6_000).cumsum(), standing(made(0.0, 4_500))
    none = np.zeros(3_000)
    before = Tape(none, np.exp(way[:3_000]), none, none, none)
    law = Law("linear", 0.001, 1.0, HALF_LIFE_MIN)
    first = rerun(way[3_000:], before, stands, law)
    assert not first.ran_away
    assert first.sold.sum() > 0.0
    seen = Tape(none, np.exp(first.log_price), none, first.sold, first.bought)
    assert own_way(seen, law) == pytest.approx(way[3_000:], abs=1e-9)
    again = rerun(own_way(seen, law), before, stands, law)
    assert again.log_price == pytest.approx(first.log_price, abs=1e-6)


def test_two_rounds_of_a_linear_law_are_a_geometric_sum() -> None:
    # 100 million stand below every low of a unit; a fall of 1 % beyond the low with an impact of
    # 0.5 % for a million has R0 = 100 · 0.005 = 0.5 and so sells 1 ÷ (1 − 0.5) = 2 million.
    stands = standing(made(0.0, 4_500))._replace(
        longs=np.array([1e8, 0.0, 0.0, 0.0, 0.0]), shorts=np.zeros(5)
    )
    flat = np.zeros(2_000)
    before = Tape(flat, np.ones(2_000), flat, flat, flat)
    found = rerun(np.array([-0.01]), before, stands, Law("linear", 0.005))
    assert found.sold[0] == pytest.approx(2e6, rel=1e-5)
    assert found.log_price[0] == pytest.approx(-0.02, rel=1e-5)
    assert rerun(np.array([-0.01]), before, stands, Law("linear", 0.02)).ran_away  # R0 = 2.


@pytest.fixture(scope="module")
def january() -> Calibration:
    return calibrate(read_tape(FOLDER))


@needs_tape
def test_january_2021_says_what_others_measured_on_it(january: Calibration) -> None:
    found = january
    assert [round(one.ratio, 3) for one in found.clusters.by_window] == [
        0.201, 0.367, 0.551, 0.71, 0.844,
    ]  # fmt: skip
    assert round(found.clusters.autoregressive.ratio, 3) == 0.642
    assert round(found.longs.dollars), round(found.shorts.dollars) == (1148514462, 398928028)
    assert round(found.longs.top_hundredth, 3) in {0.667, 0.668}
    assert round(found.longs.top_thousandth, 3) == 0.211
    first, second = found.first.rebound, found.second.rebound
    wide = np.hypot(first.impact_error, second.impact_error)
    assert first.is_seen
    assert second.is_seen
    assert abs(first.impact - second.impact) < 2.0 * wide
    assert 0.5 < found.said / found.observed < 2.0
    none, linear, *roots = found.judged
    assert linear.ran_away
    assert not any(one.ran_away for one in (none, *roots))
    assert none.amplification == 1.0


@needs_tape
def test_the_depth_file_of_january_2021_is_read_by_a_stress_test(
    january: Calibration, tmp_path: Path
) -> None:
    found = january
    file = tmp_path / "depth.toml"
    file.write_text(depth_toml(found, "ETH", "a tape"))
    read = read_depth_file(file, ("ETH",), {"ETH": found.first.price}).of("ETH")
    assert read.sold == pytest.approx(found.first.typical / found.first.price, abs=0.5)
    assert read.drop == pytest.approx(found.first.drop, abs=1e-6)
    carried = Path(__file__).parents[2] / "examples" / "january-2021" / "depth.toml"
    assert tomllib.loads(carried.read_text())["coins"] == tomllib.loads(file.read_text())["coins"]


def written(folder: Path, **columns: Floats) -> Path:
    minutes = 6_000
    table = {
        "ts": np.arange(minutes) * 60_000,
        "bid_price": np.full(minutes, 999.0),
        "ask_price": np.full(minutes, 1_001.0),
        "liq_long": np.zeros(minutes),
        "liq_short": np.zeros(minutes),
    }
    file = folder / "tape.csv"
    pl.DataFrame(table | columns).write_csv(file)
    return file


def test_coins_become_dollars_at_the_middle(tmp_path: Path) -> None:
    file = written(tmp_path, liq_long=np.full(6_000, 2.0))
    tape = read_tape(file.parent)
    assert set(tape.sold.tolist()) == {2_000.0}
    assert tape.spread[0] == pytest.approx(0.002)
    assert typical_notional(tape) == pytest.approx(2_000.0)
    assert told(tape, standing(tape))[0].sum() == 0.0  # Nobody stands below a price that is still.


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"liq_long": np.full(6_000, -1.0)}, "liq_long[0]: -1 is not a number that can be"),
        ({"bid_price": np.zeros(6_000)}, "bid_price[0]: 0 is not a number that can be"),
        ({"bid_price": np.full(6_000, 1_002.0)}, "ask_price[0]: below the bid"),
        ({"ts": np.zeros(6_000)}, "ts[1]: not later than the minute before"),
    ],
)
def test_a_wrong_column_is_named(tmp_path: Path, columns: dict[str, Floats], said: str) -> None:
    file = written(tmp_path, **columns)
    with pytest.raises(HistoryError) as refused:
        read_tape(file)
    assert str(refused.value) == f"{file}: {said}"


def test_the_command_refuses_what_is_no_tape_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no file with the columns ts, bid_price"):
        app(["calibrate", str(tmp_path), "--coin", "ETH"], result_action="return_value")
    file = written(tmp_path)
    with pytest.raises(Failure, match="0 of 3,000 minutes have any"):
        app(["calibrate", str(file), "--coin", "ETH"], result_action="return_value")
    with pytest.raises(Failure, match=r"--share: 0.01 of 6,000 minutes"):
        app(
            ["calibrate", str(file), "--coin", "ETH", "--share", "0.01"],
            result_action="return_value",
        )


def test_laws_go_through_the_measured_point() -> None:
    found = calibrate(made(0.002, 8_000))
    none, linear, root, _, _ = laws_of(found.first)
    dollars = found.first.typical
    assert none.fall(dollars) == 0.0
    assert linear.fall(dollars) == pytest.approx(found.first.drop)
    assert root.fall(dollars) == pytest.approx(found.first.drop)


def test_the_command_writes_page_depth_and_book_and_says_the_same_twice(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    tape = made(0.002, 8_000)
    pl.DataFrame(
        {
            "ts": tape.time_ms,
            "bid_price": tape.middle * 0.99995,
            "ask_price": tape.middle * 1.00005,
            "liq_long": tape.sold / tape.middle,
            "liq_short": tape.bought,
        }
    ).write_csv(tmp_path / "tape.csv")
    out = tmp_path / "out"
    command = ["calibrate", str(tmp_path / "tape.csv"), "--coin", "XYZ", "--out", str(out)]
    app([*command, "--json"], result_action="return_value")
    told = msgspec.json.decode(capfdbinary.readouterr().out)
    assert sorted(one.name for one in out.iterdir()) == [
        "book.toml",
        "calibration.html",
        "depth.toml",
    ]
    assert told["first"]["impact"] == pytest.approx(0.002, rel=0.6)
    assert told["clustering"]["warning"].startswith("Clustering, not contagion")
    depth = tomllib.loads((out / "depth.toml").read_text())
    assert depth["coins"]["XYZ"]["drop"] == pytest.approx(
        told["first"]["impact"] * told["first"]["typical_notional"] / 1e6, abs=1e-6
    )
    (book,) = tomllib.loads((out / "book.toml").read_text())["books"]
    # The root through the same point: factor · √(typical ÷ depth) = drop.
    share = told["first"]["typical_notional"] / book["makers"][0]["depth"]
    assert book["law"]["factor"] * share**0.5 == pytest.approx(
        depth["coins"]["XYZ"]["drop"], rel=1e-3
    )
    page = (out / "calibration.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert page.count("<svg") == 2
    app(command, result_action="return_value")
    printed = capfdbinary.readouterr().out.decode()
    assert "comes back, bp a million" in printed
    assert (out / "calibration.html").read_text() == page
