"""Whoever computes, and whoever dies over it, a sweep comes to the same bits."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from seawall.simulation.sweep import SweepError, of_world, pool, read
from seawall.simulation.sweep.design import points, seed_of
from seawall.simulation.sweep.work import Task, checked_trees, tasks, tree_of
from seawall.simulation.world import World
from seawall.simulation.world.small import SMALL, SMALL_RULES

SPEC = """
name = "workers"
seed = 11
runs = 200
[base.book]
accounts = 1_000
[parameters]
rules.initial_ratio = [0.01, 0.05, 0.2]
rules.book_share = [0.5, 1.0]
depth.law = ["sqrt", "linear"]
"""
TASKS = 12 * 8  # Points, each with 200 runs in batches of 25.
START_S = 20.0


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "workers.toml"
    path.write_text(SPEC)
    return path


def few_tasks(spec: Path) -> list[Task]:
    wanted = read(spec)
    found = points(wanted)
    return tasks(wanted, found, checked_trees(wanted, found), [])[:12]


def test_a_worker_that_is_killed_changes_nothing(spec: Path) -> None:
    wanted = few_tasks(spec)
    alone = list(pool.answers(wanted, 1))
    answers = pool.answers(wanted, 2)
    found = [next(answers)]
    victim = multiprocessing.active_children()[0]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    found += answers
    assert not victim.is_alive()
    assert len(found) == len(alone) == 12
    assert sorted(found) == sorted(alone)


def test_workers_that_always_die_are_given_up(spec: Path) -> None:
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.01):
            for child in multiprocessing.active_children():
                child.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(SweepError, match="died 3 times in a row without one answer; 12 tasks"):
            list(pool.answers(few_tasks(spec), 2))
    finally:
        over.set()
        killer.join()


def swept(spec: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seawall.cli", "sweep", str(spec), "--out", str(out), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(sweep: subprocess.Popen[str]) -> None:
    said, error = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, said + error


def trace(out: Path) -> tuple[bytes, bytes, list[bytes]]:
    """Table, page, and the runs in whichever order they came."""
    (runs,) = out.glob("runs-*.jsonl")
    lines = sorted(runs.read_bytes().splitlines())
    assert len(lines) == TASKS + 1
    return (out / "sweep.parquet").read_bytes(), (out / "sweep.html").read_bytes(), lines


class Cluster:
    """A scheduler and two workers on the loopback, each an interpreter of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.file, self.folder, self.stack = folder / "scheduler.json", folder, stack
        self.begin("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.wait(self.file.exists, "no scheduler")
        self.workers = [
            self.begin("dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                       "--name", f"worker-{number}", "--local-directory", str(folder))
            for number in range(2)
        ]  # fmt: skip
        self.address = str(json.loads(self.file.read_text())["address"])

    def begin(self, part: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a part; it is stopped when the test ends."""
        log = self.stack.enter_context((self.folder / "log").open("ab"))
        command = [sys.executable, "-m", f"distributed.cli.{part}", *words]
        ran = subprocess.Popen(
            [*command, "--scheduler-file", str(self.file)], stdout=log, stderr=log, cwd=self.folder
        )
        self.stack.callback(self.stop, ran)
        return ran

    def stop(self, ran: subprocess.Popen[bytes]) -> None:
        ran.terminate()
        try:
            ran.wait(5)
        except subprocess.TimeoutExpired:
            ran.kill()
            ran.wait(5)

    def wait(self, done: object, said: str) -> None:
        assert callable(done)
        for _ in range(int(START_S / 0.05)):
            if done():
                return
            time.sleep(0.05)
        pytest.fail(f"{said}:\n{(self.folder / 'log').read_text()}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip(
        "distributed", reason="NOT TESTED: a Dask cluster; pip install seawall[scale]"
    )
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def kept(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") - 1 for path in out.glob("runs-*.jsonl"))


def test_a_cluster_whose_worker_dies_a_pool_and_one_interpreter_agree(
    spec: Path, tmp_path: Path, cluster: Cluster
) -> None:
    far = swept(spec, tmp_path / "far", "--scheduler", cluster.address)
    cluster.wait(lambda: kept(tmp_path / "far") >= 8 or far.poll() is not None, "no answer")
    before = kept(tmp_path / "far")
    cluster.workers[0].kill()
    finished(far)
    assert 8 <= before < TASKS - 2, f"killed too late: {before} of {TASKS} tasks were answered"
    assert cluster.workers[0].wait(5) == -signal.SIGKILL
    log = (tmp_path / "log").read_text()
    assert "Remove worker" in log
    near = swept(spec, tmp_path / "near", "--workers", "2")
    finished(near)
    alone = swept(spec, tmp_path / "alone", "--workers", "1")
    finished(alone)
    assert trace(tmp_path / "far") == trace(tmp_path / "near") == trace(tmp_path / "alone")


WORLDS = """
name = "worlds"
seed = 11
runs = 3
model = "world"
base = "world.toml"
[parameters]
"venues[0].fund.USDC" = [0, 1_000]
[objective]
limit = 1_000_000_000
"""


def test_a_world_has_the_same_hash_alone_on_a_pool_and_on_a_cluster(
    tmp_path: Path, cluster: Cluster
) -> None:
    (tmp_path / "world.toml").write_text(SMALL.replace("RULES", SMALL_RULES))
    spec = tmp_path / "worlds.toml"
    spec.write_text(WORLDS)
    finished(swept(spec, tmp_path / "far", "--scheduler", cluster.address))
    finished(swept(spec, tmp_path / "near", "--workers", "2"))
    far, near = hashes(tmp_path / "far"), hashes(tmp_path / "near")
    wanted = read(spec)
    for place, point in enumerate(points(wanted)):
        for run in range(wanted.runs):
            world = World(seed_of(wanted, point, run), of_world.typed(tree_of(wanted, point)))
            assert far[place, run] == near[place, run] == world.run().state_hash
    assert far == near
    assert len(far) == 2 * 3 + 3 * 3  # Points, and one of them under the three other laws.
    assert len(set(far.values())) == len(far)


def hashes(out: Path) -> dict[tuple[int, int], str]:
    (runs,) = out.glob("runs-*.jsonl")
    lines = [json.loads(line) for line in runs.read_text().splitlines()[1:]]
    return {
        (line["point"], run): outcome[-1]
        for line in lines
        for run, outcome in zip(line["runs"], line["outcomes"], strict=True)
    }
