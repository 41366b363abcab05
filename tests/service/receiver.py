"""A real receiver of webhooks on loopback, which keeps what came and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from seawall.service.notices import verify


class Got(NamedTuple):
    at_s: float
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Listens on a port until it is closed; `answer` says the status of each."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], int] = lambda got: 204
        self.headers: dict[str, str] = {}
        outer = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got = Got(time.time(), self.path, dict(self.headers.items()), body)
                outer.got.append(got)
                self.send_response(outer.answer(got))
                for name, text in outer.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                pass  # The other side was killed.

        self._server = Server(("127.0.0.1", port), Answers)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def wait(self, count: int, seconds: float = 15.0) -> list[Got]:
        """Wait until so many came."""
        until = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count} came"
            time.sleep(0.005)
        return self.got

    def read(self, secret: str) -> list[dict[str, object]]:
        """What came, each verified."""
        return [verify(secret, got.headers, got.body) for got in self.got]
