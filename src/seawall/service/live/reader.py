"""One connection: what its client asks for, and what it is sent; it keeps places, not messages.

Runs on the event loop. A reader that falls too far behind is dropped; nothing is kept for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec

from seawall.service.live.live import Live, Opening
from seawall.service.live.tape import Tape
from seawall.service.words.problem import Problem
from seawall.service.writer import Writer

BEHIND_MESSAGES, BEHIND_BYTES = 8192, 32 << 20
STUCK_S = 10.0  # So long one message may take.
SUBSCRIPTIONS_MOST = 64
ANSWERS_MOST = 64  # To the client itself; then nothing more is read of it.
encode = msgspec.json.encode
log = logging.getLogger("seawall.service")


class Asked(msgspec.Struct, frozen=True):
    """What a client may say."""

    op: Literal["authenticate", "subscribe", "unsubscribe", "ping"]
    channel: str | None = None
    since: int | None = msgspec.field(default=None, name="from")
    key: str | None = None
    id: Any = None


class Place(NamedTuple):
    """How far a channel was sent."""

    tape: Tape
    next: int
    opened: int  # What was there before was asked for, and makes nobody slow.
    bytes_until: int


class Reader:
    """Follows channels for one client."""

    def __init__(self, live: Live, writer: Writer, send: Callable[[str], Awaitable[None]]) -> None:
        self._live, self._writer, self._send = live, writer, send
        self._places: dict[str, Place] = {}
        self._answers: deque[str] = deque()
        self._heartbeat: str | None = None  # Only the last one.
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._since_s = 0.0  # When the message began to be sent that is not sent yet.
        self.sent = 0

    # -- what the client says ------------------------------------------------------------------

    async def hear(self, text: str) -> None:
        """Do what a client asks for; what it gets wrong it is told."""
        await self._room.wait()
        channel: str | None = None
        try:
            asked = msgspec.json.decode(text, type=Asked)
            channel = asked.channel
            await self._do(asked)
        except msgspec.MsgspecError as error:
            self.answer({"type": "error", "code": "bad_request", "detail": str(error)})
        except Problem as problem:
            self.tell_problem(problem, channel)
        except Exception as error:
            log.error("a fault of the stream", exc_info=error)
            self.tell_problem(Problem(500, "internal_error", "a fault of the service"), channel)

    async def _do(self, asked: Asked) -> None:
        if asked.op == "ping":
            self.answer({"type": "pong", "id": asked.id})
        elif asked.op == "authenticate":
            return  # It may read already, or nobody needs a key.
        elif asked.channel is None:
            raise Problem(400, "bad_request", f"{asked.op} needs a channel")
        elif asked.op == "unsubscribe":
            self._leave(asked.channel)
        else:
            await self._subscribe(asked.channel, asked.since)

    async def _subscribe(self, name: str, since: int | None) -> None:
        if name not in self._places and len(self._places) >= SUBSCRIPTIONS_MOST:
            said = f"at most {SUBSCRIPTIONS_MOST} channels"
            raise Problem(400, "too_many_subscriptions", said)
        self._leave(name)
        opening: Opening = await asyncio.wrap_future(
            self._writer.read(partial(self._live.open, name, since))
        )
        tape = opening.tape
        if opening.snapshot is not None:
            self._answer(opening.snapshot)
        self._places[name] = Place(tape, opening.place, tape.end, tape.bytes_until)
        self._live.count(name, 1)
        self.wake()

    def _leave(self, name: str) -> None:
        if self._places.pop(name, None) is not None:
            self._live.count(name, -1)

    def leave_all(self) -> None:
        """The client is gone."""
        for name in list(self._places):
            self._leave(name)

    # -- what it is sent -----------------------------------------------------------------------

    def answer(self, told: dict[str, Any]) -> None:
        """Say something to this client alone."""
        self._answer(encode(told).decode())

    def _answer(self, text: str) -> None:
        self._answers.append(text)
        if len(self._answers) >= ANSWERS_MOST:
            self._room.clear()
        self.wake()

    def tell_problem(self, problem: Problem, channel: str | None) -> None:
        """Say what is wrong; the connection stays."""
        told = {"type": "error", "code": problem.code, "detail": problem.detail}
        self.answer(told if channel is None else told | {"channel": channel[:100]})

    def beat(self, text: str) -> None:
        """Say that the service lives; a later beat takes the place of one that waits."""
        self._heartbeat = text
        self.wake()

    def wake(self) -> None:
        """There may be something to send."""
        self._something.set()

    def is_slow(self) -> bool:
        """Whether it takes nothing, or is too far behind what was published since it came."""
        if self._since_s and time.monotonic() - self._since_s > STUCK_S:
            return True
        messages = size = 0
        for place in self._places.values():
            tape = place.tape
            if place.next < tape.first:
                return True
            messages += tape.end - max(place.next, place.opened)
            size += tape.bytes_until - place.bytes_until
        return messages > BEHIND_MESSAGES or size > BEHIND_BYTES

    async def send_all(self) -> None:
        """Send what there is, for ever; ends where the tape lost what was not sent yet."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._answers:
                await self._say(self._answers.popleft())
                self._room.set()
            if self._heartbeat is not None:
                beat, self._heartbeat = self._heartbeat, None
                await self._say(beat)
            for name in list(self._places):
                if not await self._send_channel(name):
                    return

    async def _send_channel(self, name: str) -> bool:
        place = self._places.get(name)
        while place is not None:
            messages = place.tape.since(place.next)
            if messages is None:
                return False
            if not messages:
                return True
            message = messages[0]
            for message in messages:
                if self._answers:  # They go first: one may be the snapshot of this channel.
                    return True
                await self._say(message.text)
                if self._places.get(name) is not place:  # It left, or came anew.
                    return True
                done = max(place.bytes_until, message.bytes_until)
                place = place._replace(next=message.place + 1, bytes_until=done)
                self._places[name] = place
        return True

    async def _say(self, text: str) -> None:
        self._since_s = time.monotonic()
        await self._send(text)
        self._since_s = 0.0
        self.sent += 1
