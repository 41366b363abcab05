"""The trap of a crash: a ratio fitted to its clusters says near critical, with feedback or without.

A crash is made in which people are closed by a common fall. The same book is read by the monitor
under a law of impact, which may be none; beside it stands the ratio that an estimator finds in the
counts. Knows counts, ladders and laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seawall.pricing import Floats
from seawall.systemic import LAWS, Ladder, Reading, ladder, read
from seawall.systemic.hawkes import Clustering, clustering

Table = tuple[list[str], list[list[str]]]


class Crash(NamedTuple):
    """A fall that everybody sees, and who was closed in each second of it."""

    prices: Floats  # [second]
    counts: Floats  # [second] accounts closed.
    steps: Ladder
    shock: float  # The market's own fall, relative.
    width: float  # Relative, in which the density of accounts is taken.


class Trap(NamedTuple):
    """Both numbers of one crash."""

    reading: Reading  # By the monitor: what feeds itself.
    clusters: tuple[Clustering, ...]  # By an estimator of counts, in windows of seconds.
    closed: float  # Share of accounts.


def shared_shock(
    seed: int,
    *,
    accounts: int = 40_000,
    gain: float = 0.0,
    span: float = 0.25,
    fall: float = 0.2,
    calm_s: int = 1_440,
    fall_s: int = 720,
) -> Crash:
    """Longs with liquidation distances even over `span`, and a fall in log price amid quiet.

    Each account that is closed moves the log price by gain · span ÷ accounts, so a unit of fall
    closes accounts ÷ span and brings `gain` units more: R0 = gain. The quiet has a little noise.
    """
    dice = np.random.default_rng(seed)
    distance = np.sort(dice.random(accounts) * span)
    moves = dice.normal(0.0, 2e-5, 2 * calm_s + fall_s)
    moves[calm_s : calm_s + fall_s] *= 50.0
    moves[calm_s : calm_s + fall_s] -= fall / fall_s
    own = np.cumsum(moves)
    impact, closed = gain * span / accounts, 0
    counts, path = np.zeros(own.size), np.zeros(own.size)
    for second, level in enumerate(own.tolist()):
        before = closed
        while True:
            reached = int(np.searchsorted(distance, -(level - impact * closed), side="right"))
            if reached <= closed:
                break
            closed = reached
        counts[second], path[second] = closed - before, level - impact * closed
    steps = ladder(100.0 * np.exp(-distance), np.ones(accounts))
    return Crash(100.0 * np.exp(path), counts, steps, float(np.expm1(own.min())), span / 50.0)


def sprung(crash: Crash, law: LAWS, windows_s: tuple[int, ...] = (1, 6, 30, 60)) -> Trap:
    """The monitor's reading and the estimator's ratios of one crash."""
    return Trap(
        read(crash.steps, law, 100.0, crash.shock, width=crash.width),
        tuple(clustering(crash.counts, window) for window in windows_s),
        float(crash.counts.sum()) / crash.steps.closing.units.size,
    )


def trap_table(traps: Mapping[str, Trap]) -> Table:
    """Both numbers side by side."""
    head = ["crash", "amplification", "largest R0", "accounts closed", "ratio of clusters"]
    rows = []
    for name, one in traps.items():
        ratios = ", ".join(f"{found.ratio:.2f}" for found in one.clusters)
        fallen = one.reading.cascade
        rows.append([
            name, f"{fallen.amplification:.2f}", f"{one.reading.largest_gain:.2f}",
            f"{one.closed:.0%}", ratios,
        ])  # fmt: skip
    return head, rows


def trap_sentences(name: str, one: Trap) -> list[str]:
    """What a report says of a crash: the monitor's verdict, then the ratio with its warning."""
    fallen, most = one.reading.cascade, max(found.ratio for found in one.clusters)
    if fallen.amplification <= 1.0 and one.reading.largest_gain == 0.0:
        verdict = "no feedback: R0 0.00, amplification 1.00"
    else:
        verdict = (
            f"R0 up to {one.reading.largest_gain:.2f}, amplification {fallen.amplification:.2f}"
        )
    warning = one.clusters[0].warning
    return [f"{name}: {verdict}.", f"A fit to its clusters says up to {most:.2f}. {warning}"]
