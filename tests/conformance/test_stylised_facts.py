"""Worlds against what was observed, and a report that does not fall into the trap of clusters.

Case 21 of the cascade vectors: 40,000 longs even over 0.25 in log price, a common fall; an
estimator of branching finds 0.94 to 0.97 with no feedback at all. The crash is made here again,
read by the monitor and told; no sentence may call clustering contagion.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from seawall.cli import app
from seawall.cli.output import Failure
from seawall.simulation.history import HistoryError, hold, read_facts
from seawall.simulation.history.facts import Fact, FactTable, Row
from seawall.simulation.history.runs import MEASURES, Closed, Seeded
from seawall.simulation.history.trap import shared_shock, sprung, trap_sentences, trap_table
from seawall.systemic import Exponential, Linear

EXAMPLE = Path(__file__).parents[2] / "examples" / "october-2025" / "facts.toml"
WINDOWS_S = (1, 6, 30, 60)
CASE_21 = (0.939, 0.957, 0.971, 0.974)  # At R0 = 0; tolerance ± 0.02.


def test_with_impact_off_the_monitor_reports_no_feedback_on_a_crash_that_clusters() -> None:
    crash = shared_shock(1)
    trap = sprung(crash, Linear(0.0), WINDOWS_S)
    for found, wanted in zip(trap.clusters, CASE_21, strict=True):
        assert found.ratio == pytest.approx(wanted, abs=0.02)
    assert trap.closed == pytest.approx(0.82, abs=0.02)
    assert trap.reading.cascade.amplification == 1.0
    assert trap.reading.largest_gain == 0.0
    assert trap.reading.to_cascade is None
    told = trap_sentences("impact off", trap)
    print("\n".join(told))
    assert told[0] == "impact off: no feedback: R0 0.00, amplification 1.00."
    assert "up to 0.98. Clustering, not contagion" in told[1]


@pytest.mark.parametrize("gain", [0.15, 0.5])
def test_with_feedback_the_monitor_sees_it_and_the_ratio_hardly_moves(gain: float) -> None:
    crash = shared_shock(1, gain=gain, fall=0.1)
    trap = sprung(crash, Exponential(40_000 / (gain * 0.25)), WINDOWS_S)
    # Uniform density under the exponential law: R0 = gain, and the log move is shock ÷ (1 − R0).
    assert trap.reading.largest_gain == pytest.approx(gain, rel=0.2)  # The largest of many.
    fallen = trap.reading.cascade
    moved = np.log(fallen.final / 100.0) / np.log(1.0 + crash.shock)
    assert moved == pytest.approx(1.0 / (1.0 - gain), rel=0.02)
    still = sprung(shared_shock(1, fall=0.1), Linear(0.0), WINDOWS_S)
    for fed, quiet in zip(trap.clusters, still.clusters, strict=True):
        assert abs(fed.ratio - quiet.ratio) < 0.04


def test_the_crash_that_is_made_is_the_cascade_that_is_read() -> None:
    crash = shared_shock(2, gain=0.5, fall=0.1)
    read = sprung(crash, Exponential(40_000 / 0.125)).reading.cascade
    assert crash.prices.min() == pytest.approx(read.final, rel=1e-9)
    assert crash.counts.sum() == read.accounts


def test_no_sentence_calls_clustering_contagion() -> None:
    traps = {
        "off": sprung(shared_shock(1), Linear(0.0)),
        "on": sprung(shared_shock(1, gain=0.5), Exponential(320_000.0)),
    }
    told = [line for name, one in traps.items() for line in trap_sentences(name, one)]
    head, rows = trap_table(traps)
    words = " ".join([*told, *head, *(cell for row in rows for cell in row)])
    assert rows[0][1] == "1.00"
    bare = re.sub(r"Clustering, not contagion", "", words)
    assert "contagion" not in bare
    assert words.count("not contagion") == 2


# -- facts -------------------------------------------------------------------------------------


def made(steps: int = 8_400, **columns: dict[int, float]) -> Seeded:
    """A run of ten-second steps by hand: what is named, and nothing else."""
    found = {name: np.zeros(steps) for name in Closed._fields}
    found["price"] += 100.0
    found["depth"] += 50.0
    for name, entries in columns.items():
        for step, number in entries.items():
            found[name][step] = number
    live = Closed(**found)
    return Seeded(10, live, live, None, "")


def table(**changes: object) -> FactTable:
    base = FactTable(name="t", world="w", facts=(), before_step=0, window_step=600, after_step=900)
    return msgspec.structs.replace(base, **changes)


def test_each_measure_is_what_its_name_says() -> None:
    # 30 in minute 100, 50 in minute 139 (within 40 minutes of it), 20 in minute 140 (not).
    run = made(
        longs={600: 30.0, 834: 50.0},
        shorts={845: 20.0},
        deleveraged={834: 10.0, 835: 5.0, 845: 5.0},
        price={834: 80.0, 900: 95.0},
        depth={834: 10.0},
    )
    wanted = {
        "share_in_40_minutes": 0.8,  # Minutes 100 to 139: 30 + 50 of 100.
        "peak_minute": 0.5,
        "top_hundredth_of_minutes": 1.0,  # 14 of 1,400 minutes hold all three.
        "long_share": 0.8,
        "first_deleveraging_s": 2_340.0,  # (834 − 600) · 10 s.
        "bursts": 2.0,  # 834 and 835 are one.
        "deleveraged_share": 0.2,
        "depth_left": 0.2,
        "fall": 0.2,
        "recovered": 0.75,  # (95 − 80) ÷ (100 − 80).
    }
    for name, value in wanted.items():
        assert MEASURES[name](run, table()) == pytest.approx(value), name
    assert np.isnan(MEASURES["halt_forced"](run, table()))


def test_a_halt_is_measured_against_the_same_seed_without() -> None:
    run = made(longs={600: 100.0})
    shut = made(longs={600: 40.0}, shut={610: 1.0}, price={610: 80.0, 760: 84.0}).live
    both = run._replace(halted=shut)
    assert MEASURES["halt_forced"](both, table()) == pytest.approx(0.4)
    assert MEASURES["halt_rise"](both, table()) == pytest.approx(0.05)  # 1,500 s later.


def test_a_fact_that_most_seeds_do_not_have_is_a_miss() -> None:
    fact = Fact(
        words="w", observed=60.0, source="s", measure="first_deleveraging_s", rule="twofold"
    )
    assert Row(fact, np.array([50.0, np.nan, np.nan])).verdict == "miss"
    assert Row(fact, np.array([50.0, 70.0, np.nan])).verdict == "hit"
    assert Row(fact, np.array([10.0, 20.0, 25.0])).verdict == "miss"
    fitted = msgspec.structs.replace(fact, put_in=True)
    assert Row(fitted, np.array([60.0])).verdict == "put in"
    absent = msgspec.structs.replace(fact, measure="", why="none")
    assert Row(absent, np.array([])).verdict == "not simulated"


def test_a_small_october_goes_through_the_real_engine_and_is_the_same_twice() -> None:
    facts, world, _ = read_facts(EXAMPLE)
    small = msgspec.structs.replace(
        world,
        steps=600,
        coins=(
            world.coins[0],
            msgspec.structs.replace(
                world.coins[1],
                shocks=tuple(
                    msgspec.structs.replace(one, step=one.step - 3_800, over=min(one.over, 90))
                    for one in world.coins[1].shocks
                    if one.step > 3_800
                ),
            ),
        ),
        traders=(msgspec.structs.replace(world.traders[0], count=300),),
        books=tuple(
            msgspec.structs.replace(
                one, makers=tuple(msgspec.structs.replace(m, depth=m.depth / 5) for m in one.makers)
            )
            for one in world.books
        ),
    )
    short = msgspec.structs.replace(facts, before_step=150, window_step=250, after_step=520)
    first, again = (hold(short, small, None, 1) for _ in range(2))
    assert first.hashes == again.hashes
    by_measure = {row.fact.measure: row for row in first.rows}
    assert 0.0 < by_measure["fall"].median < 0.3
    assert by_measure["share_in_40_minutes"].median > 0.0
    assert by_measure["long_share"].median > 0.5
    assert by_measure[""].verdict == "not simulated"
    assert (first.amplification >= 1.0).all()
    assert list(first.laws) == [
        "no impact",
        "as it is",
        "linear",
        "exponential",
        "constant_product",
    ]
    assert first.laws["no impact"].amplification == [1.0]
    assert first.laws["as it is"].amplification == first.amplification
    # Beyond their common point a root is shallower than a straight line.
    assert first.laws["linear"].fall[0] > first.laws["as it is"].fall[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("before_step = 3960", "before_step = 9999", "before_step: must lie in [0, 5040]"),
        ('"peak_minute"', '"peak_second"', "facts[1].measure: must be one of share_in_40"),
        ('world       = "world.toml"', 'world = "none.toml"', "world: none.toml: no such file"),
        ("observed = 0.70", 'observed = "x"', "Expected `float`, got `str` - at `$.facts[0]"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "world.toml").write_text((EXAMPLE.parent / "world.toml").read_text())
    file = tmp_path / "facts.toml"
    text = EXAMPLE.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(HistoryError, match=re.escape(said)):
        read_facts(file)
    with pytest.raises(Failure):
        app(["facts", str(file)], result_action="return_value")


def test_the_command_prints_the_table_and_both_numbers_of_the_trap(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cascade = EXAMPLE.parents[1] / "world" / "cascade.toml"
    (tmp_path / "world.toml").write_text(cascade.read_text())
    file = tmp_path / "facts.toml"
    file.write_text("""
name = "a fall"
world = "world.toml"
seeds = 2
before_step = 99
window_step = 100
after_step = 200

[[facts]]
words = "longs"
measure = "long_share"
observed = 0.9
source = "nobody"

[[facts]]
words = "fall"
measure = "fall"
observed = 0.5
source = "nobody"

[[facts]]
words = "peg"
observed = 1
source = "nobody"
why = "not here"
""")
    app(["facts", str(file), "--out", str(tmp_path / "out")], result_action="return_value")
    told = capfd.readouterr().out
    assert "1 of 2 facts hit over 2 seeds; 0 put in, 1 not simulated." in told
    rows = {line.split("  ")[0].strip(): line for line in told.splitlines() if line.strip()}
    assert "hit" in rows["longs"]
    assert "miss" in rows["fall"]
    assert "not simulated" in rows["peg"]
    still = next(line for line in told.splitlines() if "branching ratio of a fit" in line)
    assert re.search(r"0\.\d\d \(0\.\d\d to 0\.\d\d\)\s+0\.\d\d \(", still)
    assert "With impact off nothing feeds itself" in told
    page = (tmp_path / "out" / "facts.html").read_text()
    for text in (told, page):
        assert "contagion" not in re.sub(r"Clustering, not\s+contagion", "", text)
