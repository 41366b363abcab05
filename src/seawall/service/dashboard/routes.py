"""The files of the dashboard, and who the browser's key belongs to.

Knows the folder beside it and HTTP; the pages ask the API for everything else.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Request, Response, get
from litestar.params import FromPath

from seawall.service.desk import actor_of, desk_of
from seawall.service.routes.route import reads
from seawall.service.words.problem import Problem

Ask = Request[Any, Any, Any]
STATIC = Path(__file__).parent / "static"
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    "": "text/plain",
}
# Nothing from outside, nothing inline; sockets of the same host only.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


class Shipped(NamedTuple):
    """A file as it goes out."""

    body: bytes
    packed: bytes
    tag: str
    kind: str


@get("/", include_in_schema=False)
async def index(request: Ask) -> Response[bytes]:
    """The one page; its script shows the others."""
    return await _answer(request, "index.html")


@get("/static/{name:path}", include_in_schema=False)
async def static(request: Ask, name: FromPath[str]) -> Response[bytes]:
    """A file of the dashboard."""
    return await _answer(request, name.lstrip("/"))


@reads("/v1/me")
async def me(request: Ask) -> dict[str, Any]:
    """What the key of this request may do, and whose time is told.

    Without keys everybody may do everything. `now_ms` is the service's own clock.
    """
    desk, actor = desk_of(request), actor_of(request)
    return {
        "open": desk.keys.is_open,
        "clock": "wall" if desk.writer.is_on_wall_clock else "scenario",
        "now_ms": time.time_ns() // 1_000_000,
        "id": actor.id,
        "scopes": sorted(actor.scopes),
        "operator": actor.operator or None,
    }


async def _answer(request: Ask, name: str) -> Response[bytes]:
    path = _paths().get(name)
    if path is None:
        raise Problem(404, "no_such_route", f"no file {name[:100]!r}")
    shipped = await asyncio.to_thread(_current, path)
    headers = {
        "ETag": shipped.tag,
        "Cache-Control": "no-cache",  # Kept, but asked for again each time.
        "Content-Security-Policy": POLICY,
        "Vary": "Accept-Encoding",
    }
    if shipped.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=shipped.kind)
    body = shipped.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = shipped.packed, "gzip"
    return Response(body, headers=headers, media_type=shipped.kind)


@lru_cache(1)
def _paths() -> dict[str, Path]:
    """Every file that may be asked for: only what is in this list is ever opened."""
    return {
        path.relative_to(STATIC).as_posix(): path
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix in KINDS
    }


def _current(path: Path) -> Shipped:
    return _shipped(path, path.stat().st_mtime_ns)


@lru_cache(256)
def _shipped(path: Path, changed_ns: int) -> Shipped:
    """Read one file; `changed_ns` keeps a file that was edited from being served as it was."""
    body = path.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Shipped(body, gzip.compress(body, 6, mtime=0), tag, KINDS[path.suffix])


ROUTES = [index, static, me]
__all__ = ["ROUTES"]
