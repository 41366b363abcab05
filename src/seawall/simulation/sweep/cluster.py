"""Workers of many machines, through a Dask scheduler that somebody has started.

The scheduler gives the tasks of a worker that dies to another one. A task that has seen several
workers die is sent once more from here before the sweep gives up. Knows tasks; knows no model.
"""

from __future__ import annotations

import importlib
import itertools
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from seawall.simulation.sweep.spec import SweepError
from seawall.simulation.sweep.work import Answer, Task, answer

RETRIES = 3
CONNECT_S = 15
OPEN_MOST = 2_000  # Tasks with the scheduler at one time.


def answers(tasks: Sequence[Task], scheduler: str) -> Iterator[Answer]:
    """Answer every task on the workers of a scheduler."""
    distributed = _distributed()
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SweepError(f"--scheduler {scheduler}: no scheduler answers: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise SweepError(f"--scheduler {scheduler}: it has no workers") from None
        try:
            yield from _answered(distributed, client, tasks)
        except ModuleNotFoundError as error:
            raise SweepError(f"--scheduler {scheduler}: a worker lacks {error.name}") from None
        except (distributed.comm.CommClosedError, CancelledError):
            raise SweepError(
                f"--scheduler {scheduler}: lost; what was answered is kept, run again to go on"
            ) from None


def _answered(distributed: Any, client: Any, tasks: Sequence[Task]) -> Iterator[Answer]:
    def submit(task: Task) -> Any:
        return client.submit(answer, task, pure=False, retries=RETRIES)

    waiting = iter(tasks)
    running = {submit(task): task for task in itertools.islice(waiting, OPEN_MOST)}
    again: set[tuple[int, tuple[int, ...]]] = set()
    finished = distributed.as_completed(list(running), loop=client.loop)
    for future in finished:
        task = running.pop(future)
        try:
            result = future.result()
        except distributed.KilledWorker as error:
            if (task.point, task.runs) in again:
                raise SweepError(f"point {task.point}: its workers die: {error}") from None
            again.add((task.point, task.runs))
            upcoming = [task]
        else:
            yield result
            upcoming = list(itertools.islice(waiting, 1))
        for one in upcoming:
            begun = submit(one)
            running[begun] = one
            finished.add(begun)


def _distributed() -> Any:
    try:
        found = importlib.import_module("distributed")
        # What it logs of a lost scheduler is told here, in one line.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        return found
    except ModuleNotFoundError:
        raise SweepError("--scheduler needs Dask: pip install 'seawall[scale]'") from None
