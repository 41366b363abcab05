"""API keys: who may do what, until when.

A key is `sw_PREFIX_SECRET`. The prefix finds it and may be shown; of the secret only an argon2id
hash is kept. Without any key the service is open to whoever reaches it, which is why it then
listens on loopback only.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, get_args

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from seawall.service.guarding.limits import NO_RATES, Rates
from seawall.service.guarding.store import KeyRow, Store
from seawall.service.words.problem import Problem, wrong

Scope = Literal["read", "trade", "operate", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LOCAL = "local"  # The actor of a service without keys.
USED_EVERY_MS = 60_000  # How exactly the last use is kept.
KNOWN_MOST = 4096
HASHING_MOST = 2
_FORM = re.compile(r"sw_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# OWASP's least for argon2id; a secret of 256 random bits needs no more.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Actor(NamedTuple):
    """Who asks."""

    id: str
    scopes: frozenset[str]
    operator: str = ""  # Of the rulebook.
    rates: Rates = NO_RATES  # What limits this key alone.

    def may(self, scope: Scope) -> bool:
        """Whether a scope is among those of the key; none contains another."""
        return scope in self.scopes


class Keys:
    """Makes and checks keys. Safe in several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, tuple[Actor, int | None]] = {}  # By sha256 of the whole key.
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()
        self._changes = 0  # Keys that were rotated or revoked.
        # A flood of wrong keys must not take every core, nor every thread.
        self.hashing = ThreadPoolExecutor(HASHING_MOST, "seawall-keys")
        self.waiting = 0  # For the one who asks, on the event loop.
        self.is_open = not store.has_keys()

    def make(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        actor: str,
        operator: str = "",
        expires_ms: int | None = None,
        rates: Rates = NO_RATES,
        first: bool = False,
    ) -> tuple[KeyRow, str] | None:
        """Make a key and return it with its secret, which is told this once.

        With `first`, only where none is yet; else None.
        """
        chosen = [scope for scope in SCOPES if scope in set(scopes)]
        id = f"k{secrets.token_hex(6)}"
        prefix, secret, kept = _fresh()
        row = KeyRow(
            id=id,
            name=name,
            prefix=prefix,
            hash=kept,
            scopes=" ".join(chosen),
            operator=operator,
            created_ms=now_ms(),
            expires_ms=expires_ms,
            revoked_ms=None,
            used_ms=None,
        )
        if not self._store.add_key(row, actor, rates, first=first):
            return None
        self.is_open = False
        return row, secret

    def rotate(self, id: str, actor: str) -> str:
        """Give a key another secret; the old one ends now, the id stays."""
        prefix, secret, kept = _fresh()
        note = (now_ms(), actor, "key rotated")
        if not self._store.change_key(id, {"prefix": prefix, "hash": kept}, note):
            raise Problem(404, "unknown_key", f"no key {id[:40]} that is not revoked")
        self._forget(id)
        return secret

    def revoke(self, id: str, actor: str) -> None:
        """End a key; the last one that may make others stays."""
        alive = [row for row in self._store.all_keys() if _is_alive(row, now_ms())]
        admins = [row.id for row in alive if "admin" in row.scopes.split()]
        if admins == [id]:
            raise Problem(409, "last_admin", "this is the last key with the scope admin")
        time_ms = now_ms()
        if not self._store.change_key(id, {"revoked_ms": time_ms}, (time_ms, actor, "key revoked")):
            raise Problem(404, "unknown_key", f"no key {id[:40]} that is not revoked")
        self._forget(id)

    def limit(self, id: str, rates: Rates, actor: str) -> None:
        """Let a key send so many requests a second from now on."""
        note = (now_ms(), actor, f"key limited to {rates.reads} reads, {rates.commands} commands")
        if not self._store.limit_key(id, rates, note):
            raise Problem(404, "unknown_key", f"no key {id[:40]} that is not revoked")
        self._forget(id)

    def known(self, header: str | None) -> Actor | None:
        """Who sends this Authorization header, where that takes neither a hash nor the store."""
        if self.is_open:
            return Actor(LOCAL, frozenset(SCOPES))
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = self._known.get(hashlib.sha256(token.strip().encode()).digest())
        time_ms = now_ms()
        if found is None or (found[1] is not None and time_ms >= found[1]):
            return None
        is_due = time_ms - self._used.get(found[0].id, 0) >= USED_EVERY_MS
        return None if is_due else found[0]

    def check(self, header: str | None) -> Actor:
        """Who sends it; slow for a key that is new here, for it is hashed."""
        scheme, _, token = (header or "").partition(" ")
        form = _FORM.fullmatch(token.strip())
        if scheme.lower() != "bearer" or form is None:
            raise _unknown("send Authorization: Bearer and an API key")
        digest = hashlib.sha256(token.strip().encode()).digest()
        found = self._known.get(digest) or self._verified(digest, form[1], token.strip())
        actor, expires_ms = found
        time_ms = now_ms()
        if expires_ms is not None and time_ms >= expires_ms:
            raise _unknown("this API key has expired")
        self._use(actor.id, time_ms)
        return actor

    def _verified(self, digest: bytes, prefix: str, token: str) -> tuple[Actor, int | None]:
        changes = self._changes
        row = self._store.key_of(prefix)
        right = _matches(row.hash if row is not None else _DECOY, token)
        if row is None or not right or row.revoked_ms is not None:
            raise _unknown("no such API key")
        rates = self._store.rates().get(row.id, NO_RATES)
        actor = Actor(row.id, frozenset(row.scopes.split()), row.operator, rates)
        with self._lock:
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            if self._changes == changes:  # Else it may have ended while it was hashed.
                self._known[digest] = (actor, row.expires_ms)
        return actor, row.expires_ms

    def _use(self, id: str, time_ms: int) -> None:
        if time_ms - self._used.get(id, 0) < USED_EVERY_MS:
            return
        self._used[id] = time_ms
        self._store.touch({id: time_ms})

    def _forget(self, id: str) -> None:
        with self._lock:
            self._changes += 1
            self._known = {d: known for d, known in self._known.items() if known[0].id != id}


def parsed_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes that are some."""
    named = tuple(scopes)
    if not named or set(named) - set(SCOPES):
        raise wrong(f"scopes are one or several of {', '.join(SCOPES)} - at `$.scopes`")
    return named


def now_ms() -> int:
    """The wall clock; only keys and the audit read it here."""
    return time.time_ns() // 1_000_000


def _fresh() -> tuple[str, str, str]:
    prefix = secrets.token_hex(6)
    token = f"sw_{prefix}_{secrets.token_urlsafe(32)}"
    return prefix, token, _HASHER.hash(token)


def _matches(kept: str, token: str) -> bool:
    try:
        return _HASHER.verify(kept, token)
    except (Argon2Error, InvalidHashError):
        return False


def _is_alive(row: KeyRow, time_ms: int) -> bool:
    return row.revoked_ms is None and (row.expires_ms is None or time_ms < row.expires_ms)


def _unknown(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail)


_DECOY = _HASHER.hash(secrets.token_urlsafe(32))  # So that an unknown prefix takes as long.
