"""A typed client of the live stream, sync and async: it comes back by itself and misses nothing.

After a connection that broke it asks for what followed the last message of each channel; where the
service does not hold that any more, or a message is missing, a snapshot comes in its place.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from seawall.service.client.client import pause_s
from seawall.service.words.problem import Problem

__all__ = ["AsyncStream", "Failure", "Message", "Snapshot", "State", "Stream", "Update"]
SILENT_S = 5.0  # The service says something each second; one that is silent so long is gone.
CONNECT_S = 10.0
NOT_NOW = frozenset({"replaying", "busy", "failed", "stopped", "not_started"})
CLOSING = frozenset({"unauthenticated", "scope_missing", "busy"})  # The close says it, too.
ASK_AGAIN_S = 0.5
UNAUTHENTICATED = 4401
_ENDED = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot"):
    """A channel as it stands."""

    channel: str
    sequence: int
    time_ms: int
    state: Any
    total: int | None = None  # Of a keyed channel: its rows may be the first of more.


class Update(msgspec.Struct, frozen=True, tag="update"):
    """What changed since the message before."""

    channel: str
    sequence: int
    previous: int
    time_ms: int
    state: Any = None  # Of a channel that is told whole.
    set: dict[str, Any] = {}
    removed: list[str] = []
    event: dict[str, Any] | None = None
    total: int | None = None


class Failure(msgspec.Struct, frozen=True, tag="error"):
    """What was asked for cannot be had; the stream goes on."""

    code: str
    detail: str
    channel: str | None = None


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The service lives; its last durable event."""

    sequence: int
    time_ms: int


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """Reading is allowed."""

    sequence: int


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: Any = None


Message = Snapshot | Update | Failure
_Any = Snapshot | Update | Failure | Heartbeat | Welcome | Pong


class State:
    """What a channel's messages add up to.

    >>> state = State()
    >>> state.apply(Snapshot("calls", 7, 0, {"ann": 1, "ben": 2}, 2))
    >>> state.apply(Update("calls", 9, 7, 0, set={"cal": 3}, removed=["ann"], total=2))
    >>> state.now, state.sequence
    ({'ben': 2, 'cal': 3}, 9)
    """

    def __init__(self) -> None:
        self.now: Any = None
        self.sequence = -1
        self.total: int | None = None

    def apply(self, message: Snapshot | Update) -> None:
        """Take in the next message; each event is the state of the events channel."""
        if isinstance(message, Snapshot):
            self.now = message.state
        else:
            assert message.previous == self.sequence, "a message is missing"
            if message.event is not None:
                self.now = message.event
            elif message.total is None:
                self.now = message.state
            else:
                kept = {k: row for k, row in self.now.items() if k not in message.removed}
                self.now = kept | message.set
        self.sequence, self.total = message.sequence, message.total


class Following:
    """What is followed, how far, and what to ask for next; knows no connection."""

    def __init__(self, channels: Mapping[str, int | None], key: str | None) -> None:
        self.last: dict[str, int | None] = dict(channels)
        self.gaps = 0  # Messages that were missing while a connection stood.
        self.sequence = 0  # The service's last durable event, as it was last told.
        self._key = key
        self._again: dict[str, float] = {}  # Channels to ask for again, and when.
        self._asked: set[str] = set()  # After a gap; what still comes of before is left out.

    def opening(self) -> list[str]:
        """What to say on a new connection."""
        self._again.clear()
        self._asked.clear()
        first = [] if self._key is None else [{"op": "authenticate", "key": self._key}]
        return [_text(told) for told in first] + [self._ask(channel) for channel in self.last]

    def due(self) -> list[str]:
        """What to ask again by now."""
        now = time.monotonic()
        due = [channel for channel, at_s in self._again.items() if at_s <= now]
        for channel in due:
            del self._again[channel]
        return [self._ask(channel) for channel in due]

    def read(self, text: str | bytes) -> tuple[Message | None, str | None]:
        """What a message tells the reader, and what it makes us say."""
        message: _Any = msgspec.json.decode(text, type=_Any)
        if isinstance(message, Heartbeat | Welcome):
            self.sequence = message.sequence
            return None, None
        if isinstance(message, Pong):
            return None, None
        if isinstance(message, Failure):
            if message.channel in self.last and message.code in NOT_NOW:
                self._again[message.channel] = time.monotonic() + ASK_AGAIN_S
                return None, None
            return (None if message.code in CLOSING else message), None
        last = self.last.get(message.channel, -1)
        if isinstance(message, Update) and last != message.previous:
            if last is None or message.channel in self._asked:
                return None, None  # Its snapshot is still to come.
            self.gaps += 1
            self._asked.add(message.channel)
            return None, self._ask(message.channel)
        self._asked.discard(message.channel)
        if message.channel in self.last:
            self.last[message.channel] = message.sequence
        return message, None

    def _ask(self, channel: str) -> str:
        told: dict[str, Any] = {"op": "subscribe", "channel": channel}
        last = self.last[channel]
        return _text(told if last is None else told | {"from": last})


class Stream:
    """Follows channels and gives their messages, one after the other, for ever.

    with Stream("http://127.0.0.1:8750", ["calls", "prices"]) as stream:
        for message in stream:
            ...
    """

    def __init__(
        self,
        url: str,
        channels: Mapping[str, int | None] | list[str] | tuple[str, ...],
        key: str | None = None,
        *,
        silent_s: float = SILENT_S,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`channels` may say the sequence after which each begins; None: with a snapshot.

        `trust` holds the certificates that are believed; without it, those of the system.
        """
        named = channels if isinstance(channels, Mapping) else dict.fromkeys(channels)
        self.following = Following(named, key)
        self.connections = 0
        self._url, self._silent_s, self._trust = stream_url(url), silent_s, trust
        self._socket: ClientConnection | None = None
        self._held = ExitStack()  # The connection, while there is one.
        self._closed = False

    def __iter__(self) -> Iterator[Message]:
        attempt = 0
        while not self._closed:
            try:
                socket = self._connected()
                message = self._next(socket)
                attempt = 0
            except _ENDED as error:
                self._let_go()
                _raise_if_final(error)
                time.sleep(pause_s(attempt, None))
                attempt += 1
                continue
            if message is not None:
                yield message

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            wanted = connect(
                self._url,
                open_timeout=CONNECT_S,
                max_size=None,
                compression=None,
                proxy=None,
                ssl=self._trust,
            )
            self._socket = self._held.enter_context(wanted)
            self.connections += 1
            for text in self.following.opening():
                self._socket.send(text)
        return self._socket

    def _next(self, socket: ClientConnection) -> Message | None:
        message, said = self.following.read(socket.recv(self._silent_s))
        for text in [*([] if said is None else [said]), *self.following.due()]:
            socket.send(text)
        return message

    def _let_go(self) -> None:
        self._socket = None
        self._held.close()

    def close(self) -> None:
        """Leave."""
        self._closed = True
        self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream:
    """The same for an event loop."""

    def __init__(
        self,
        url: str,
        channels: Mapping[str, int | None] | list[str] | tuple[str, ...],
        key: str | None = None,
        *,
        silent_s: float = SILENT_S,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`channels` may say the sequence after which each begins; None: with a snapshot.

        `trust` holds the certificates that are believed; without it, those of the system.
        """
        named = channels if isinstance(channels, Mapping) else dict.fromkeys(channels)
        self.following = Following(named, key)
        self.connections = 0
        self._url, self._silent_s, self._trust = stream_url(url), silent_s, trust
        self._socket: AsyncConnection | None = None
        self._held = AsyncExitStack()  # The connection, while there is one.
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[Message]:
        attempt = 0
        while not self._closed:
            try:
                socket = await self._connected()
                message = await self._next(socket)
                attempt = 0
            except _ENDED as error:
                await self._let_go()
                _raise_if_final(error)
                await asyncio.sleep(pause_s(attempt, None))
                attempt += 1
                continue
            if message is not None:
                yield message

    async def _connected(self) -> AsyncConnection:
        if self._socket is None:
            wanted = connect_async(
                self._url,
                open_timeout=CONNECT_S,
                max_size=None,
                compression=None,
                proxy=None,
                ssl=self._trust,
            )
            self._socket = await self._held.enter_async_context(wanted)
            self.connections += 1
            for text in self.following.opening():
                await self._socket.send(text)
        return self._socket

    async def _next(self, socket: AsyncConnection) -> Message | None:
        text = await asyncio.wait_for(socket.recv(), self._silent_s)
        message, said = self.following.read(text)
        for one in [*([] if said is None else [said]), *self.following.due()]:
            await socket.send(one)
        return message

    async def _let_go(self) -> None:
        self._socket = None
        await self._held.aclose()

    async def close(self) -> None:
        """Leave."""
        self._closed = True
        await self._let_go()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def stream_url(url: str) -> str:
    """Where a service streams.

    >>> stream_url("http://127.0.0.1:8750")
    'ws://127.0.0.1:8750/v1/stream'
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/v1/stream", "", ""))


def _raise_if_final(error: Exception) -> None:
    """A key, a name or a certificate that does not count now will not count later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        raise error
    if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == UNAUTHENTICATED:
        raise Problem(401, error.rcvd.reason or "unauthenticated", "this API key may not read")
    if isinstance(error, InvalidStatus) and 400 <= error.response.status_code < 500:
        raise Problem(error.response.status_code, "refused", "the service does not stream to here")


def _text(told: Any) -> str:
    return msgspec.json.encode(told).decode()
