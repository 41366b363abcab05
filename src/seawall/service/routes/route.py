"""How a route is declared: its scope, and every status that it can answer with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from litestar import MediaType, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from seawall.service.guarding.keys import Scope
from seawall.service.words.wire import ProblemShown

Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="The client's name for this command; a repeated one gets its first answer.",
    ),
]
_SAID = {
    400: "Not understood.",
    401: "No API key, or none that is known.",
    403: "The key lacks the scope, or two operators are needed.",
    404: "Something named is not there.",
    409: "Not in this state of the venue.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "Asked for under a name that is not loopback's, while there are no keys.",
    422: "Understood and refused; the code is the reason.",
    429: "Too many requests of this key; see Retry-After.",
    500: "A fault of the service.",
    503: "Not now; see Retry-After.",
}


def reads(path: str, scope: Scope = "read", *, media_type: str = MediaType.JSON) -> Decorator:
    """A question."""
    told = problems(400, 401, 403, 404, 409, 421, 422, 429)
    return get(path, opt={"scope": scope}, responses=told, media_type=media_type)


def asks(path: str, scope: Scope = "read") -> Decorator:
    """A question with a body."""
    return post(path, status_code=200, opt={"scope": scope}, responses=problems(*_SAID))


def commands(path: str, scope: Scope, status: int = 200) -> Decorator:
    """A command; it is durable when it is answered."""
    opt = {"scope": scope, "kind": "commands"}
    return post(path, status_code=status, opt=opt, responses=problems(*_SAID))


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Say which failures a route may answer with; any may be a fault, or come at a bad time."""
    always = {*statuses, 500, 503}
    return {
        status: ResponseSpec(
            data_container=ProblemShown,
            description=_SAID[status],
            generate_examples=False,
            media_type="application/problem+json",
        )
        for status in sorted(always)
    }
