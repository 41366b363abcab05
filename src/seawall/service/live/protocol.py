"""uvicorn's WebSocket with an end to waiting: who does not read is cut off.

uvicorn writes a close frame only once there is room, and a transport that is closed waits for ever
for a peer that takes nothing. Here the close frame is written at once and a few seconds later the
connection is aborted, with all that was buffered for it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT_S = 2.0
BUFFER_BYTES = 65_536  # Of ours for each connection; the kernel's is about twice as large.


class StreamProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection with small buffers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    async def run_asgi(self) -> None:
        extensions: Any = self.scope["extensions"]
        extensions["seawall.drop"] = self.drop
        await super().run_asgi()

    def drop(self, code: int, reason: str) -> None:
        """Say why, and end it soon, whether that is read or not."""
        if self.close_sent or self.transport.is_closing():
            self.loop.call_later(ABORT_S, self.transport.abort)
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(ABORT_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(ABORT_S, self.transport.abort)
