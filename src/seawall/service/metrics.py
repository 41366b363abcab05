"""Counters in Prometheus' text form, hand-written: a handful of numbers needs no library."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MEDIA_TYPE = "text/plain; version=0.0.4"  # The server adds the charset.


class Metrics:
    """What happened since the process started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._seconds = 0.0
        self._commands = self._groups = self._failures = 0
        self._group_seconds = 0.0

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; a route is its template, so that names make no series."""
        place = next((n for n, most in enumerate(BUCKETS_S) if seconds <= most), len(BUCKETS_S))
        with self._lock:
            self._answers[method, route, status] += 1
            self._buckets[place] += 1
            self._seconds += seconds

    def grouped(self, commands: int, seconds: float) -> None:
        """A group of commands became durable."""
        with self._lock:
            self._commands += commands
            self._groups += 1
            self._group_seconds += seconds

    def failed(self) -> None:
        """The journal failed and is opened again."""
        with self._lock:
            self._failures += 1

    def text(self, sequence: int, waiting: int, *, ready: bool) -> str:
        """Everything, in the exposition format."""
        with self._lock:
            lines = [
                *_of("seawall_sequence", "gauge", "Last durable event.", sequence),
                *_of("seawall_ready", "gauge", "1 where commands are taken.", int(ready)),
                *_of("seawall_queue", "gauge", "Commands and reads that wait.", waiting),
                *_of("seawall_commands_total", "counter", "Durable commands.", self._commands),
                *_of("seawall_groups_total", "counter", "Transactions.", self._groups),
                *_of(
                    "seawall_group_seconds_total",
                    "counter",
                    "Time to apply and keep groups.",
                    round(self._group_seconds, 6),
                ),
                *_of("seawall_failures_total", "counter", "Journal failures.", self._failures),
                "# HELP seawall_requests_total Answers by route and status.",
                "# TYPE seawall_requests_total counter",
            ]
            for (method, route, status), count in sorted(self._answers.items()):
                labels = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"seawall_requests_total{{{labels}}} {count}")
            lines += self._histogram()
        return "\n".join(lines) + "\n"

    def _histogram(self) -> list[str]:
        name = "seawall_request_seconds"
        lines = [f"# HELP {name} Time to answer.", f"# TYPE {name} histogram"]
        total = 0
        for most, count in zip((*map(str, BUCKETS_S), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{most}"}} {total}')
        return [*lines, f"{name}_sum {round(self._seconds, 6)}", f"{name}_count {total}"]


def limited_text(limited: Mapping[str, int]) -> str:
    """Requests that were told to come back, by kind."""
    name = "seawall_rate_limited_total"
    lines = [f"# HELP {name} Requests over a key's rate.", f"# TYPE {name} counter"]
    return "\n".join([*lines, *(f'{name}{{kind="{k}"}} {n}' for k, n in limited.items()), ""])


def notices_text(counts: Mapping[str, int]) -> str:
    """Notices by state; dead letters among them."""
    name = "seawall_notices"
    lines = [f"# HELP {name} Notices by state.", f"# TYPE {name} gauge"]
    return "\n".join([*lines, *(f'{name}{{state="{s}"}} {n}' for s, n in counts.items()), ""])


def stream_text(reading: int, sent: int, ended: Mapping[str, int]) -> str:
    """The live stream's, in the same format; `ended` is connections by how they ended."""
    name = "seawall_stream_ended_total"
    lines = [
        *_of("seawall_stream_readers", "gauge", "Connections that read.", reading),
        *_of("seawall_stream_messages_total", "counter", "Messages sent.", sent),
        f"# HELP {name} Connections by how they ended.",
        f"# TYPE {name} counter",
    ]
    known = {"slow_reader": 0, **ended}
    lines += [f'{name}{{reason="{reason}"}} {known[reason]}' for reason in sorted(known)]
    return "\n".join(lines) + "\n"


def _of(name: str, kind: str, said: str, value: float) -> list[str]:
    return [f"# HELP {name} {said}", f"# TYPE {name} {kind}", f"{name} {value}"]
