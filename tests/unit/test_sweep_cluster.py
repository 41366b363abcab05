"""What the client of a cluster does with answers and deaths, on a cluster that is played here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from seawall.simulation.sweep import SweepError, cluster
from seawall.simulation.sweep.work import Answer, Task


class KilledWorker(Exception):  # noqa: N818 (its name in distributed)
    """What distributed says of a task whose workers died too often."""


class Played:
    """A scheduler that answers last in, first out, and lets some tasks die at first."""

    loop = None

    def __init__(self, deaths: dict[int, int]) -> None:
        self.deaths = deaths  # By point.
        self.open = self.most = 0

    def submit(self, function: object, task: Task, *, pure: bool, retries: int) -> Future:
        assert (pure, retries) == (False, cluster.RETRIES)
        self.open += 1
        self.most = max(self.most, self.open)
        return Future(self, task)


class Future:
    def __init__(self, played: Played, task: Task) -> None:
        self.played, self.task = played, task

    def result(self) -> Answer:
        self.played.open -= 1
        left = self.played.deaths.get(self.task.point, 0)
        if left:
            self.played.deaths[self.task.point] = left - 1
            raise KilledWorker("died")
        return Answer(self.task.point, self.task.runs, (), "")


class Completed:
    def __init__(self, futures: list[Future], loop: object) -> None:
        self.futures = futures

    def add(self, future: Future) -> None:
        self.futures.append(future)

    def __iter__(self) -> Iterator[Future]:
        while self.futures:
            yield self.futures.pop()


class Distributed:
    KilledWorker = KilledWorker
    as_completed = Completed


def answered(played: Any, count: int) -> list[int]:
    tasks = [Task(n, (0,), (0,), "columns", {}) for n in range(count)]
    return [one.point for one in cluster._answered(Distributed, played, tasks)]


def test_no_more_tasks_are_open_than_the_scheduler_should_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "OPEN_MOST", 7)
    played = Played({})
    assert sorted(answered(played, 50)) == list(range(50))
    assert (played.most, played.open) == (7, 0)


def test_a_task_is_sent_again_after_its_workers_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "OPEN_MOST", 3)
    assert sorted(answered(Played({2: 1, 9: 1}), 12)) == list(range(12))


def test_a_task_that_kills_is_named() -> None:
    with pytest.raises(SweepError, match="point 4: its workers die: died"):
        answered(Played({4: 2}), 12)


def test_a_lost_scheduler_is_a_cancelled_future() -> None:
    distributed = pytest.importorskip(
        "distributed", reason="NOT TESTED: Dask is not installed: pip install seawall[scale]"
    )
    assert issubclass(distributed.client.CancelledError, CancelledError)
    assert issubclass(distributed.comm.CommClosedError, IOError)
    assert issubclass(distributed.KilledWorker, Exception)
