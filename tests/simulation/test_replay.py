"""A small venue through two hours of the crash, with the live engine and a journal."""

from pathlib import Path

import msgspec
import pytest

from seawall.engine import Engine
from seawall.engine.codec import decode_event
from seawall.engine.event import Filled, Priced
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import verify
from seawall.simulation.bars import ScenarioError
from seawall.simulation.recording import Recording
from seawall.simulation.replay import Replay

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "crash-2024-08-05"
BARS = slice(294, 318)  # 5 August, 00:30 to 02:30: ETH's low is inside.


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenario")
    head, *bars = (EXAMPLE / "bars.csv").read_text().splitlines()
    (folder / "bars.csv").write_text("\n".join([head, *bars[BARS]]) + "\n")
    for name in ("svi.csv", "depth.csv"):
        (folder / name).write_bytes((EXAMPLE / name).read_bytes())
    text = (EXAMPLE / "scenario.toml").read_text()
    text = text.replace("accounts = 100_000", "accounts = 1_500")
    text = text.replace("checkpoint_ticks = 250", "checkpoint_ticks = 10")
    text = text.replace('"../../rules/', f'"{ROOT}/rules/')
    file = folder / "scenario.toml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def whole(scenario: Path) -> tuple[Recording, Path]:
    where = scenario.parent / "whole.db"
    with Journal.create(where, durability="normal") as journal:
        recording = Replay(scenario, journal).run()
    assert recording is not None
    return recording, where


def test_the_crash_liquidates_and_conserves(whole: tuple[Recording, Path]) -> None:
    recording, where = whole
    summary = recording.summary
    assert summary.ticks == 24 * 3 + 1
    assert summary.accounts == 1_500
    assert summary.calls > 0
    assert summary.liquidations_full > 0
    assert summary.notional == sum(point.notional for point in recording.liquidations)
    # ETH falls by a quarter: nearly everything that is taken was long.
    long = sum(point.notional for point in recording.liquidations if point.side == "long")
    assert long > 0.8 * summary.notional
    assert recording.fund[-1] == summary.fund_end
    assert len(recording.time_ms) == len(recording.fund) == summary.ticks
    assert summary.fund_end != summary.fund_start
    assert sum(map(sum, recording.ratio_counts)) > 0
    assert len(recording.worst) == 10
    said = [step.text for step in recording.worst[0].steps]
    assert any(text.startswith("called: margin equity ") for text in said), said
    assert summary.zero_sum
    assert 0.0 < summary.top_ten_share <= 1.0
    with Journal.open(where, read_only=True) as journal:
        assert journal.final_hash() == recording.state_hash


def test_the_journal_proves_the_run(whole: tuple[Recording, Path]) -> None:
    recording, where = whole
    with Journal.open(where, read_only=True) as journal:
        found = verify(journal, Engine)
    assert found.difference is None
    assert found.state_hash == recording.state_hash
    assert found.checkpoints == 7


def test_fills_never_exceed_the_depth_that_was_journalled(whole: tuple[Recording, Path]) -> None:
    depth: dict[int, tuple[int, int]] = {}
    wanted: dict[int, tuple[int, int]] = {}
    engine, fills = Engine(), 0
    with Journal.open(whole[1], read_only=True) as journal:
        for entry in journal.entries():
            event = decode_event(entry.event)
            if isinstance(event, Priced):
                depth.update({number: (bid, ask) for number, bid, ask in event.depth})
            if isinstance(event, Filled) and event.lots:
                instrument, lots = wanted[event.order]
                bid, ask = depth[instrument]
                depth[instrument] = (bid, ask - event.lots) if lots > 0 else (bid - event.lots, ask)
                assert min(depth[instrument]) >= 0
                fills += 1
            for effect in engine.apply(event):  # type: ignore[arg-type]
                if hasattr(effect, "limit"):
                    wanted[effect.order] = (effect.instrument, effect.lots)
    assert fills > 0
    engine.check()


@pytest.mark.parametrize("ticks", [0, 1, 10, 37])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_run_that_was_cut_off_ends_the_same(
    scenario: Path, whole: tuple[Recording, Path], tmp_path: Path, ticks: int, recorded: bool
) -> None:
    recording, where = whole
    with Journal.create(tmp_path / "cut.db", durability="normal") as journal:
        assert Replay(scenario, journal).run(last_tick=ticks) is None
    with Journal.open(tmp_path / "cut.db", durability="normal") as journal:
        resumed = Replay(scenario, journal).run(recorded=recorded)
        assert journal.final_hash() == recording.state_hash
        with Journal.open(where, read_only=True) as first:
            assert journal.last_chain() == first.last_chain()
    if recorded:
        assert resumed is not None
        same = msgspec.structs.replace(resumed.summary, seconds=recording.summary.seconds)
        assert msgspec.structs.replace(resumed, summary=same) == recording


def test_a_method_that_the_rulebook_lacks_is_refused(scenario: Path, tmp_path: Path) -> None:
    text = scenario.read_text().replace('method = "isolated"', 'method = "solo"')
    text = text.replace('"bars.csv"', f'"{scenario.parent}/bars.csv"')
    for name in ("svi.csv", "depth.csv"):
        text = text.replace(f'"{name}"', f'"{scenario.parent}/{name}"')
    file = tmp_path / "scenario.toml"
    file.write_text(text)
    with (
        Journal.create(tmp_path / "refused.db", durability="normal") as journal,
        pytest.raises(ScenarioError, match=r"scenario.toml: \$.population: no margin method solo"),
    ):
        Replay(file, journal)
