"""A real `seawall replay` that is killed again and again ends as if nobody had touched it.

Every kill is a SIGKILL at a random moment, from before the first event to after the last one; its
seed is printed. Also here: the same scenario on another machine's instructions, on another seed and
on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.engine.codec import GENESIS
from seawall.engine.history.journal import Journal

KILLS = 12
REPLAY = [sys.executable, "-m", "seawall.cli", "replay"]


def program(scenario: Path, out: Path, *more: object) -> list[str]:
    return [*REPLAY, *map(str, (scenario, "--out", out, "--json", *more))]


def ran(scenario: Path, out: Path, *more: object, **environment: str) -> dict[str, object]:
    done = subprocess.run(
        program(scenario, out, *more), capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def whole(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("whole")
    return out, ran(cut, out)


def chains(file: Path) -> list[bytes]:
    with Journal.open(file, read_only=True) as journal:
        return [GENESIS, *(entry.chain for entry in journal.entries())]


def acknowledged(file: Path) -> int:
    """The last event that another process can see; 0 while there is no journal."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal,
    ):
        return int(journal.execute("SELECT sequence FROM journal_head").fetchone()[0])
    return 0


def verified(file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["journal", "verify", str(file), "--json"])
    told = capsys.readouterr()
    assert stopped.value.code == 0, told.err
    return json.loads(told.out)


def killed(scenario: Path, out: Path, dice: random.Random) -> tuple[int, bool]:
    """Let a run live for a moment: the last event seen before its death, and whether it died."""
    file, seen = out / "journal.db", 0
    began = acknowledged(file)
    alive = subprocess.Popen(
        program(scenario, out, "--resume"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        if dice.random() < 0.2:  # Before it is at work: while it imports, or reads its journal.
            time.sleep(dice.random())
        else:
            limit, target = time.monotonic() + 20, began + dice.randrange(1, 30)
            while alive.poll() is None and time.monotonic() < limit:
                if acknowledged(file) >= target:
                    break
                time.sleep(0.004)
            time.sleep(dice.random() * 0.02)
        seen = acknowledged(file)
        alive.send_signal(signal.SIGKILL)
    finally:
        _, error = alive.communicate(timeout=60)
    assert alive.returncode in {0, -signal.SIGKILL}, error.decode()
    return seen, alive.returncode != 0


def test_a_replay_that_is_killed_again_and_again_ends_the_same(
    cut: Path, whole: tuple[Path, dict[str, object]], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    expected = chains(whole[0] / "journal.db")
    seed = random.SystemRandom().randrange(10**6)
    deaths, run, lengths, rounds = 0, 0, [], []
    for kill in range(4 * KILLS):
        if deaths == KILLS:
            break
        out = tmp_path / f"run{run}"
        seen, died = killed(cut, out, random.Random(seed + kill))
        deaths += died
        if not (out / "journal.db").exists():
            continue
        found = verified(out / "journal.db", capsys)  # It opens, and is what the engine does.
        lengths.append(found["events"])
        said = f"seed {seed + kill}: saw {seen}, kept {found['events']}, died {died}"
        rounds.append(said)
        assert found["events"] >= seen, f"{said}: an acknowledged event is lost"
        assert chains(out / "journal.db") == expected[: found["events"] + 1], said
        if found["finished"]:
            assert found["state_hash"] == whole[1]["state_hash"], said
            run += 1
    print(*rounds, sep="\n")
    assert deaths == KILLS, f"seed {seed}: the runs ended before they could be killed"
    inside = {length for length in lengths if 0 < length < len(expected) - 1}
    assert len(inside) > 2, f"seed {seed}: the kills fell everywhere but in the work: {lengths}"

    told = ran(cut, tmp_path / f"run{run}", "--resume")
    for key in ("state_hash", "chain", "effects"):
        assert told[key] == whole[1][key], f"seed {seed}"
    assert chains(tmp_path / f"run{run}" / "journal.db") == expected
    assert {file.name for file in (tmp_path / f"run{run}").iterdir()} >= {
        "report.html", "events.parquet", "summary.json",
    }  # fmt: skip


def test_the_same_seed_has_the_same_hash_and_another_seed_another(
    cut: Path, whole: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    again = ran(cut, tmp_path / "again", PYTHONHASHSEED="7", NUMBA_NUM_THREADS="1")
    for key in ("state_hash", "chain", "effects", "fingerprint"):
        assert again[key] == whole[1][key]
    other = ran(cut, tmp_path / "other", "--seed", 7)
    assert other["fingerprint"] == whole[1]["fingerprint"]
    assert other["state_hash"] != whole[1]["state_hash"]
    assert other["chain"] != whole[1]["chain"]


def test_a_machine_without_wide_registers_comes_to_the_same_hash(
    cut: Path, whole: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    """SSE2 is all that every x86-64 has: no AVX, no fused multiply-add."""
    told = ran(cut, tmp_path, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert told["state_hash"] == whole[1]["state_hash"]
    assert told["chain"] == whole[1]["chain"]


def test_a_journal_on_postgresql_comes_to_the_same_hash(
    cut: Path, whole: tuple[Path, dict[str, object]], tmp_path: Path, postgresql_schema: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    told = ran(cut, tmp_path, "--journal", postgresql_schema)
    assert told["state_hash"] == whole[1]["state_hash"]
    assert told["chain"] == whole[1]["chain"]
    assert not (tmp_path / "journal.db").exists()
    found = verified(postgresql_schema, capsys)
    assert found["finished"]
    assert found["state_hash"] == told["state_hash"]
    assert chains(postgresql_schema) == chains(whole[0] / "journal.db")
