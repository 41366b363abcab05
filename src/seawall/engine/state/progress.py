"""What calls and liquidations remember: who was called how often, and since when who is taken.

Knows account numbers, times and amounts; knows no rule and no venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from seawall.engine.state.watch import Sum


class CallMade(NamedTuple):
    """The last call of an account."""

    number: int = 0  # Calls so far.
    level: int = 0
    made_ms: int = 0
    told_ms: int = 0  # When it was last told; later than `made_ms` where it was escalated.


@dataclass(slots=True)
class Taking:
    """A liquidation that is under way."""

    since_ms: int
    freed: int = 0  # Excess that its fills brought. [numeraire atoms]
    stepped_ms: int = -1  # When a policy that goes by time last took a step.
    spared: tuple[int, ...] = ()  # Assets that were last told of as not taken.


@dataclass(slots=True)
class Progress:
    """The calls and liquidations of a venue."""

    calls: dict[int, CallMade] = field(default_factory=dict)  # By account; kept after the call.
    takings: dict[int, Taking] = field(default_factory=dict)  # By account.
    window: Sum = field(default_factory=Sum)  # Notional that liquidations closed.
    pending: dict[int, int] = field(default_factory=dict)  # Lots of open orders, by instrument.
    next_due_ms: int = 0  # No call is due before; computed again, so 0 is always right.

    def taking(self, account: int, now_ms: int) -> Taking:
        """The account's liquidation; one that nobody remembers begins now."""
        return self.takings.setdefault(account, Taking(now_ms))

    def due(self, deadline: Mapping[int, int], now_ms: int, escalate_after_ms: int) -> list[int]:
        """Called accounts that time alone may move now: their deadline, or being told again.

        `next_due_ms` must be set to 0 where a call is made or told, or the rules change.
        """
        if now_ms < self.next_due_ms:
            return []
        due_ms = dict(deadline)
        if escalate_after_ms:
            for account, last_ms in deadline.items():
                told = self.calls.get(account, CallMade()).told_ms + escalate_after_ms
                due_ms[account] = min(last_ms, told)
        self.next_due_ms = min(due_ms.values(), default=0)
        return [account for account, at_ms in due_ms.items() if at_ms <= now_ms]

    def ask(self, instrument: int, lots: int) -> None:
        """Count lots as asked for; negative ones as answered."""
        left = self.pending.get(instrument, 0) + lots
        if left:
            self.pending[instrument] = left
        else:
            self.pending.pop(instrument, None)


CallRow = tuple[int, int, int, int, int]
TakingRow = tuple[int, int, str, int, tuple[int, ...]]
WindowRow = tuple[int, str]


def remembered(progress: Progress) -> tuple[list[CallRow], list[TakingRow], list[WindowRow]]:
    """The state as rows in canonical order; amounts as text, for they may pass 64 bits.

    What is pending is in the open orders.
    """
    calls = [(account, *made) for account, made in sorted(progress.calls.items())]
    takings = [
        (account, one.since_ms, str(one.freed), one.stepped_ms, one.spared)
        for account, one in sorted(progress.takings.items())
    ]
    window = [(time_ms, str(amount)) for time_ms, amount in progress.window.entries]
    return calls, takings, window


def recalled(calls: list[CallRow], takings: list[TakingRow], window: list[WindowRow]) -> Progress:
    """The state that was remembered."""
    progress = Progress()
    progress.calls = {account: CallMade(*made) for account, *made in calls}
    for account, since_ms, freed, stepped_ms, spared in takings:
        progress.takings[account] = Taking(since_ms, int(freed), stepped_ms, tuple(spared))
    for time_ms, amount in window:
        progress.window.entries.append((time_ms, int(amount)))
        progress.window.total += int(amount)
    return progress
