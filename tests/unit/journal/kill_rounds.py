"""Kill a writing process again and again, and hold the journal to what it had acknowledged.

Runs by itself: `python kill_rounds.py WHERE ROUNDS SEED`. Each round forks a writer that recovers,
appends batches and reports each sequence number once `append` has returned; the parent kills it
at a random moment, opens the journal and compares.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time

from counter import Counter

from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import recover, verify

CHECKPOINT_EVERY = 40  # Batches.


def write(where: str, acknowledged: int, seed: int) -> None:
    dice = random.Random(seed)
    with Journal.open(where) as journal:
        counter = recover(journal, Counter.load, Counter)
        batches = 0
        while True:
            journal.append(counter.batch(dice.choice((1, 3, 3, 50, 400))))
            os.write(acknowledged, counter.sequence.to_bytes(8, "big"))
            batches += 1
            if batches % CHECKPOINT_EVERY == 0:
                journal.checkpoint(counter.checkpoint())


def kill_once(where: str, seed: int) -> tuple[int, int, float]:
    """One writer's life: batches acknowledged, the last sequence number, and how long it had."""
    dice = random.Random(seed)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            write(where, writing, seed)
        finally:
            os._exit(3)  # Only a failure comes here: a writer never ends by itself.
    os.close(writing)
    if dice.random() < 0.8:  # Otherwise it may die while it still opens and recovers.
        select.select([reading], [], [], 10)
    life = dice.random() * 0.04
    time.sleep(life)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer failed by itself: {status}"
    told = bytearray()
    while part := os.read(reading, 65536):
        told += part
    os.close(reading)
    whole = len(told) // 8
    last = int.from_bytes(told[8 * whole - 8 : 8 * whole], "big") if whole else 0
    return whole, last, life


def main(where: str, rounds: int, seed: int) -> None:
    Journal.create(where).close()
    acknowledged = total = 0
    for number in range(rounds):
        batches, last, life = kill_once(where, seed + number)
        total += batches
        acknowledged = max(acknowledged, last)
        with Journal.open(where) as journal:
            kept = journal.last_sequence()
            print(
                f"seed {seed + number}: {batches} batches in {life * 1000:.0f} ms, "
                f"acknowledged {acknowledged}, kept {kept}",
                flush=True,
            )
            assert kept >= acknowledged, "an acknowledged event is lost"
            acknowledged = kept
            counter = recover(journal, Counter.load, Counter)
            assert counter.sequence == kept
            journal.append(counter.batch(1))
            acknowledged += 1
    with Journal.open(where, read_only=True) as journal:
        shown = verify(journal, Counter)
    assert shown.ok, shown.difference
    print(f"{total} batches acknowledged, {shown.events} events verified")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
