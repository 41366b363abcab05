"""The page of a sweep: what safety costs, what moves it, and which set is recommended.

One page of HTML that needs nothing else: charts are SVG, words are escaped, and each number of the
charts stands in the table as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from seawall.simulation.sweep.effects import MEASURES, Effect
from seawall.simulation.sweep.judged import Row
from seawall.simulation.sweep.run import Swept
from seawall.simulation.sweep.telling import (
    LAWS_SAID,
    LOSS,
    cells,
    columns,
    dollars,
    law_cells,
    law_columns,
    reasons,
    values,
)

WIDTH, HEIGHT = 1080, 360
LEFT, RIGHT, TOP, BOTTOM = 74, 16, 26, 40

STYLE = """
:root{--page:#fbfaf7;--card:#fff;--ink:#16202b;--soft:#5a6672;--line:#e3e1da;--front:#0b5c7a;
--dot:#b9c2c9;--best:#c8441b;--good:#12795f;--limit:#8a6410}
@media (prefers-color-scheme:dark){:root{--page:#0e141a;--card:#151d25;--ink:#e6ebef;--soft:#a3afba;
--line:#26313c;--front:#7cc4dd;--dot:#5b6b78;--best:#f5825a;--good:#52c7a3;--limit:#dcb45a}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 48px}
h1{font:600 28px/1.2 Georgia,serif;margin:0 0 4px}h2{font-size:16px;margin:0}
p{color:var(--soft);margin:0 0 12px}.why{background:var(--card);border:1px solid var(--line);
border-left:4px solid var(--best);border-radius:10px;padding:14px 16px;margin:0 0 14px}
.why p{color:var(--ink);margin:0 0 6px;overflow-wrap:anywhere}figure{background:var(--card);
border:1px solid var(--line);border-radius:10px;margin:0 0 14px;padding:14px 16px}
figcaption{color:var(--soft);font-size:13px}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}.grid{stroke:var(--line)}
.dot{fill:var(--dot)}.on{fill:var(--front)}.best{fill:none;stroke:var(--best);stroke-width:2.5}
.front{fill:none;stroke:var(--front);stroke-width:1.6}.limit{stroke:var(--limit);
stroke-dasharray:5 4}.error{stroke:var(--dot)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%;margin:0 0 18px}
th,td{padding:6px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td{font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500}tr.chosen td{color:var(--best);font-weight:600}
tr.on td:first-child::after{content:" ◆";color:var(--front)}
"""


class Axis(NamedTuple):
    """One direction of a picture."""

    name: str
    low: float
    high: float
    step: float

    def share(self, number: float) -> float:
        """Where a number lies between the ends."""
        return (number - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers from end to end."""
        count = round((self.high - self.low) / self.step)
        return [self.low + place * self.step for place in range(count + 1)]


def page(swept: Swept) -> str:
    """Return the page."""
    spec, chosen = swept.spec, swept.recommendation.chosen
    why = "".join(f"<p>{escape(line)}</p>" for line in reasons(swept.recommendation, spec))
    pictures = "".join(
        _figure(swept, measure, name, front)
        for measure, name, front in (
            ("average_margin", "Average margin", swept.front),
            ("collateral_utilisation", "Collateral utilisation", swept.utilisation_front),
        )
    )
    on = set(swept.front) | set(swept.utilisation_front)
    best = -1 if chosen is None else chosen.place
    body = "".join(
        f'<tr class="{_class(row.place, best, on)}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row))
        + "</tr>\n"
        for row in swept.rows
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(spec.name)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(spec.name)}</h1><p>{escape(_lede(swept))}</p>"
        f'<div class="why">{why}</div>{pictures}<h2>What moves what</h2>'
        f"<p>{escape(EFFECTS_SAID)}</p>{''.join(map(_effect, swept.effects))}"
        f"{_laws(swept)}"
        f'<h2>Every point</h2><div class="scroll"><table>{_head(columns(spec))}'
        f"<tbody>{body}</tbody></table></div></main></body></html>\n"
    )


def _laws(swept: Swept) -> str:
    """How much of it is the law's doing."""
    if not swept.laws:
        return ""
    best = swept.recommendation
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>\n"
        for line in law_cells(best.chosen or best.nearest, swept.laws, swept.spec.objective)
    )
    return (
        f"<h2>Under other laws of impact</h2><p>{escape(LAWS_SAID)}</p>"
        f'<div class="scroll"><table>{_head(law_columns(swept.spec))}<tbody>{body}</tbody></table>'
        "</div>"
    )


EFFECTS_SAID = (
    "Means over all points with this value, and in the last line the share of the variance between "
    "points that the parameter explains alone; what is left is interaction and luck."
)


def _lede(swept: Swept) -> str:
    spec = swept.spec
    kind = "grid" if spec.design == "grid" else "Latin hypercube"
    luck = "the same luck at each point" if spec.draws == "shared" else "its own luck at each point"
    return (
        f"{len(swept.rows):,} points of a {kind}, {spec.runs:,} runs each with {luck}, model "
        f"“{spec.model}”, seed {spec.seed}, spec {spec.fingerprint()[:16]}. ◆ nobody is both "
        "cheaper and safer."
    )


def _class(place: int, best: int, on: set[int]) -> str:
    return " ".join(["chosen"] * (place == best) + ["on"] * (place in on))


def _head(names: Sequence[str]) -> str:
    cells_ = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    return f"<thead><tr>{cells_}</tr></thead>"


def _figure(swept: Swept, measure: str, name: str, front: list[int]) -> str:
    objective, found = swept.spec.objective, swept.rows
    numbers = [float(getattr(row, measure)) for row in found]
    tails = [row.expected_shortfall for row in found]
    limit = float(objective.limit)
    across = axis(name, min(numbers), max(numbers))
    up = axis(f"ES of {LOSS[objective.loss]}", 0.0, max(*tails, limit))

    def x_of(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * across.share(number)

    def y_of(number: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - up.share(min(number, up.high)))

    dots = "".join(_dot(row, numbers[row.place], x_of, y_of, row.place in front) for row in found)
    path = " ".join(
        f"{x_of(numbers[place]):.1f},{y_of(tails[place]):.1f}"
        for place in sorted(front, key=lambda one: (numbers[one], -tails[one]))
    )
    chosen = swept.recommendation.chosen
    ring = (
        f'<circle class="best" cx="{x_of(numbers[chosen.place]):.1f}" '
        f'cy="{y_of(chosen.expected_shortfall):.1f}" r="9"><title>recommended</title></circle>'
        if chosen is not None
        else ""
    )
    line = (
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(limit):.1f}" '
        f'y2="{y_of(limit):.1f}"/><text x="{WIDTH - RIGHT}" y="{y_of(limit) - 5:.1f}" '
        f'text-anchor="end">limit {escape(dollars(limit))}</text>'
    )
    return (
        f"<figure><figcaption><h2>{escape(name)} against tail loss</h2>Each dot is a point, "
        "whiskers one standard error; the line joins those that no other beats in both; the "
        "ring is the recommended one.</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)} against '
        f'expected shortfall">{_axes(across, up, x_of, y_of)}{line}'
        f'<polyline class="front" points="{path}"/>{dots}{ring}</svg></figure>'
    )


def _dot(
    row: Row,
    number: float,
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
    is_on: bool,
) -> str:
    x, y = x_of(number), y_of(row.expected_shortfall)
    low = y_of(max(0.0, row.expected_shortfall - row.shortfall_error))
    high = y_of(row.expected_shortfall + row.shortfall_error)
    kind, size = ("on", 5) if is_on else ("dot", 4)
    return (
        f'<path class="error" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}">'
        f"<title>point {row.place}: {escape(values(row))}; {number:.2%}, expected shortfall "
        f"{escape(dollars(row.expected_shortfall))}</title></circle>"
    )


def axis(name: str, low: float, high: float) -> Axis:
    """Ends and steps of 1, 2 or 5 times a power of ten that hold two numbers.

    >>> axis("x", 0.013, 0.048)
    Axis(name='x', low=0.01, high=0.05, step=0.01)
    """
    wide = high - low or abs(high) or 1.0
    power = math.floor(math.log10(wide / 4))
    steps = (factor * 10.0**power for factor in (1, 2, 5, 10))
    step = float(f"{next(one for one in steps if wide / one <= 6):.0e}")
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    first, last = (first, last) if last > first else (first - 1, last + 1)
    return Axis(name, round(first * step, 12), round(last * step, 12), step)


def _axes(
    across: Axis, up: Axis, x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> str:
    low, parts = HEIGHT - BOTTOM, []
    for number in up.ticks():
        y = y_of(number)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{dollars(number)}</text>'
        )
    for number in across.ticks():
        x = x_of(number)
        digits = 0 if across.step >= 0.01 else 1 if across.step >= 0.001 else 2
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{low}"/>'
            f'<text x="{x:.1f}" y="{low + 16}" text-anchor="middle">{number:.{digits}%}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(across.name)}</text>'
        f'<text x="{LEFT}" y="{TOP - 10}">{escape(up.name)}</text>'
    )
    return "".join(parts)


def _effect(one: Effect) -> str:
    rows = "".join(
        f"<tr><td>{escape(level.name)}</td><td>{level.points}</td>"
        + "".join(f"<td>{_measure(place, mean)}</td>" for place, mean in enumerate(level.means))
        + "</tr>"
        for level in one.levels
    )
    shares = "".join(f"<td>{share:.0%}</td>" for share in one.explained)
    names = [one.parameter, "points", *(name.replace("_", " ") for name in MEASURES)]
    return (
        f'<div class="scroll"><table>{_head(names)}<tbody>{rows}'
        f"<tr><td>explains</td><td></td>{shares}</tr></tbody></table></div>"
    )


def _measure(place: int, number: float) -> str:
    return f"{number:.2%}" if place < 2 else escape(dollars(number))
