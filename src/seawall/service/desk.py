"""What every route leans on: commands in, questions out, and who may do either.

Joins the writer, the keys, the past and the counters; knows Litestar only as far as a request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from seawall.engine import Engine
from seawall.service.guarding.keys import LOCAL, Actor, Keys
from seawall.service.guarding.limits import NO_RATES, Bucket, Kind, Limits
from seawall.service.guarding.store import Store
from seawall.service.live import Live, Monitor, Readers
from seawall.service.metrics import Metrics
from seawall.service.notices.notices import Notices
from seawall.service.past import Past
from seawall.service.recent import Recent
from seawall.service.repairs import Repairs
from seawall.service.turns import Turns
from seawall.service.words.problem import Problem, refused, unavailable, wrong
from seawall.service.words.wire import Answer
from seawall.service.writer import Build, Done, Writer

S = TypeVar("S")
T = TypeVar("T")
Connection = ASGIConnection[Any, Any, Any, Any]
HASHES_WAITING_MOST = 64
ASIDES_MOST = 8
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_KEY = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(slots=True)
class Desk:
    """One service: its engine, its keys and its counters."""

    writer: Writer
    store: Store
    keys: Keys
    past: Past
    metrics: Metrics
    limits: Limits = field(default_factory=Limits)
    asides: int = 0  # Long questions that are being answered.
    monitor: Monitor | None = None  # Of how far a fall would spread.
    recent: Recent | None = None  # What stood lately; None without a monitor.
    notices: Notices | None = None  # None: a service that tells nobody.
    readers: Readers = field(init=False)  # Of the live stream.
    repairs: Repairs = field(init=False)
    signing: asyncio.Lock = field(default_factory=asyncio.Lock)  # Of repairs, one at a time.

    def __post_init__(self) -> None:
        live = Live(lambda: self.monitor)
        self.readers = Readers(live, self.keys)
        self.writer.publish_to(live)
        self.repairs = Repairs(self.past, self.writer.turns)

    async def command(
        self, request: Connection, build: Build, *, alone: bool = False, key: str | None = None
    ) -> Answer:
        """Do a command once, however often it is sent under one key; a refusal is a `Problem`."""
        name = key or f"{actor_of(request).id}/{idempotency_key(request)}"
        done = await asyncio.wrap_future(self.writer.submit(build, name, alone=alone))
        return _answer(done)

    async def ask(self, question: Callable[[Engine], T]) -> T:
        """Ask the live engine."""
        return await asyncio.wrap_future(self.writer.read(question))

    async def ask_aside(self, look: Callable[[Engine], S], answer: Callable[[S, Turns], T]) -> T:
        """Look at the live engine for a moment, then compute beside it, in turns."""
        if self.asides >= ASIDES_MOST:
            raise unavailable("busy", "too many long questions wait already")
        self.asides += 1
        try:
            seen = await self.ask(look)
            return await asyncio.to_thread(answer, seen, self.writer.turns)
        finally:
            self.asides -= 1

    async def ask_at(self, at: int | None, question: Callable[[Engine], T]) -> T:
        """Ask the live engine, or an earlier one."""
        if at is None:
            return await self.ask(question)
        if self.writer.state != "ready":
            return await self.ask(question)  # Which says why not.
        return await asyncio.to_thread(self.past.ask, at, question)


def desk_of(connection: Connection) -> Desk:
    """The service that a request came to."""
    desk: Desk = connection.app.state.desk
    return desk


def actor_of(connection: Connection) -> Actor:
    """Who sent a request; the guard has seen to it."""
    actor: Actor = connection.scope["state"]["actor"]
    return actor


def idempotency_key(request: Connection) -> str:
    """The client's name for a command, which it must have."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise wrong("every command needs a header Idempotency-Key", "idempotency_key_missing")
    if not _KEY.fullmatch(key):
        raise wrong("Idempotency-Key: 1 to 128 printable characters", "idempotency_key_bad")
    return key


async def guard(connection: Connection, route: BaseRouteHandler) -> None:
    """Let a request in if its key has the scope that the route names; a route without is open."""
    scope = route.opt.get("scope")
    if scope is None:
        return
    keys = desk_of(connection).keys
    header = connection.headers.get("authorization")
    if keys.is_open:
        check_host(connection)
    actor = keys.known(header)
    if actor is None:
        _spend(connection, None, "reads")
        actor = await checked(keys, header)
    connection.scope["state"]["actor"] = actor
    _spend(connection, actor, route.opt.get("kind", "reads"))
    if not actor.may(scope):
        raise Problem(403, "scope_missing", f"this needs a key with the scope {scope}")
    _check_body(connection)


def _spend(connection: Connection, actor: Actor | None, kind: Kind) -> None:
    """Take a token from the key's bucket; who has none shares that of the address."""
    limits = desk_of(connection).limits
    sender = actor.id if actor is not None else LOCAL
    if sender == LOCAL:
        if not limits.addresses:
            return
        sender = f"address {connection.client.host if connection.client else 'unknown'}"
    own = actor.rates if actor is not None else NO_RATES
    bucket = limits.bucket(sender, kind, own)
    connection.scope["state"]["bucket"] = bucket
    if bucket is not None:
        limits.spend(bucket)


def charge(connection: Connection, more: int) -> None:
    """Let a bulk request cost what its parts would."""
    bucket: Bucket | None = connection.scope["state"].get("bucket")
    if bucket is not None:
        bucket.charge(more)


async def checked(keys: Keys, header: str | None) -> Actor:
    """Have a key hashed; who waits behind too many others is told to come back."""
    if keys.waiting >= HASHES_WAITING_MOST:
        raise unavailable("busy", "too many API keys are being checked")
    keys.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(keys.hashing, keys.check, header)
    finally:
        keys.waiting -= 1


def check_host(connection: Connection) -> None:
    """Without keys the host's name is all that tells a page in a browser from a client."""
    host = connection.headers.get("host", "")
    if host.rpartition(":")[0] not in LOOPBACK and host not in LOOPBACK:
        raise Problem(421, "misdirected", "without API keys only loopback names are served")


def _check_body(connection: Connection) -> None:
    """Only JSON: what a page of another origin may send without asking is none."""
    headers = connection.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        raise Problem(415, "unsupported_media_type", "send Content-Type: application/json")


def _answer(done: Done) -> Answer:
    if done.refusal is not None:
        raise refused(done.refusal, done.sequence, repeated=done.repeated)
    return Answer(sequence=done.sequence, repeated=done.repeated, effects=done.effects)
