"""The one thread that owns the engine: it groups commands, makes them durable, then answers.

Reads run on the same thread between two groups, so each sees one moment of the venue and never what
is not durable yet. Work waits in a queue of a fixed length; who finds it full is told to come back.
After any failure of the journal the engine is opened again from what the journal holds, and who was
waiting is told that it is not known: the same command under the same key says.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from seawall.engine import Engine
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import Elapsed, Event
from seawall.engine.history.standby import Answer, FencedError, Kept, KeyReusedError, Primary
from seawall.engine.rules.rulebook import RulebookError
from seawall.service.turns import Turns
from seawall.service.words.problem import Problem, unavailable
from seawall.service.words.telling import told

State = Literal["replaying", "ready", "failed", "stopped"]
Build = Callable[[Engine, int], Event]
Follower = Callable[[Engine, Sequence[Kept]], None]
T = TypeVar("T")
GROUP_MOST = 256  # Commands in one transaction.
HEARTBEAT_S = 0.25
REOPEN_S = 1.0
_BUSY = "the queue of commands is full"
log = logging.getLogger("seawall.service")


class Done(NamedTuple):
    """What a command did, as its client reads it."""

    sequence: int
    repeated: bool
    effects: list[dict[str, Any]]
    refusal: Reason | None


class Feed(Protocol):
    """Who brings events of its own, such as a replayed scenario; called by the writer's thread."""

    def begin(self, primary: Primary) -> None: ...

    def wait_s(self) -> float: ...

    def step(self, primary: Primary) -> None: ...


class Seen(Protocol):
    """Who counts what happens here."""

    def grouped(self, commands: int, seconds: float) -> None: ...

    def failed(self) -> None: ...


class Publisher(Protocol):
    """Who tells readers what changed; called by the writer's thread between two groups."""

    def happened(self, engine: Engine, kept: Sequence[Kept]) -> None: ...

    def publish(self, engine: Engine) -> None: ...

    def wait_s(self) -> float: ...


class _Command(NamedTuple):
    build: Build
    key: str | None
    alone: bool  # In a transaction of its own: it may fail in ways that spend the writer.
    future: Future[Any]


class _Read(NamedTuple):
    ask: Callable[[Engine], Any]
    future: Future[Any]


class Writer:
    """Owns a `Primary`; everything else asks."""

    def __init__(
        self,
        open_primary: Callable[[], Primary],
        *,
        queue_most: int = 1024,
        now_ms: Callable[[Engine], int] | None = None,
        feed: Feed | None = None,
        seen: Seen | None = None,
        at_death: Callable[[BaseException], None] | None = None,
    ) -> None:
        """`now_ms` says the venue's time; without it, a wall clock that never goes back."""
        self.state: State = "replaying"
        self.failure = ""
        self.sequence = 0
        self.turns = Turns()
        self.lock = self.turns.lock  # Held while an engine computes: kernels are not for two.
        self._open = open_primary
        self._jobs: queue.Queue[_Command | _Read] = queue.Queue(queue_most)
        self._now_ms = now_ms or wall_clock
        self._feed, self._seen, self._at_death = feed, seen, at_death
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seawall-writer", daemon=True)
        self._opened = False
        self._publisher: Publisher | None = None
        self._followers: list[Follower] = []
        self._look_s = 0.0  # When deadlines are looked at next, by the monotonic clock.

    def follow(self, follower: Follower) -> None:
        """Call somebody with events that are durable, in order; who must not miss one cannot."""
        self._followers.append(follower)

    def publish_to(self, publisher: Publisher) -> None:
        """Let somebody follow, and publish between two groups."""
        self._publisher = publisher
        self.follow(publisher.happened)

    def start(self) -> None:
        """Begin to replay the journal, then serve."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way and let go of the journal."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(30)

    @property
    def waiting(self) -> int:
        """Length of the queue."""
        return self._jobs.qsize()

    def time_ms(self, engine: Engine) -> int:
        """The venue's time now, which the next event would carry."""
        return self._now_ms(engine)

    def submit(self, build: Build, key: str | None, *, alone: bool = False) -> Future[Done]:
        """Ask for a command; its future is set when it is durable."""
        future: Future[Done] = Future()
        self._put(_Command(build, key, alone, future))
        return future

    @property
    def is_on_wall_clock(self) -> bool:
        """Whether time goes on without events; else a scenario tells it."""
        return self._now_ms is wall_clock

    def read(self, ask: Callable[[Engine], T]) -> Future[T]:
        """Ask a question of the engine; it sees one moment and must change nothing."""
        future: Future[T] = Future()
        self._put(_Read(ask, future))
        return future

    def _put(self, job: _Command | _Read) -> None:
        if self.state != "ready":
            said = "the journal is being replayed" if self.state == "replaying" else self.failure
            raise unavailable(self.state, said or "the service is stopping")
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise unavailable("busy", _BUSY) from None
        if self.state != "ready":  # It changed between the look and the put.
            self._fail_waiting()

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self.turns.first():
                    primary = self._open()
                primary.after = partial(self._tell_followers, primary.engine)
                with primary:
                    if self._feed is not None:
                        with self.turns.first():
                            self._feed.begin(primary)
                    self.sequence, self.failure = primary.engine.sequence, ""
                    self.state, self._opened = "ready", True
                    self._serve(primary)
            except Exception as error:
                self.state, self.failure = "failed", f"the journal failed: {error}"
                self._fail_waiting()
                if self._seen is not None:
                    self._seen.failed()
                # Who was shut out must not shut the other one out in turn.
                if not self._opened or isinstance(error, FencedError):
                    if self._at_death is not None:
                        self._at_death(error)
                    return
                self._stopping.wait(REOPEN_S)
        self.state = "stopped"
        self._fail_waiting()

    def _serve(self, primary: Primary) -> None:
        while not self._stopping.is_set():
            jobs = self._take()
            try:
                while jobs:
                    jobs = jobs[self._run_some(primary, jobs) :]
            except BaseException:
                self.state = "failed"
                _fail(jobs, unavailable("failed", "the journal failed"))
                raise
            with self.turns.first():
                if self._feed is not None and self._feed.wait_s() <= 0:
                    self._feed.step(primary)
                self._let_time_pass(primary)
                self.sequence = primary.engine.sequence
                if self._publisher is not None:
                    self._publisher.publish(primary.engine)

    def _take(self) -> list[_Command | _Read]:
        wait = HEARTBEAT_S if self._feed is None else min(HEARTBEAT_S, self._feed.wait_s())
        if self._publisher is not None:
            wait = min(wait, self._publisher.wait_s())
        jobs: list[_Command | _Read] = []
        try:
            if wait > 0:
                jobs.append(self._jobs.get(timeout=wait))
            while len(jobs) < GROUP_MOST:
                jobs.append(self._jobs.get_nowait())
        except queue.Empty:
            pass
        return [job for job in jobs if job.future.set_running_or_notify_cancel()]

    def _run_some(self, primary: Primary, jobs: Sequence[_Command | _Read]) -> int:
        """Run the first read, or the longest group of commands; how many jobs that was."""
        first = jobs[0]
        if isinstance(first, _Read):
            with self.turns.first():
                _settle(first.future, lambda: first.ask(primary.engine))
            return 1
        group: list[tuple[_Command, Event]] = []
        keys: set[str] = set()
        ran = 0
        with self.turns.first():
            time_ms = self._now_ms(primary.engine)
            for job in jobs:
                if not isinstance(job, _Command) or job.key in keys:
                    break
                # A known key may be given for another command, which spends a group.
                known = job.key is not None and primary.journal.command(job.key) is not None
                if group and (job.alone or known):
                    break
                ran += 1
                try:
                    group.append((job, job.build(primary.engine, time_ms)))
                except Exception as error:
                    job.future.set_exception(error)
                    continue
                if job.key is not None:
                    keys.add(job.key)
                if job.alone or known:
                    break
            self._do(primary, group)
        return ran

    def _do(self, primary: Primary, group: Sequence[tuple[_Command, Event]]) -> None:
        if not group:
            return
        began = time.perf_counter()
        try:
            answers = primary.submit_all([(job.key, event) for job, event in group])
        except KeyReusedError as error:
            assert len(group) == 1, "a known key stands alone"
            used = Problem(
                422,
                "key_reused",
                "this Idempotency-Key was given for another command",
                sequence=error.sequence,
            )
            group[0][0].future.set_exception(used)
            return
        except RulebookError as error:
            assert len(group) == 1, "rules change alone"
            group[0][0].future.set_exception(Problem(422, "bad_rulebook", str(error)))
            return
        except BaseException as error:
            self.state, self.failure = "failed", f"the journal failed: {error}"
            said = "it is not known whether this was kept; send it again under the same key"
            _fail([job for job, _ in group], unavailable("not_durable", said))
            raise
        for (job, _), answer in zip(group, answers, strict=True):
            _settle(job.future, partial(_done, primary.engine, answer))
        if self._seen is not None:
            done = sum(not answer.repeated for answer in answers)
            self._seen.grouped(done, time.perf_counter() - began)

    def _tell_followers(self, engine: Engine, kept: Sequence[Kept]) -> None:
        for follower in self._followers:
            try:
                follower(engine, kept)
            except Exception as error:  # What it missed is no reason to lose the engine.
                log.error("who follows the venue failed", exc_info=error)

    def _let_time_pass(self, primary: Primary) -> None:
        """Where a deadline, an auction's end or a cool-down is over, tell the engine the time."""
        engine = primary.engine
        if not engine.sequence or time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + HEARTBEAT_S
        venue, now = engine.venue, self._now_ms(engine)
        due = [*venue.deadline.values(), venue.watch.soonest_ms, venue.intervals.soonest_ms]
        due += [ends_ms for ends_ms, _ in venue.offers.ends[:1]]
        if venue.tables.ready and any(venue.time_ms < at <= now for at in due):
            primary.submit(Elapsed(time_ms=now))

    def _fail_waiting(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(unavailable(self.state, self.failure or "stopping"))


def _fail(jobs: Sequence[_Command | _Read], problem: Problem) -> None:
    """Tell everybody who has no answer yet."""
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(problem)


def _settle(future: Future[Any], ask: Callable[[], Any]) -> None:
    try:
        future.set_result(ask())
    except Exception as error:
        future.set_exception(error)


def _done(engine: Engine, answer: Answer) -> Done:
    first = answer.effects[0] if answer.effects else None
    return Done(
        answer.sequence,
        answer.repeated,
        told(engine.venue if engine.sequence else None, answer.effects),
        first.reason if isinstance(first, Refused) else None,
    )


def wall_clock(engine: Engine) -> int:
    """Milliseconds UTC, and never before the last event."""
    return max(time.time_ns() // 1_000_000, engine.time_ms)
