"""A killed writer loses nothing that it had acknowledged, and leaves a journal that goes on."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import recover, verify

SCRIPT = Path(__file__).with_name("kill_rounds.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_acknowledged_event_is_lost_to_sigkill(where):
    rounds = 25 if "://" not in where else 12
    seed = random.SystemRandom().randrange(10**6)  # Printed, with each round, where it fails.
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), where, str(rounds), str(seed)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(re.findall(r"^seed", ran.stdout, re.MULTILINE)) == rounds
    batches, events = map(int, re.findall(r"^(\d+) batches .*, (\d+) events", ran.stdout, re.M)[0])
    assert batches > rounds, ran.stdout  # The kills came in the middle of work.
    assert events > batches


def test_a_log_torn_anywhere_leaves_whole_batches(tmp_path, Counter):
    """Loss of power may tear the write-ahead log at any byte; what is left must be a prefix."""
    counter = Counter()
    ends, batches = {0}, []
    with Journal.create(tmp_path / "venue.db") as journal:
        for size in (1, 3, 40, 1, 200, 7, 3, 3):
            batches.append(counter.batch(size))
            journal.append(batches[-1])
            ends.add(counter.sequence)
        log = (tmp_path / "venue.db-wal").read_bytes()
        shutil.copy(tmp_path / "venue.db", tmp_path / "base.db")
    dice = random.Random(5)
    seen = set()
    for number in range(60):
        cut = len(log) if number == 0 else dice.randrange(len(log))
        torn = tmp_path / f"torn{number}.db"
        shutil.copy(tmp_path / "base.db", torn)
        rest = bytes(len(log) - cut) if number % 2 else b""  # Cut off, or never written.
        Path(f"{torn}-wal").write_bytes(log[:cut] + rest)
        with Journal.open(torn) as journal:
            assert journal.last_sequence() in ends, f"cut at {cut}"
            seen.add(journal.last_sequence())
            assert verify(journal, Counter).ok
            went_on = recover(journal, Counter.load, Counter)
            journal.append(went_on.batch(2))
            assert verify(journal, Counter).ok
    assert counter.sequence in seen
    assert len(seen) > 4, "the cuts fell everywhere"
