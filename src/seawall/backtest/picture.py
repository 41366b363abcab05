"""The picture of a backtest: for each method its margin over the losses of the same days.

Knows a finished backtest and writes one page of HTML that needs nothing else: the charts are SVG,
the words are escaped, and every number of the charts' story stands in the table as well.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np

from seawall.backtest.filtered import Array, Ints
from seawall.backtest.run import Backtest, Judgement, day

WIDTH, HEIGHT = 1080, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 22
COLUMNS = 520

STYLE = """
:root{--page:#fbfaf7;--card:#fff;--ink:#16202b;--soft:#5a6672;--line:#e3e1da;--margin:#0b5c7a;
--loss:#b9c2c9;--beyond:#c8441b;--good:#12795f;--warn:#8a6410;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--page:#0e141a;--card:#151d25;--ink:#e6ebef;--soft:#a3afba;
--line:#26313c;--margin:#7cc4dd;--loss:#42505c;--beyond:#f5825a;--good:#52c7a3;--warn:#dcb45a;
--bad:#ff8a80}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 48px}
h1{font:600 28px/1.2 Georgia,serif;margin:0 0 4px}h2{font-size:16px;margin:0}
p{color:var(--soft);margin:0 0 20px}figure{background:var(--card);border:1px solid var(--line);
border-radius:10px;margin:0 0 14px;padding:14px 16px}figcaption{display:flex;flex-wrap:wrap;
gap:4px 14px;align-items:baseline;color:var(--soft);font-size:13px}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}.grid{stroke:var(--line)}
.loss{fill:var(--loss)}.margin{fill:none;stroke:var(--margin);stroke-width:1.6}
.beyond{fill:var(--beyond)}.green{color:var(--good)}.yellow{color:var(--warn)}.red{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%}
th,td{padding:6px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td{font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500}
"""


def page(
    result: Backtest, title: str, columns: list[str], rows: list[list[str]], notes: list[str]
) -> str:
    """Return the page: a table that the caller worded, then one chart for each method."""
    top = max(float(np.max(result.loss)), *(float(np.max(j.margin)) for j in result.judgements))
    charts = "\n".join(_figure(result, judged, top * 1.04) for judged in result.judgements)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1><p>{escape(_lede(result))}</p>{charts}"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div><br>{told}</main></body></html>\n"
    )


def _lede(result: Backtest) -> str:
    setting = result.setting
    bars = "one bar" if setting.horizon == 1 else f"{setting.horizon} bars"
    return (
        f"{day(int(result.time_ms[0]))} to {day(int(result.time_ms[-1]))}: {result.loss.size:,} "
        f"judged losses of a {setting.side} position over {bars}. The line is the "
        "margin, the grey the losses, both as a share of the notional; a dot is a loss beyond the "
        "margin. All charts share one scale."
    )


def _figure(result: Backtest, judged: Judgement, top: float) -> str:
    name = escape(judged.method)
    return (
        f"<figure><figcaption><h2>{name}</h2><span>average {judged.average_margin:.1%}</span>"
        f"<span>{judged.beyond_margin:,} losses beyond the margin, the worst by "
        f"{judged.largest_shortfall:.1%}</span><span>peak to trough "
        f"{judged.peak_to_trough:.1f}</span>"
        f'<span class="{judged.zone}">● {judged.zone} zone</span></figcaption>'
        f"{chart(result.time_ms, result.loss, judged.margin, top, judged.method)}</figure>"
    )


def chart(time_ms: Ints, loss: Array, margin: Array, top: float, name: str) -> str:
    """Draw one method as SVG, thinned to columns that keep each column's worst loss."""
    count = loss.size
    starts = np.unique(np.linspace(0, count, min(COLUMNS, count), endpoint=False).astype(np.int64))
    worst, held = np.maximum.reduceat(loss, starts), np.minimum.reduceat(margin, starts)
    inner = WIDTH - LEFT - RIGHT

    def x_of(place: float) -> float:
        return LEFT + inner * place / count

    def y_of(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)

    wide = inner / starts.size
    bars = "".join(
        f"M{x_of(start):.1f} {y_of(0):.1f}v{y_of(value) - y_of(0):.1f}h{wide:.1f}V{y_of(0):.1f}z"
        for start, value in zip(starts.tolist(), worst.tolist(), strict=True)
        if value > 0
    )
    line = " ".join(
        f"{x_of(start) + wide / 2:.1f},{y_of(value):.1f}"
        for start, value in zip(starts.tolist(), held.tolist(), strict=True)
    )
    dots = "".join(
        f'<circle class="beyond" cx="{x_of(place):.1f}" cy="{y_of(float(loss[place])):.1f}" r="3">'
        f"<title>{day(int(time_ms[place]))}: loss {loss[place]:.2%}, margin {margin[place]:.2%}"
        "</title></circle>"
        for place in _largest(loss - margin, 400)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Margin of {escape(name)} and '
        f'losses over time">{_axes(time_ms, top, x_of, y_of)}<path class="loss" d="{bars}"/>'
        f'<polyline class="margin" points="{line}"/>{dots}</svg>'
    )


def _largest(over: Array, most: int) -> list[int]:
    """Return the places of the largest excesses, at most so many."""
    places = np.flatnonzero(over > 0)
    kept = places[np.argsort(over[places])[-most:]]
    return [int(place) for place in np.sort(kept)]


def _axes(
    time_ms: Ints, top: float, x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> str:
    parts = []
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if top / s <= 5), 1.0)
    for number in range(int(top / step) + 1):
        y = y_of(number * step)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number * step:.0%}</text>'
        )
    labels = [day(int(moment))[:4] for moment in time_ms]
    changes = [i for i in range(1, len(labels)) if labels[i] != labels[i - 1]]
    parts += [
        f'<text x="{x_of(place):.1f}" y="{HEIGHT - 5}">{labels[place]}</text>' for place in changes
    ]
    if not changes:
        parts.append(f'<text x="{LEFT}" y="{HEIGHT - 5}">{day(int(time_ms[0]))}</text>')
    return "".join(parts)
