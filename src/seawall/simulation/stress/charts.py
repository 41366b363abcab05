"""The pictures of a stress test as SVG: fan, map, waterfall, fund, gain, tornado.

Knows numbers and SVG. Every name that came from outside is escaped; nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Literal

import numpy as np

from seawall.pricing import Floats
from seawall.simulation.stress.losses import Losses
from seawall.simulation.stress.stress import Stress
from seawall.simulation.stress.tornado import Swing

WIDTH, HEIGHT = 1040, 300
LEFT, RIGHT, TOP, BOTTOM = 76, 14, 12, 30
ROUNDS_SHOWN = 24
PRICE_BANDS = 26
_SHARES = (5, 25, 50, 75, 95)


def amount(number: float) -> str:
    """Say an amount in three digits.

    >>> amount(1_234_567.0), amount(-950.0), amount(0.0)
    ('1.23 M', '−950', '0')
    """
    size = abs(number)
    sign = "−" if number < 0 else ""
    for power, letter in ((12, " T"), (9, " B"), (6, " M"), (3, " k"), (0, "")):
        if size >= 10**power:
            return f"{sign}{_digits(size / 10**power)}{letter}"
    return f"{sign}{size:.3g}" if size else "0"


def _digits(size: float) -> str:
    text = f"{size:.2f}" if size < 10 else f"{size:.1f}" if size < 100 else f"{size:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(number: float) -> str:
    """Say a number beside an axis.

    >>> rounded(48_000.0), rounded(20_000_000.0), rounded(0.5)
    ('48,000', '20 M', '0.5')
    """
    return amount(number) if abs(number) >= 1e6 else f"{number:,.6g}"


class Frame:
    """A rectangle with two straight axes."""

    def __init__(
        self, low: float, high: float, columns: float, height: int = HEIGHT, first: float = 0.0
    ) -> None:
        pad = (high - low) * 0.04 or max(abs(high), 1.0) * 0.04
        self.low, self.high = low - pad, high + pad
        self.first, self.columns, self.height = first, columns, height

    def x(self, place: float) -> float:
        wide = self.columns - self.first or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * (place - self.first) / wide

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return TOP + (self.height - TOP - BOTTOM) * (1.0 - share)

    def line(self, places: Sequence[float], values: Floats, name: str) -> str:
        points = " ".join(
            f"{self.x(at):.1f},{self.y(value):.1f}"
            for at, value in zip(places, values.tolist(), strict=True)
        )
        return f'<polyline class="{name}" points="{points}"/>'

    def band(self, places: Sequence[float], low: Floats, high: Floats, name: str) -> str:
        there = list(zip(places, high.tolist(), strict=True))
        back = list(zip(places, low.tolist(), strict=True))[::-1]
        points = " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in there + back)
        return f'<polygon class="{name}" points="{points}"/>'

    def grid(self) -> str:
        """Horizontal lines at round numbers."""
        parts = []
        step = round_step(self.high - self.low)
        value = math.ceil(self.low / step) * step
        while value <= self.high:
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{rounded(value)}</text>'
            )
            value += step
        return "".join(parts)

    def below(self, labels: Sequence[tuple[float, str]]) -> str:
        """Words under the frame."""
        return "".join(
            f'<text x="{min(self.x(at), WIDTH - RIGHT - 20):.1f}" y="{self.height - 8}" '
            f'text-anchor="middle">{escape(said)}</text>'
            for at, said in labels
        )


def round_step(width: float, most: int = 6) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts a width into at most so many.

    >>> round_step(11_000.0), round_step(0.07)
    (2000.0, 0.02)
    """
    power = math.floor(math.log10(width / most))
    for times in (1, 2, 5, 10):
        if width / (times * 10.0**power) <= most:
            break
    return float(f"{times}e{power}")


def svg(body: str, said: str, height: int = HEIGHT) -> str:
    """One picture with its description."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(said)}">{body}</svg>'
    )


def fan(result: Stress) -> str:
    """Price from round to round: quantiles of all runs, with feedback and without."""
    price = result.found.price
    gap = result.named.ticks == 1
    most = int(min(ROUNDS_SHOWN, max(2, np.percentile(result.runs.rounds, 99))))
    last = most + 1 if gap else result.named.ticks
    places = list(range(last + 1))

    def from_today(path: Floats) -> Floats:
        """A gap's path begins after the shock; the others' today."""
        shown = path[:, : most + 1] if gap else path
        return np.concatenate([np.full((len(path), 1), price), shown], axis=1) if gap else shown

    frame_values = []
    bands = {}
    for name, runs in (("quiet", result.quiet), ("fed", result.runs)):
        bands[name] = np.percentile(from_today(runs.path), _SHARES, axis=0)
        frame_values.append(bands[name])
    named = from_today(result.fallen.path)[0]
    every = np.concatenate([*(values.ravel() for values in frame_values), named])
    frame = Frame(float(every.min()), float(every.max()), last)
    body = frame.grid()
    for name in ("quiet", "fed"):
        low, lower, middle, upper, high = bands[name]
        body += frame.band(places, low, high, f"{name} wide")
        body += frame.band(places, lower, upper, f"{name} narrow")
        body += frame.line(places, middle, f"{name} middle")
    body += frame.line(places, named, "named")
    every_so_often = max(1, last // 8)
    labels = [(0.0, "today")]
    if gap:
        labels += [(1.0, "shock")]
        labels += [(float(at), f"round {at - 1}") for at in places[3::every_so_often]]
    else:
        labels += [(float(at), f"tick {at}") for at in places[every_so_often::every_so_often]]
    body += frame.below(labels)
    return svg(body, "Price over the fall, with and without feedback")


def liquidation_map(result: Stress) -> str:
    """Notional that is forced in the named fall, by time and the price at which it began."""
    trades, price = result.traced.trades, result.found.price
    sold = trades.notional > 0.0
    if not sold.any():
        return '<p class="none">Nothing is taken from anybody.</p>'
    tick = "round" if result.named.ticks == 1 else "tick"
    when, notional = trades.time[sold] - 1, trades.notional[sold]
    shown = int(min(ROUNDS_SHOWN, when.max() + 1)) if tick == "round" else result.named.ticks
    when = np.minimum(when, shown - 1)
    at = result.found.closes[trades.account[sold]]
    driver = result.fallen.path[0][np.minimum(trades.time[sold], result.fallen.path.shape[1] - 1)]
    at = np.where(np.isfinite(at), at, driver)  # Reached through another coin alone.
    end = float(result.fallen.worst[0])
    low, high = min(float(at.min()), end, price), max(float(at.max()), end, price)
    band = np.clip(((at - low) / (high - low or 1.0) * PRICE_BANDS).astype(int), 0, PRICE_BANDS - 1)
    heat = np.zeros((PRICE_BANDS, shown))
    np.add.at(heat, (band, when), notional)
    frame = Frame(low, high, shown)
    tall, wide = (HEIGHT - TOP - BOTTOM) / PRICE_BANDS, (WIDTH - LEFT - RIGHT) / shown
    frame.low, frame.high = low, high
    cells, most = "", float(heat.max()) or 1.0
    for row, column in zip(*np.nonzero(heat), strict=True):
        share = math.sqrt(float(heat[row, column]) / most)
        y = HEIGHT - BOTTOM - (int(row) + 1) * tall
        floor = low + (high - low) * int(row) / PRICE_BANDS
        cells += (
            f'<rect class="heat" x="{frame.x(int(column)):.1f}" y="{y:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" fill-opacity="{0.08 + 0.92 * share:.3f}"><title>{tick} '
            f"{int(column) + 1}, from {floor:,.6g}: {amount(float(heat[row, column]))}"
            "</title></rect>"
        )
    labels = [(c + 0.5, f"{tick} {c + 1}") for c in range(0, shown, max(1, shown // 10))]
    return svg(frame.grid() + cells + frame.below(labels), "Forced notional by price and time")


def waterfall(told: Losses) -> str:
    """What closed accounts lost, by cause, and then who bears it."""
    steps = [
        ("the price", told.price, "cause"),
        ("their own sale", told.book, "cause"),
        ("fees", told.fees, "cause"),
        ("the accounts", -told.accounts, "pays"),
        ("the fund", -told.fund, "pays"),
        ("deleveraged", -told.deleveraged, "last"),
        ("shared", -told.shared, "last"),
        ("uncovered", -told.uncovered, "last"),
    ]
    level, bars = 0.0, []
    for name, step, kind in steps:
        bars.append((name, level, level + step, kind))
        level += step
    ends = [end for _, first, last, _ in bars for end in (first, last)]
    frame = Frame(min(ends), max(ends), len(bars))
    wide = (WIDTH - LEFT - RIGHT) / len(bars)
    body = frame.grid()
    for place, (name, first, last, kind) in enumerate(bars):
        top, foot = frame.y(max(first, last)), frame.y(min(first, last))
        x = frame.x(place) + 0.16 * wide
        body += (
            f'<rect class="{kind}" x="{x:.1f}" y="{top:.1f}" width="{0.68 * wide:.1f}" '
            f'height="{max(foot - top, 1.0):.1f}"><title>{name}: {last - first:,.2f}</title></rect>'
            f'<text class="said" x="{frame.x(place + 0.5):.1f}" y="{max(top - 5, 11):.1f}" '
            f'text-anchor="middle">{amount(abs(last - first))}</text>'
        )
    body += frame.below([(place + 0.5, bar[0]) for place, bar in enumerate(bars)])
    return svg(body, "Losses by cause and by bearer")


def fund(result: Stress) -> str:
    """How much of the fund is left, by the share of runs that leave less."""
    left, quiet = np.sort(result.left(result.runs)), np.sort(result.left(result.quiet))
    at = np.linspace(0, left.size - 1, min(left.size, 200)).astype(int)
    places = (at / max(left.size - 1, 1) * 100).tolist()
    frame = Frame(0.0, max(float(left[-1]), float(quiet[-1]), result.fund, 1.0), 100.0)
    body = frame.grid() + frame.line(places, quiet[at], "quiet middle")
    body += frame.line(places, left[at], "fed middle")
    body += frame.below([(share, f"{share:.0f} %") for share in (10.0, 25.0, 50.0, 75.0, 90.0)])
    return svg(body, "Fund left, by share of runs")


def gain(result: Stress) -> str:
    """R0 over the fall: how many units the next bit of fall forces per unit it sells."""
    steps, price = result.ladder, result.found.price
    if not steps.closing.key.size:
        return '<p class="none">Nobody would be closed.</p>'
    at = steps.sign * (1.0 - steps.price / price) * 100.0  # Per cent of fall, or of rise.
    far = float(abs(result.fallen.worst[0] / price - 1.0) * 100.0) * 1.5 + 5.0
    inside = np.flatnonzero((at <= far) & np.isfinite(result.gain))
    if not inside.size:
        return '<p class="none">Nobody would be closed on the way.</p>'
    edges = np.linspace(0.0, far, 241)
    found = np.zeros(240)
    band = np.minimum((np.maximum(at[inside], 0.0) / far * 240).astype(int), 239)
    np.maximum.at(found, band, result.gain[inside])
    frame = Frame(0.0, max(1.1, float(found.max())), far)
    body = frame.grid() + frame.line(edges[:-1].tolist(), found, "fed middle")
    body += frame.line([0.0, far], np.array([1.0, 1.0]), "one")
    step = round_step(far, 10)
    labels = [(step * k, f"{step * k:g} %") for k in range(1, int(far / step) + 1)]
    end = abs(float(result.fallen.final[0]) / price - 1.0) * 100.0
    shock = abs(result.asked.shock) * 100.0
    body += "".join(
        f'<line class="mark" x1="{frame.x(x):.1f}" x2="{frame.x(x):.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"/><text x="{frame.x(x) + 4:.1f}" y="{TOP + 12 + 14 * row}">'
        f"{said}</text>"
        for row, (x, said) in enumerate(((shock, "shock"), (end, "end")))
    )
    return svg(body + frame.below(labels), "Local gain R0 over the fall")


def gain_over_time(result: Stress) -> str:
    """R0 at each tick of the named fall: the largest between its price and the one before."""
    steps, path = result.ladder, result.fallen.path[0]
    if result.named.ticks == 1:
        path = path[: max(2, min(ROUNDS_SHOWN, int(result.fallen.rounds[0])) + 1)]
    if not steps.closing.key.size:
        return '<p class="none">Nobody would be closed.</p>'
    at = steps.sign * steps.price
    found = np.zeros(path.size)
    for tick in range(path.size):
        before = path[tick - 1] if tick else result.found.price
        ends = sorted((steps.sign * before, steps.sign * float(path[tick])))
        inside = (at >= ends[0]) & (at <= ends[1]) & np.isfinite(result.gain)
        found[tick] = float(result.gain[inside].max(initial=0.0))
    frame = Frame(0.0, max(1.1, float(found.max())), float(path.size - 1))
    places = [float(tick) for tick in range(path.size)]
    body = frame.grid() + frame.line(places, found, "fed middle")
    body += frame.line([0.0, places[-1]], np.array([1.0, 1.0]), "one")
    every = max(1, path.size // 8)
    said = "round" if result.named.ticks == 1 else "tick"
    body += frame.below([(at, f"{said} {at:.0f}") for at in places[every::every]])
    return svg(body, "Local gain R0 over time")


def tornado(found: Sequence[Swing], measure: Literal["final", "bad_debt"], base: float) -> str:
    """A result at both ends of each parameter's range, the one that moves it most first."""
    found = sorted(found, key=lambda swing: -abs(np.subtract(*getattr(swing, measure))))
    tall = 30
    height = TOP + BOTTOM + tall * len(found)
    ends = [end for swing in found for end in getattr(swing, measure)]
    low, high = min([base, *ends]), max([base, *ends])
    pad = (high - low) * 0.08 or 1.0
    left = 190

    def x(value: float) -> float:
        share = (value - low + pad) / (high - low + 2 * pad)
        return float(left + (WIDTH - left - 90) * share)

    body = ""
    for row, swing in enumerate(found):
        y = TOP + row * tall
        first, last = sorted(
            (
                (x(end), said)
                for end, said in zip(getattr(swing, measure), (swing.low, swing.high), strict=True)
            ),
        )
        body += (
            f'<text x="{left - 60}" y="{y + 18}" text-anchor="end">{escape(swing.parameter)}</text>'
            f'<rect class="last" x="{first[0]:.1f}" y="{y + 4}" '
            f'width="{max(last[0] - first[0], 1.0):.1f}" height="{tall - 10}"><title>'
            f"{escape(swing.parameter)}: {' to '.join(map(rounded, getattr(swing, measure)))}"
            "</title></rect>"
            f'<text x="{first[0] - 5:.1f}" y="{y + 18}" text-anchor="end">{escape(first[1])}</text>'
            f'<text x="{last[0] + 5:.1f}" y="{y + 18}">{escape(last[1])}</text>'
        )
    body += (
        f'<line class="mark" x1="{x(base):.1f}" x2="{x(base):.1f}" y1="{TOP}" '
        f'y2="{height - BOTTOM}"/><text x="{x(base):.1f}" y="{height - 10}" '
        f'text-anchor="middle">{rounded(base)}</text>'
    )
    return svg(body, f"{measure} by parameter", height)
