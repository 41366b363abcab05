"""Workers of this machine: fresh interpreters that each answer tasks until none is left.

A worker that dies takes the pool with it, as Python's pools do; the tasks that were not answered go
to a new one. Answers come in any order.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from seawall.simulation.sweep.spec import SweepError
from seawall.simulation.sweep.work import Answer, Task, answer

DEATHS_IN_A_ROW = 3  # Without one answer between them: it is the tasks' doing.


def answers(tasks: Sequence[Task], workers: int) -> Iterator[Answer]:
    """Answer every task, with so many workers; one means here and now."""
    if workers == 1:
        yield from map(answer, tasks)
        return
    left, deaths = dict(enumerate(tasks)), 0
    while left:
        before = len(left)
        yield from _until_one_dies(left, workers)
        deaths = deaths + 1 if len(left) == before else 1
        if left and deaths >= DEATHS_IN_A_ROW:
            raise SweepError(
                f"workers died {deaths} times in a row without one answer; "
                f"{len(left):,} tasks are left"
            )


def _until_one_dies(left: dict[int, Task], workers: int) -> Iterator[Answer]:
    """Take answered tasks out of `left`; return early where a worker died."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(left)), mp_context=context)
    try:
        running: dict[Future[Answer], int] = {}
        waiting = iter(list(left.items()))
        while True:
            while len(running) < 2 * workers and (one := next(waiting, None)) is not None:
                running[_asked(pool, one[1])] = one[0]
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=running.__getitem__):
                place = running.pop(future)
                result = future.result()
                del left[place]
                yield result
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _asked(pool: ProcessPoolExecutor, task: Task) -> Future[Answer]:
    """Submit a task; a pool that breaks in that moment says so by a closed handle."""
    try:
        return pool.submit(answer, task)
    except OSError as error:
        if error.errno is not None:
            raise
        raise BrokenProcessPool("a worker died while it was asked") from None
