"""How many requests a key may send each second: a bucket for questions and one for commands.

A bucket fills at its rate up to what `BURST_S` seconds bring; a request takes one token, a bulk
question one for each part. Who finds it empty is told when to come back, before anything else is
done for the request. Knows no request and no key beyond its id; runs on the event loop alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from seawall.service.words.problem import Problem

Kind = Literal["reads", "commands"]
BURST_S = 2
BUCKETS_MOST = 10_000


class Rates(NamedTuple):
    """Requests a second; None where nothing limits them."""

    reads: int | None = None
    commands: int | None = None

    def over(self, general: Rates) -> Rates:
        """These, and the general ones where nothing is said.

        >>> Rates(reads=5).over(Rates(1000, 100))
        Rates(reads=5, commands=100)
        """
        reads = general.reads if self.reads is None else self.reads
        return Rates(reads, general.commands if self.commands is None else self.commands)


@dataclass(slots=True)
class Bucket:
    """Tokens of one sender; below zero after a bulk question that was larger than what was left."""

    kind: Kind
    rate: int  # Tokens a second.
    tokens: float
    filled_s: float  # When it was last counted.

    @property
    def most(self) -> int:
        """What it holds when nothing was asked for a while."""
        return BURST_S * self.rate

    def fill(self, now_s: float) -> None:
        """Add what the time has brought; a clock that stands or goes back brings nothing."""
        gone = max(now_s - self.filled_s, 0.0)
        self.tokens, self.filled_s = min(self.tokens + gone * self.rate, self.most), now_s

    def take(self, now_s: float) -> int | None:
        """Take one token; None where there was one, else the whole seconds until there is."""
        self.fill(now_s)
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return None
        return math.ceil((1.0 - self.tokens) / self.rate)

    def charge(self, more: int) -> None:
        """Take what a request costs beyond its first token, which may leave less than nothing."""
        self.tokens -= more

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit and its policy, as in draft-ietf-httpapi-ratelimit-headers-10."""
        full_s = math.ceil((self.most - self.tokens) / self.rate)
        left = max(int(self.tokens), 0)
        return [
            (b"ratelimit-policy", f'"{self.kind}";q={self.most};w={BURST_S}'.encode()),
            (b"ratelimit", f'"{self.kind}";r={left};t={full_s}'.encode()),
        ]


NO_RATES = Rates()


class Limits:
    """Every bucket; the one used longest ago is forgotten first, which forgives at most a burst."""

    def __init__(
        self,
        general: Rates = NO_RATES,
        *,
        addresses: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`general` holds for keys that say nothing; `addresses` limits those without a key too."""
        self.general = general
        self.addresses = addresses
        self.limited = {"reads": 0, "commands": 0}  # Requests that were told to come back.
        self._now_s = now_s
        self._buckets: dict[tuple[str, Kind], Bucket] = {}

    def bucket(self, sender: str, kind: Kind, own: Rates) -> Bucket | None:
        """The bucket of a sender's requests of one kind; None where nothing limits them."""
        rates = own.over(self.general)
        rate = rates.reads if kind == "reads" else rates.commands
        if rate is None:
            return None
        found = self._buckets.pop((sender, kind), None)
        if found is None or found.rate != rate:
            found = Bucket(kind, rate, float(BURST_S * rate), self._now_s())
        self._buckets[sender, kind] = found  # Last: it was used last.
        if len(self._buckets) > BUCKETS_MOST:
            del self._buckets[next(iter(self._buckets))]
        return found

    def spend(self, bucket: Bucket) -> None:
        """Let one request in, or raise a `Problem` that says when to come back."""
        wait_s = bucket.take(self._now_s())
        if wait_s is not None:
            self.limited[bucket.kind] += 1
            said = f"more than {bucket.rate} {bucket.kind} a second"
            raise Problem(429, "rate_limited", said, retry_after_s=wait_s)
