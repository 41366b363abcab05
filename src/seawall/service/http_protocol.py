"""uvicorn's fast HTTP with an end to headers: who sends ever more of them is turned away."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 65_536  # As much as uvicorn's other protocol takes.


class BoundedHttp(HttpToolsProtocol):
    """One connection whose request heads are bounded, beside what one read brings."""

    _head = -1  # Bytes of the head that is under way; negative: none is.

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head >= 0 and not self.transport.is_closing():
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._head = -1
                self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = -1
        super().on_headers_complete()
