"""A typed client, sync and async: each command has one key, however often it must be sent.

A request is repeated only where nothing is doubled by it: a question, or a command under its key.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from seawall.service.client.requests import Wanted
from seawall.service.notices.signature import SignatureError, verify
from seawall.service.words.problem import Problem

__all__ = [
    "AsyncClient",
    "Client",
    "Problem",
    "SignatureError",
    "UnknownOutcomeError",
    "verify",
]
T = TypeVar("T")
RETRIED = frozenset({429, 502, 503, 504})
PAUSE_S, PAUSE_MOST_S = 0.05, 2.0


class UnknownOutcomeError(ConnectionError):
    """No answer came, however often it was asked; `key` asks again for the same command."""

    def __init__(self, message: str, key: str | None) -> None:
        super().__init__(message)
        self.key = key


def read_answer(wanted: Wanted[T], status: int, body: bytes) -> T:
    """Read an answer; a problem is raised."""
    if 200 <= status < 300:
        return msgspec.json.decode(body, type=wanted.form)
    raise problem_of(status, body)


def problem_of(status: int, body: bytes) -> Problem:
    """What the service says of a failure; or somebody between."""
    try:
        tree = msgspec.json.decode(body, type=dict[str, Any])
        known = {key: tree.pop(key) for key in ("code", "detail")}
    except (msgspec.MsgspecError, KeyError):
        return Problem(status, "unreadable_answer", f"status {status}")
    more = {key: entry for key, entry in tree.items() if key not in ("type", "title", "status")}
    return Problem(status, known["code"], known["detail"], **more)


def pause_s(attempt: int, retry_after: str | None) -> float:
    """How long to wait before another attempt: doubling, with chance, never less than asked."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    grown = min(PAUSE_S * 2.0**attempt, PAUSE_MOST_S)
    return max(min(asked, PAUSE_MOST_S), grown * (0.5 + random.random() / 2))


class Client:
    """Sends requests and waits for their answers. Not for several threads at once.

    with Client(key="sw_…") as client:
        client.send(requests.deposit("alice", "USDC", "250"))
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8750",
        key: str | None = None,
        *,
        retries: int = 5,
        timeout_s: float = 30.0,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`key` is an API key; `retries` are further attempts where no answer came.

        `trust` holds the certificates that are believed; without it, those of the system.
        """
        self._retries = retries
        self._http = httpx.Client(
            base_url=url,
            headers=_authorization(key),
            timeout=timeout_s,
            trust_env=False,
            verify=True if trust is None else trust,
        )

    def send(self, wanted: Wanted[T]) -> T:
        """Send a request until it is answered; the same `Wanted` again is the same command."""
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries or not wanted.is_repeatable
            try:
                answer = self._http.request(**_arguments(wanted))
            except httpx.TransportError as error:
                if is_last:
                    raise _unknown(error, wanted) from error
                time.sleep(pause_s(attempt, None))
                continue
            if answer.status_code not in RETRIED or is_last:
                return read_answer(wanted, answer.status_code, answer.content)
            time.sleep(pause_s(attempt, answer.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient:
    """The same for an event loop; any number of tasks may share it."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8750",
        key: str | None = None,
        *,
        retries: int = 5,
        timeout_s: float = 30.0,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`key` is an API key; `retries` are further attempts where no answer came.

        `trust` holds the certificates that are believed; without it, those of the system.
        """
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=_authorization(key),
            timeout=timeout_s,
            trust_env=False,
            verify=True if trust is None else trust,
        )

    async def send(self, wanted: Wanted[T]) -> T:
        """Send a request until it is answered; the same `Wanted` again is the same command."""
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries or not wanted.is_repeatable
            try:
                answer = await self._http.request(**_arguments(wanted))
            except httpx.TransportError as error:
                if is_last:
                    raise _unknown(error, wanted) from error
                await asyncio.sleep(pause_s(attempt, None))
                continue
            if answer.status_code not in RETRIED or is_last:
                return read_answer(wanted, answer.status_code, answer.content)
            await asyncio.sleep(pause_s(attempt, answer.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _authorization(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _arguments(wanted: Wanted[Any]) -> dict[str, Any]:
    headers = {} if wanted.body is None else {"Content-Type": "application/json"}
    if wanted.key is not None:
        headers["Idempotency-Key"] = wanted.key
    return {
        "method": wanted.method,
        "url": wanted.path,
        "content": wanted.body,
        "params": dict(wanted.query) or None,
        "headers": headers,
    }


def _unknown(error: Exception, wanted: Wanted[Any]) -> UnknownOutcomeError:
    said = f"{wanted.method} {wanted.path}: {type(error).__name__}: {error}"
    return UnknownOutcomeError(said, wanted.key)
