"""What every route leans on: commands in, questions out, and who may do either.

Joins the writer, the keys, the past and the counters; knows Litestar only as far as a request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from seawall.engine import Engine
from seawall.service.keys import Actor, Keys
from seawall.service.metrics import Metrics
from seawall.service.past import Past
from seawall.service.problem import Problem, refused, unavailable, wrong
from seawall.service.store import Store
from seawall.service.wire import Answer
from seawall.service.writer import Build, Done, Writer

T = TypeVar("T")
Connection = ASGIConnection[Any, Any, Any, Any]
HASHES_WAITING_MOST = 64
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
        _check_host(connection)
    actor = keys.known(header) or await _checked(keys, header)
    connection.scope["state"]["actor"] = actor
    if not actor.may(scope):
        raise Problem(403, "scope_missing", f"this needs a key with the scope {scope}")
    _check_body(connection)


async def _checked(keys: Keys, header: str | None) -> Actor:
    """Have a key hashed; who waits behind too many others is told to come back."""
    if keys.waiting >= HASHES_WAITING_MOST:
        raise unavailable("busy", "too many API keys are being checked")
    keys.waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(keys.hashing, keys.check, header)
    finally:
        keys.waiting -= 1


def _check_host(connection: Connection) -> None:
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
