"""uvicorn's fast HTTP with an end to requests: neither their heads nor their time are unbounded.

Who sends ever more headers is turned away, and so is who sends a head or a body a byte at a time.
Who does not read an answer holds its connection no longer than others do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEAD_BYTES = 65_536  # As much as uvicorn's other protocol takes.
HEAD_S = 10.0  # From the connection, or from the first byte, to the end of the headers.
BODY_S = 30.0
ABORT_S = 30.0  # For an answer to be taken.
_SAID = b"The request came too slowly."
_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s"
) % (len(_SAID), _SAID)
Part = Literal["head", "body", ""]


class BoundedHttp(HttpToolsProtocol):
    """One connection whose requests are bounded in bytes and in seconds."""

    _head = -1  # Bytes of the head that is under way; negative: none is.
    _part: Part = "head"  # What the client owes; empty: nothing, until it has an answer.
    _timed: Part = ""  # What the timer is for.
    _timer: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _stuck: asyncio.TimerHandle | None = None  # Where an answer waits to be taken.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._keep_time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop_timer()  # It has ended, or it is a WebSocket now.
            return
        if self._head >= 0:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._head = -1
                self.send_400_response("The headers are too large.")
        elif not self._part and self._is_idle():
            self._part = "head"  # Bytes between two requests, which belong to none.
        self._keep_time()

    def on_message_begin(self) -> None:
        self._head, self._part = 0, "head"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head, self._part = -1, "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._part = ""
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._free()
        if self._answering is not None:  # uvicorn tells the last request of the connection only.
            self._answering.disconnected = True
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(ABORT_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._free()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()
        elif self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self._close
            )

    # -- time ----------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        """Whether nothing else ends this connection: every answer is out, and no timer runs."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.timeout_keep_alive_task is None

    def _keep_time(self) -> None:
        """Let a timer run for the part that is owed; most requests come whole and start none."""
        if self._timed == self._part:
            return
        self._stop_timer()
        if self._part:
            seconds = HEAD_S if self._part == "head" else BODY_S
            self._timed, self._timer = self._part, self.loop.call_later(seconds, self._end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timed, self._timer = "", None

    def _end(self) -> None:
        """Turn away who was too slow; who only opened a connection is told nothing."""
        is_head = self._timed == "head"
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.pipeline:  # Nothing is read while an earlier request has no answer yet.
            self._keep_time()
            return
        answered = self.cycle is None or self.cycle.response_complete
        if is_head and not answered:
            self.shutdown()  # Once that answer is out.
            return
        if self._head >= 0 if is_head else not self.cycle.response_started:
            self.transport.write(_LATE)
        self._close()

    def _free(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _close(self) -> None:
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """A transport that is closed waits for ever for a peer that takes nothing."""
        if self.transport.get_write_buffer_size():
            self.loop.call_later(ABORT_S, self.transport.abort)
