"""All connections of one service: woken together, beaten once a second, dropped for a reason.

Runs on the event loop. Knows no socket.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

import msgspec

from seawall.service.guarding.keys import Keys
from seawall.service.live.live import Live
from seawall.service.live.reader import Reader
from seawall.service.words.problem import Problem

BEAT_S = 1.0
RECHECK_BEATS = 5  # A key may end while its client reads.


class Ending(NamedTuple):
    """Why a connection is closed: a code of the WebSocket, a word, and a sentence."""

    code: int
    reason: str
    detail: str


UNAUTHENTICATED = Ending(4401, "unauthenticated", "send authenticate and an API key within 5 s")
KEY_ENDED = Ending(4401, "unauthenticated", "this API key has ended")
FOREIGN = Ending(4403, "misdirected", "another origin, or a name that is not loopback's")
SLOW = Ending(4008, "slow_reader", "too much waited to be read")
BUSY = Ending(1013, "busy", "too many connections; come back later")


class _Open:
    """One connection that may read."""

    __slots__ = ("ending", "sending", "token")

    def __init__(self, token: str | None, sending: asyncio.Task[None]) -> None:
        self.token = token  # The Authorization header; None where nobody needs a key.
        self.sending = sending
        self.ending: Ending | None = None


class Readers:
    """Every connection, and how those that are gone ended."""

    def __init__(self, live: Live, keys: Keys, most: int = 500) -> None:
        self.live, self.most = live, most
        self.connecting = 0  # Those that read too.
        self.ended: Counter[str] = Counter()  # By reason.
        self._keys = keys
        self._open: dict[Reader, _Open] = {}
        self._sent_before = 0  # To connections that are gone.
        self._beating: asyncio.Task[None] | None = None

    def admit(self) -> bool:
        """Let one more connection in, unless there are too many."""
        if self.connecting >= self.most:
            self.ended["busy"] += 1
            return False
        self.connecting += 1
        return True

    def enter(self, reader: Reader, token: str | None, sending: asyncio.Task[None]) -> None:
        """A connection reads from now on."""
        self._open[reader] = _Open(token, sending)
        self.live.bind(asyncio.get_running_loop(), self.wake)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    def leave(self, reader: Reader, *, gone: bool) -> Ending | None:
        """A connection is over; how it is to be closed, if its client is still there."""
        one = self._open.pop(reader, None)
        if one is None:
            return None  # It left already.
        self._sent_before += reader.sent
        ending = one.ending
        if ending is None and not gone:
            is_lost = not one.sending.cancelled() and one.sending.exception() is None
            ending = SLOW if is_lost else None  # Else sending failed: nobody is there.
        self.ended["left" if ending is None else ending.reason] += 1
        return ending

    def wake(self) -> None:
        """Something was published: drop who is too slow, wake the others."""
        for reader, one in self._open.items():
            if reader.is_slow():
                _drop(one, SLOW)
            else:
                reader.wake()

    @property
    def reading(self) -> int:
        """Connections that read."""
        return len(self._open)

    @property
    def sent(self) -> int:
        """Messages so far."""
        return self._sent_before + sum(reader.sent for reader in list(self._open))

    async def _beat(self) -> None:
        """Tell every reader each second that the service lives, and how far the venue is."""
        beats = 0
        while self._open:
            await asyncio.sleep(BEAT_S)
            sequence, time_ms = self.live.position()
            told = {"type": "heartbeat", "sequence": sequence, "time_ms": time_ms}
            text = msgspec.json.encode(told).decode()
            for reader in self._open:
                reader.beat(text)
            self.wake()
            beats += 1
            if beats % RECHECK_BEATS == 0:
                await asyncio.to_thread(self._recheck, [*self._open.values()])

    def _recheck(self, every: list[_Open]) -> None:
        for one in every:
            if not self._may_read(one.token):
                one.sending.get_loop().call_soon_threadsafe(_drop, one, KEY_ENDED)

    def _may_read(self, token: str | None) -> bool:
        if token is None:
            return self._keys.is_open
        try:
            return self._keys.check(token).may("read")
        except Problem:
            return False


def _drop(one: _Open, ending: Ending) -> None:
    one.ending = one.ending or ending
    one.sending.cancel()
