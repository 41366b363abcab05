"""The application: every route, one form for every failure, limits, and headers.

Knows HTTP; what a route means is in its own file.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Message, Receive, Send
from sqlalchemy.exc import SQLAlchemyError

from seawall import __version__
from seawall.engine.history.journal import JournalError
from seawall.service import dashboard
from seawall.service.desk import Desk, guard
from seawall.service.live.socket import stream
from seawall.service.routes import (
    account_routes,
    admin_routes,
    event_routes,
    feed_routes,
    notice_routes,
    operate_routes,
    picture_routes,
    repair_routes,
    systemic_routes,
    venue_routes,
)
from seawall.service.words.problem import Problem, unavailable, wrong

BODY_MOST = 1_000_000  # Bytes of a request.
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
}
log = logging.getLogger("seawall.service")
_GONE = "client disconnected prematurely"  # As Litestar says it.
_CODES = {
    401: "unauthenticated",
    404: "no_such_route",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    500: "internal_error",
}


def make_app(desk: Desk) -> ASGIApp:
    """Join the routes around one service."""
    routes: list[Any] = [
        *account_routes.ROUTES,
        *venue_routes.ROUTES,
        *operate_routes.ROUTES,
        *admin_routes.ROUTES,
        *notice_routes.ROUTES,
        stream,
        *picture_routes.ROUTES,
        *systemic_routes.ROUTES,
        *event_routes.ROUTES,
        *repair_routes.ROUTES,
        *feed_routes.ROUTES,
        *dashboard.ROUTES,
    ]
    app = Litestar(
        route_handlers=routes,
        guards=[guard],
        exception_handlers={Exception: _answer_failure},
        request_max_body_size=BODY_MOST,
        openapi_config=OpenAPIConfig(
            title="Seawall",
            version=__version__,
            description="Margin and liquidation for crypto derivatives. Money is decimal text.",
            path="/schema",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
    )
    app.state.desk = desk
    return _around(app, desk)


def _around(app: Litestar, desk: Desk) -> ASGIApp:
    """Headers on every answer, a count and a line of log for it; never what a header says."""

    async def run(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)  # The start and the end of the process.
            return
        began, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name.lower() for name, _ in message["headers"]}
                added = [one for one in HEADERS.items() if one[0] not in own]
                bucket = scope.get("state", {}).get("bucket")
                added += bucket.headers() if bucket is not None else ()
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            await app(scope, receive, told)
        finally:
            seconds = time.perf_counter() - began
            route = str(scope.get("path_template") or "other")
            desk.metrics.answered(str(scope.get("method", "")), route, status, seconds)
            _log(scope, route, status, seconds, desk.writer.sequence)

    return run


def _log(scope: Any, route: str, status: int, seconds: float, sequence: int) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    actor = scope.get("state", {}).get("actor")
    line = {
        "time_ms": time.time_ns() // 1_000_000,
        "method": str(scope.get("method", "")),
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 3),
        "key": actor.id if actor else None,
        "sequence": sequence,
    }
    log.info(msgspec.json.encode(line).decode())


def _answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = _problem(error)
    if problem.status == 500:
        log.error("a fault of the service", exc_info=error)
    headers = {}
    if isinstance(error, HTTPException) and error.headers and "allow" in error.headers:
        headers["Allow"] = error.headers["allow"]
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        msgspec.json.encode(problem.as_json()),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=headers,
    )


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationException):
        extra = error.extra if isinstance(error.extra, list) else []
        said = "; ".join(
            f"{one.get('key', '')}: {one.get('message', '')}" for one in extra if type(one) is dict
        )
        return wrong(said or error.detail)
    if isinstance(error, InternalServerException) and error.detail == _GONE:
        return wrong("the body ended before it was whole")  # To nobody: only counters see it.
    if isinstance(error, HTTPException):
        status = error.status_code
        code = _CODES.get(status, "bad_request" if status < 500 else "internal_error")
        return Problem(status, code, error.detail if status < 500 else "a fault of the service")
    if isinstance(error, JournalError | SQLAlchemyError):
        log.error("the store failed", exc_info=error)
        return unavailable("failed", "the store cannot be read or written now")
    if isinstance(error, RecursionError):
        return wrong("the body is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return wrong("the body is not UTF-8")
    return Problem(500, "internal_error", "a fault of the service")
