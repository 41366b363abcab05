"""The signature of a webhook: HMAC-SHA256 over the time, a dot and the body.

Both sides are here: the service signs, a receiver verifies. Knows no network and no clock of its
own but the one that a receiver leaves out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ID, TIMESTAMP, SIGNATURE = "Seawall-Notice", "Seawall-Timestamp", "Seawall-Signature"
TOLERANCE_S = 300
_VERSION = "v1="


class SignatureError(ValueError):
    """A body that this service did not send, or not now."""


def fresh_secret() -> str:
    """A secret of 256 random bits."""
    return f"swhs_{secrets.token_urlsafe(32)}"


def signature(secret: str, timestamp_s: int, body: bytes) -> str:
    """HMAC-SHA256 of timestamp_s + "." + body under the secret's own letters, in hex.

    >>> signature("key", 1, b"{}")[:16]
    '1ba6b8171186efc6'
    """
    told = f"{timestamp_s}.".encode() + body
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()


def signed(secrets_now: Iterable[str], timestamp_s: int, id: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery; each secret that holds now signs once."""
    marks = [_VERSION + signature(secret, timestamp_s, body) for secret in secrets_now]
    return {ID: id, TIMESTAMP: str(timestamp_s), SIGNATURE: ",".join(marks)}


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    now_s: float | None = None,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> dict[str, Any]:
    """Read a notice that a webhook received; a `SignatureError` where it is not to be believed.

    `now_s` is Unix time; a signature older or newer than `tolerance_s` is refused, so that a
    recorded one cannot be sent again later. Within that time and after a lost answer the same `id`
    may come twice: whoever keeps the ids drops the second.

    >>> headers = signed(["secret"], 1_700_000_000, "n1", b'{"id": "n1"}')
    >>> verify("secret", headers, b'{"id": "n1"}', 1_700_000_010)
    {'id': 'n1'}
    """
    found = {name.lower(): text for name, text in headers.items()}
    told, marks = found.get(TIMESTAMP.lower(), ""), found.get(SIGNATURE.lower(), "")
    if not (told.isascii() and told.isdecimal() and len(told) < 16):
        raise SignatureError(f"{TIMESTAMP}: missing or no number")
    now_s = time.time() if now_s is None else now_s
    if abs(now_s - int(told)) > tolerance_s:
        raise SignatureError(f"{TIMESTAMP}: more than {tolerance_s:g} s from now")
    right = (_VERSION + signature(secret, int(told), body)).encode()
    if not any(hmac.compare_digest(right, mark.strip().encode()) for mark in marks.split(",")):
        raise SignatureError(f"{SIGNATURE}: none of them is of this secret and body")
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise SignatureError("the body is no JSON object") from None
