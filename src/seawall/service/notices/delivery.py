"""The delivery: one thread that carries the outbox to its targets, at least once, in order.

Each target has its own lanes: notices of one account go one after the other, those of different
accounts beside each other. What became of them is kept beside that, a few at a time, because the
journal writes to the same database and goes first. A target that failed last is asked with one
notice at a time, and all of these together never take more than half of the places, so that no
target waits for another. What was under way when the process ended is still pending, and goes out
again under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from seawall.service.notices.outbox import id_of
from seawall.service.notices.tables import NOTICE, NoticeStore, Outcome
from seawall.service.notices.targets import Senders, Target

T = TypeVar("T")
PLACES = 64  # Attempts at one time.
LANES = 8  # Of one target.
PAUSE_MOST_S = 300.0
LOOK_S = 0.25  # How often silence and escalation are looked at.
FAILED_S = 1.0
GATHER_S = 0.01  # How long outcomes are gathered before they are kept.
UNKEPT_MOST = 1000
DAY_MS = 86_400_000
FORGET_S = 60.0  # How often it is looked whether something is old enough to be forgotten.
FORGOTTEN_MOST = 500  # At one time, because the journal waits meanwhile.
log = logging.getLogger("seawall.service")


def pause_s(first_s: float, failures: int) -> float:
    """How long to wait after so many failures: doubling, with chance, at most five minutes."""
    grown = min(first_s * 2.0 ** min(failures - 1, 30), PAUSE_MOST_S)
    return grown * (0.5 + random.random() / 2)


class Delivery:
    """Carries notices; its thread owns every connection to a target."""

    def __init__(
        self,
        store: NoticeStore,
        targets: Callable[[], Mapping[str, Target]],
        venue_ms: Callable[[], int],
        *,
        keeping: NoticeStore | None = None,
        private: bool = False,
        kept_days: int | None = None,
    ) -> None:
        """`targets` says which there are, `venue_ms` the time by which silence is counted.

        With `keeping`, a connection of its own, what waits to be kept holds up no attempt.
        What was delivered or is dead is forgotten `kept_days` after its event, or never.
        """
        self._store, self._keeping = store, keeping or store
        self._targets, self._venue_ms = targets, venue_ms
        self._private, self._kept_days = private, kept_days
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="seawall-notices", daemon=True)
        self._reader = ThreadPoolExecutor(1, "seawall-notices-reader")
        self._keeper = ThreadPoolExecutor(1, "seawall-notices-keeper")
        self._flying: dict[int, str] = {}  # Number of a notice that is not kept yet, and target.
        self._attempts: Counter[str] = Counter()  # Under way, by target.
        self._failing: set[str] = set()
        self._look: set[str] = set()  # Targets that may have something due.
        self._next: dict[str, int] = {}  # When a target is looked at again, wall ms.
        self._outcomes: list[Outcome] = []
        self._checked_s = self._forgot_s = 0.0

    def start(self) -> None:
        """Begin with whatever is pending."""
        self._thread.start()

    def stop(self) -> None:
        """Let go; what is under way goes out again when the service next starts."""
        self._stopping = True
        self.wake(())
        if self._thread.ident is not None:
            self._thread.join(10)

    def wake(self, targets: Iterable[str]) -> None:
        """Say that something was written for these targets; from any thread."""
        loop, some = self._loop, set(targets)
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken, some)

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    def _woken(self, targets: Iterable[str]) -> None:
        self._look.update(targets)
        self._event.set()

    async def _serve(self) -> None:
        self._event, self._done = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._senders = Senders(private=self._private)
        self._tasks: set[asyncio.Task[None]] = set()
        keeping = asyncio.create_task(self._keep())
        is_new = True
        try:
            while not self._stopping:
                self._event.clear()
                try:
                    if is_new:
                        self._look.update(await self._read(self._store.open_targets))
                        is_new = False
                    await self._turn()
                except SQLAlchemyError as error:
                    log.error("notices: the store failed: %s", error)
                    await asyncio.sleep(FAILED_S)
                    is_new = True
                    continue
                await _wait(self._event, self._rest_s())
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._done.set()
            await keeping
            await self._senders.close()
            self._reader.shutdown(wait=True)
            self._keeper.shutdown(wait=True)

    def _rest_s(self) -> float:
        now_ms = _wall_ms()
        soonest = min(self._next.values(), default=now_ms + 60_000)
        return min(max((soonest - now_ms) / 1000, 0.001), LOOK_S)

    async def _turn(self) -> None:
        now_ms = _wall_ms()
        for target in [name for name, at in self._next.items() if at <= now_ms]:
            del self._next[target]
            self._look.add(target)
        for target in sorted(self._look):
            await self._send_due(target, now_ms)

    # -- what is kept --------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Keep outcomes, and let time pass, until the end and once more."""
        is_last = False
        while not is_last:
            is_last = self._stopping
            self._done.clear()
            try:
                await self._settle()
                if not is_last and time.monotonic() >= self._checked_s:
                    self._checked_s = time.monotonic() + LOOK_S
                    await self._let_time_pass()
            except SQLAlchemyError as error:
                log.error("notices: the store failed: %s", error)
                await asyncio.sleep(0 if is_last else FAILED_S)
            if not self._stopping:
                await asyncio.sleep(GATHER_S)
                await _wait(self._done, LOOK_S)

    async def _settle(self) -> None:
        """Keep what became of attempts; only then may the next of an account go."""
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        try:
            await self._write(lambda: self._keeping.settle(outcomes))
        except SQLAlchemyError:
            self._outcomes = outcomes + self._outcomes
            raise
        for one in outcomes:
            self._look.add(self._flying.pop(one.number))
        self._event.set()

    async def _let_time_pass(self) -> None:
        """Let go what silence held back, and tell somebody else what nobody acknowledged."""
        now_ms, store = self._venue_ms(), self._keeping
        if self._kept_days is not None and time.monotonic() >= self._forgot_s:
            before_ms = now_ms - self._kept_days * DAY_MS
            count = await self._write(lambda: store.forget(before_ms, FORGOTTEN_MOST))
            self._forgot_s = time.monotonic() + (0 if count == FORGOTTEN_MOST else FORGET_S)
        if not await self._write(lambda: store.is_due(now_ms)):
            return
        await self._write(lambda: store.release(now_ms))
        rows = await self._write(lambda: store.unanswered(now_ms))
        if rows:
            further = [escalated(row) for row in rows]
            await self._write(lambda: store.escalate(rows, further))
        self._look.update(await self._write(store.open_targets))
        self._event.set()

    # -- attempts ------------------------------------------------------------------------------

    async def _send_due(self, id: str, now_ms: int) -> None:
        """Begin as many attempts for one target as it has free lanes."""
        flying = {number for number, target in self._flying.items() if target == id}
        free = min(self._lanes(id) - self._attempts[id], PLACES - self._attempts.total())
        if free <= 0 or len(self._flying) >= UNKEPT_MOST:
            return  # It is looked at again when one of the attempts is over.
        most = free + len(flying)
        self._look.discard(id)  # Before the question: what is written meanwhile asks for another.
        rows, next_ms = await self._read(lambda: self._store.heads(id, now_ms, most))
        # Who was kept during the question may still look pending in its answer.
        chosen = [row for row in rows if row.number not in flying][:free]
        if len(chosen) == free:
            self._look.add(id)
        if next_ms is not None:
            self._next[id] = next_ms
        for row in chosen:
            self._flying[row.number] = id
            self._attempts[id] += 1
            task = asyncio.create_task(self._attempt(row, self._targets().get(id)))
            self._tasks.add(task)
            task.add_done_callback(partial(self._over, id))

    def _lanes(self, id: str) -> int:
        if id not in self._failing:
            return LANES
        others = sum(self._attempts[target] for target in self._failing)
        return 1 if others < PLACES // 2 else 0

    async def _attempt(self, row: Row[Any], target: Target | None) -> None:
        if target is None:
            error, last, first_s = "its target is gone", True, 1.0
        else:
            error = await self._senders.send(target, row.id, row.text, row.body) or ""
            last = row.attempts + 1 >= target.asked.attempts_most
            first_s = target.asked.pause_s
            (self._failing.add if error else self._failing.discard)(target.id)
        now_ms = _wall_ms()
        if not error:
            outcome = Outcome(row.number, "sent", row.due_ms, now_ms, None)
        elif last:
            outcome = Outcome(row.number, "dead", row.due_ms, None, error)
        else:
            wait_ms = int(1000 * pause_s(first_s, row.attempts + 1))
            outcome = Outcome(row.number, "pending", now_ms + wait_ms, None, error)
        self._outcomes.append(outcome)

    def _over(self, id: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._attempts[id] -= 1
        self._look.add(id)
        self._event.set()
        self._done.set()

    async def _read(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, question)

    async def _write(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._keeper, question)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def escalated(row: Row[Any]) -> dict[str, Any]:
    """A notice for whoever is told next; it passes silence hours and is not escalated again."""
    id = id_of(f"{row.occasion}/escalated", row.escalates_to)
    body = msgspec.json.decode(row.body, type=dict[str, Any])
    body |= {"id": id, "escalated_from": row.id}
    kept = {column.name: getattr(row, column.name) for column in NOTICE.c}
    del kept["number"]
    return kept | {
        "id": id,
        "target": row.escalates_to,
        "body": msgspec.json.encode(body).decode(),
        "text": f"not acknowledged: {row.text}",
        "state": "pending",
        "held_until_ms": None,
        "escalates_ms": None,
        "attempts": 0,
        "due_ms": 0,
        "sent_ms": None,
        "error": None,
    }


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


__all__: Sequence[str] = ("Delivery", "escalated", "pause_s")
