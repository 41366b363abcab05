"""What goes wrong, as RFC 9457 problem details with a code that never changes.

A refusal of the engine keeps its reason as its code. Knows no request and no engine.
"""

from __future__ import annotations

from typing import Any

from seawall.engine.effect import Reason

TYPE = "urn:seawall:problem:"
_STATUS: dict[Reason, int] = {
    **dict.fromkeys(
        (
            Reason.UNKNOWN_METHOD,
            Reason.UNKNOWN_ACCOUNT,
            Reason.UNKNOWN_INSTRUMENT,
            Reason.UNKNOWN_ORDER,
            Reason.UNKNOWN_AUCTION,
        ),
        404,
    ),
    **dict.fromkeys(
        (
            Reason.NOT_STARTED,
            Reason.ALREADY_STARTED,
            Reason.TIME_WENT_BACK,
            Reason.NAME_TAKEN,
            Reason.ALREADY_BID,
            Reason.BID_STANDS,
            Reason.TOO_EARLY,
            Reason.TOO_LATE,
        ),
        409,
    ),
    Reason.TWO_OPERATORS_NEEDED: 403,
}
REFUSED = 422  # Every other reason: understood, and not allowed by the rules of the venue.


class Problem(Exception):  # noqa: N818 (RFC 9457 calls it so)
    """An answer that is not the one asked for.

    >>> Problem(404, "unknown_account", "no account bob").as_json()["type"]
    'urn:seawall:problem:unknown_account'
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after_s: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = more

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": TYPE + self.code,
            "title": self.code.replace("_", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
        }


def refused(reason: Reason, sequence: int, *, repeated: bool) -> Problem:
    """The engine's refusal; the command is journalled all the same, under this sequence."""
    return Problem(
        _STATUS.get(reason, REFUSED),
        reason.value,
        f"the venue refused: {reason.value.replace('_', ' ')}",
        sequence=sequence,
        repeated=repeated,
    )


def unavailable(code: str, detail: str) -> Problem:
    """Not now; the same command under the same key may be sent again."""
    return Problem(503, code, detail, retry_after_s=1)


def wrong(detail: str, code: str = "bad_request") -> Problem:
    """A request that cannot be understood."""
    return Problem(400, code, detail)
