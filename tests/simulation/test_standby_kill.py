"""The primary is killed again and again; a standby takes over and nothing is lost or done twice.

Every kill is a SIGKILL at a random moment, sometimes while the standby is taking over; the seed is
printed. SEAWALL_KILLS asks for more of them than the twenty of an ordinary run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import verify
from seawall.engine.history.standby import Shadow

PROGRAM = Path(__file__).with_name("standby_primary.py")
KILLS = int(os.environ.get("SEAWALL_KILLS", "20"))
BIRTH = 3  # Events before the first command.


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The program that forks venue processes; those that are left die with it."""
    program = subprocess.Popen(
        [sys.executable, PROGRAM, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=(tmp_path / "errors").open("w"), text=True,
    )  # fmt: skip
    with program:
        yield program
        program.kill()


def born(nursery: subprocess.Popen[str]) -> int:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write("go\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


def lines(folder: Path) -> list[list[str]]:
    with contextlib.suppress(FileNotFoundError):
        return [line.split() for line in (folder / "acknowledged").read_text().splitlines()]
    return []


def wait_for(folder: Path, count: int) -> float:
    """Wait for so many acknowledged commands; how long it took."""
    began = time.monotonic()
    while len(lines(folder)) < count:
        waited = time.monotonic() - began
        assert waited < 60, (folder / "errors").read_text()
        time.sleep(0.002)
    return time.monotonic() - began


def kill(process: int) -> None:
    """Kill a venue process and wait until it is gone."""
    os.kill(process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(process, 0)
            time.sleep(0.001)


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(
    nursery: subprocess.Popen[str], tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    living = [born(nursery), born(nursery)]  # A primary and a standby.
    takeovers = []
    for _ in range(KILLS):
        if dice.random() < 0.8:
            wait_for(tmp_path, len(lines(tmp_path)) + dice.randrange(1, 40))
        time.sleep(dice.random() * 0.01)
        before = len(lines(tmp_path))
        kill(living.pop(0))
        living.append(born(nursery))
        if dice.random() < 0.8:
            takeovers.append(wait_for(tmp_path, before + 1))
    wait_for(tmp_path, len(lines(tmp_path)) + 20)
    for process in living:
        kill(process)
    told = lines(tmp_path)
    print(f"{len(told)} acknowledged, take-over up to {max(takeovers):.3f} s")
    check(tmp_path, told)


def check(folder: Path, told: list[list[str]]) -> None:
    """Hold the journal against everything that was ever acknowledged."""
    first: dict[str, tuple[str, str]] = {}
    repeats = 0
    for key, sequence, digest, repeated in told:
        assert first.setdefault(key, (sequence, digest)) == (sequence, digest), key
        repeats += int(repeated)
    assert repeats > 0, "no command was ever sent a second time"
    with Journal.open(folder / "venue.db", read_only=True) as journal:
        found = {key: journal.command(key) for key in first}
        for key, (sequence, digest) in first.items():
            kept = found[key]
            assert kept is not None, f"command {key} was acknowledged and is lost"
            assert str(kept.sequence) == sequence
            assert hashlib.sha256(kept.answer).hexdigest()[:16] == digest
        taken = {int(sequence) for sequence, _ in first.values()}
        assert len(taken) == len(first), "two commands share one event"
        # Whatever was kept and not yet acknowledged was sent again, and is known by now.
        last = journal.last_sequence()
        assert set(range(BIRTH + 1, last + 1)) - taken <= {last}
        verdict = verify(journal, Engine)
        assert verdict.ok, verdict.difference
        assert verdict.checkpoints > 0
    with contextlib.closing(sqlite3.connect(folder / "venue.db")) as rows:
        query = "SELECT count(*), count(DISTINCT sequence), min(sequence) FROM journal_command"
        assert rows.execute(query).fetchone() == (last - BIRTH, last - BIRTH, BIRTH + 1)
    with Shadow(folder / "venue.db").take_over(durability="normal") as primary:
        assert primary.engine.state_hash() == verdict.state_hash
        primary.engine.check()  # Every asset sums to zero.
