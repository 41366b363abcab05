"""What a run leaves behind: prices with and without its own sales, and who was taken and who paid.

Columns by step, integers in numeraire atoms unless a line says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seawall.engine.losses.waterfall import WaterfallReport
from seawall.simulation.world.book import ONE

MINUTE_S = 60


class VenueReport(NamedTuple):
    """One venue."""

    name: str
    forced: tuple[int, ...]  # [step] notional of forced sales and purchases on books or auctions.
    absorbed: tuple[int, ...]  # [step] the same by backstop and deleveraging.
    fund: tuple[int, ...]  # [step] worth of the insurance funds.
    margin_rate: tuple[int, ...]  # [step] maintenance under a dynamic rule, parts per billion.
    waterfall: WaterfallReport
    bad_debt: int  # What accounts owed and could not pay, whoever paid it.
    deleveraged: int  # Times somebody was closed against a bankrupt position.
    called: int  # Calls.
    liquidated: int  # Accounts, as the next.
    bankrupt: int
    breakers: int  # Changes of what is shut.
    counts: dict[str, int]  # Effects by tag.
    refused: dict[str, int]  # Events by reason.
    state_hash: str


class WorldReport(NamedTuple):
    """A whole run."""

    name: str
    seed: int
    has_impact: bool
    step_s: int
    steps: int
    prices: dict[str, tuple[int, ...]]  # Of books by step, price atoms.
    outside: dict[str, tuple[int, ...]]  # The same if nothing was ever sold there.
    volatility: dict[str, tuple[int, ...]]  # Of books by step, parts per billion.
    depth: dict[str, tuple[int, ...]]  # Of books by step.
    venues: dict[str, VenueReport]
    acts: dict[str, dict[str, int]]  # What people did, by group.
    arbitrage: dict[str, tuple[int, int]]  # Trades, and steps in which a halt cut it off.
    keepers: dict[str, tuple[int, int, dict[str, int]]]  # By venue: taken, peak fee in wei, why not
    attacks: dict[str, str]  # What they cost, dollars.
    checks: int  # How often every engine checked itself.
    state_hash: str

    @property
    def forced(self) -> int:
        """Notional of all forced sales and purchases at all venues."""
        return sum(sum(one.forced) for one in self.venues.values())

    @property
    def bad_debt(self) -> int:
        """What accounts owed and could not pay, at all venues."""
        return sum(one.bad_debt for one in self.venues.values())

    def forced_by_minute(self) -> tuple[int, ...]:
        """Forced notional of all venues in each minute of the run."""
        minutes = [0] * ((self.steps * self.step_s) // MINUTE_S + 1)
        for venue in self.venues.values():
            for step, notional in enumerate(venue.forced):
                minutes[min(step * self.step_s // MINUTE_S, len(minutes) - 1)] += notional
        return tuple(minutes)


class Comparison(NamedTuple):
    """One world twice: as it is, and with the same draws and no impact."""

    live: WorldReport
    still: WorldReport

    def extra_fall(self, book: str) -> int:
        """How much lower the live price stood at most, parts per billion of the still one."""
        pairs = zip(self.live.prices[book], self.still.prices[book], strict=True)
        return max((still - live) * 10**9 // still for live, still in pairs)

    def amplification(self) -> float | None:
        """Forced notional with impact ÷ without; None where none was forced without."""
        return self.live.forced / self.still.forced if self.still.forced else None


def told(report: WorldReport) -> str:
    """The table of a run, a line for each venue."""
    head = f"{'venue':<14}{'called':>8}{'taken':>7}{'broke':>7}{'forced, m':>12}"
    lines = [head + f"{'bad debt':>14}{'fund':>14}{'closed against':>16}"]
    for one in report.venues.values():
        lines.append(
            f"{one.name:<14}{one.called:>8,}{one.liquidated:>7,}{one.bankrupt:>7,}"
            f"{sum(one.forced) / ONE / 1e6:>12,.2f}{one.bad_debt / ONE:>14,.0f}"
            f"{one.fund[-1] / ONE:>14,.0f}{one.deleveraged:>16,}"
        )
    for name, path in report.prices.items():
        low = min(path)
        lines.append(
            f"{name}: {path[0] / ONE:,.2f} → {path[-1] / ONE:,.2f}, low {low / ONE:,.2f}; "
            f"without sales here {report.outside[name][-1] / ONE:,.2f}, "
            f"low {min(report.outside[name]) / ONE:,.2f}"
        )
    lines.append(f"checked {report.checks:,} times; state hash {report.state_hash}")
    return "\n".join(lines)


def total(columns: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Sum of columns of one length, row by row.

    >>> total([(1, 2), (3, 4)])
    (4, 6)
    """
    return tuple(map(sum, zip(*columns, strict=True)))
