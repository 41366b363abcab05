"""What the report's charts draw: a recording as columns that JSON keeps exactly.

Money becomes decimal text, because a 63-bit amount does not fit in a JavaScript number; the page
draws with floats and shows the text. Liquidations are summed in bars, so that the page's size
follows the length of the run and not the number of accounts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seawall.money import format_atoms, format_ratio
from seawall.simulation.recording import LiquidationPoint, Recording

MINUTE_MS = 60_000
BAR_STEPS_MS = (
    *(1_000, 5_000, 15_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS),
    *(60 * MINUTE_MS, 240 * MINUTE_MS, 1_440 * MINUTE_MS, 10_080 * MINUTE_MS),
)
BARS_WANTED = 300  # More than this many bars of a page-wide chart cannot be told apart.


def payload(recording: Recording) -> bytes:
    """Return the JSON that the page embeds; safe inside a script element."""
    text = msgspec.json.encode(series(recording), order="deterministic")
    for raw, escaped in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):
        text = text.replace(raw, escaped)
    return text.replace("\u2028".encode(), b"\\u2028").replace("\u2029".encode(), b"\\u2029")


def series(recording: Recording) -> dict[str, Any]:
    """Return every series of the page; money as decimal text, times in milliseconds."""
    check(recording)
    width = bar_width_ms(recording.time_ms)
    return {
        "numeraire": recording.numeraire,
        "time_ms": recording.time_ms,
        "prices": {coin: texts(values, recording) for coin, values in recording.prices.items()},
        "fund": texts(recording.fund, recording),
        "bar_ms": width,
        "bar_text": duration(width),
        "bars": _bars(recording, width),
        "bubbles": _bubbles(recording, width),
        "heat": {
            "time_ms": recording.ratio_time_ms,
            "edges": [format_ratio(edge) for edge in recording.ratio_edges],
            "counts": recording.ratio_counts,
        },
    }


def check(recording: Recording) -> None:
    """Refuse series whose lengths do not belong together; the message names the field."""
    ticks = len(recording.time_ms)
    lengths = {f"prices.{coin}": len(values) for coin, values in recording.prices.items()}
    for name, values in (("fund", recording.fund), ("calls", recording.calls)):
        if values:
            lengths[name] = len(values)
    for name, length in lengths.items():
        if length != ticks:
            raise ValueError(f"recording.{name}: {length} values for {ticks} ticks")
    samples, buckets = len(recording.ratio_time_ms), len(recording.ratio_edges)
    if len(recording.ratio_counts) != samples:
        raise ValueError(
            f"recording.ratio_counts: {len(recording.ratio_counts)} rows for {samples} samples"
        )
    for row in recording.ratio_counts:
        if len(row) != buckets:
            raise ValueError(f"recording.ratio_counts: {len(row)} values for {buckets} buckets")


def bar_width_ms(time_ms: list[int]) -> int:
    """Return the narrowest usual bar that cuts the run into few enough pieces.

    >>> bar_width_ms(list(range(0, 259_200_000, 300_000)))
    900000
    """
    if not time_ms:
        return BAR_STEPS_MS[0]
    ticks = len(time_ms)
    length = time_ms[-1] - time_ms[0]
    pace = length // (ticks - 1) if ticks > 1 else 0
    wanted = max(pace, length // BARS_WANTED)
    return next((step for step in BAR_STEPS_MS if step >= wanted), BAR_STEPS_MS[-1])


def duration(width_ms: int) -> str:
    """Say a bar's width in words.

    >>> duration(900_000), duration(60_000)
    ('15 minutes', '1 minute')
    """
    for size, word in ((1_440 * MINUTE_MS, "day"), (60 * MINUTE_MS, "hour"), (MINUTE_MS, "minute")):
        if width_ms % size == 0:
            count = width_ms // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{width_ms // 1_000} second{'' if width_ms == 1_000 else 's'}"


def texts(values: list[int], recording: Recording) -> list[str]:
    """Write each amount as decimal text."""
    return [format_atoms(value, recording.decimals) for value in values]


def coin_of(point: LiquidationPoint) -> str:
    """Return the coin whose price a liquidation is drawn on."""
    return point.coin or point.instrument.partition("/")[0]


def _bars(recording: Recording, width: int) -> dict[str, list[Any]]:
    """Sum notional, fills and calls in each bar from the first tick to the last."""
    times = recording.time_ms
    first = times[0] // width if times else 0
    count = times[-1] // width - first + 1 if times else 0
    notional = {"long": [0] * count, "short": [0] * count}
    fills, calls = [0] * count, [0] * count
    for point in recording.liquidations:
        place = min(max(point.time_ms // width - first, 0), count - 1)
        notional[point.side][place] += point.notional
        fills[place] += 1
    for time_ms, opened in zip(times, recording.calls, strict=False):
        calls[time_ms // width - first] += opened
    columns: dict[str, list[Any]] = {
        "time_ms": [(first + place) * width for place in range(count)],
        "fills": fills,
        "calls": calls,
    }
    for side, amounts in notional.items():
        total, totals = 0, []
        for amount in amounts:
            total += amount
            totals.append(total)
        columns[side] = texts(amounts, recording)
        columns[f"total_{side}"] = texts(totals, recording)
    return columns


def _bubbles(recording: Recording, width: int) -> dict[str, list[dict[str, Any]]]:
    """Sum each coin's liquidations by bar and side; drawn at the tick of the largest one."""
    groups: dict[tuple[str, int, str], list[LiquidationPoint]] = {}
    for point in recording.liquidations:
        groups.setdefault((coin_of(point), point.time_ms // width, point.side), []).append(point)
    place = _tick_places(recording)
    marks: dict[str, list[dict[str, Any]]] = {coin: [] for coin in recording.prices}
    for (coin, _, side), points in sorted(groups.items()):
        if coin not in marks:
            continue
        largest = max(points, key=lambda point: point.notional)
        notional = sum(point.notional for point in points)
        mark = {
            "tick": place(largest.time_ms),
            "side": side,
            "notional": format_atoms(notional, recording.decimals),
            "fills": len(points),
            "largest": largest.account,
        }
        marks[coin].append(mark)
    for drawn in marks.values():
        drawn.sort(key=lambda mark: -float(mark["notional"]))  # Small ones stay visible on top.
    return marks


def _tick_places(recording: Recording) -> Any:
    """Return a function from a time to the last tick at or before it."""
    from bisect import bisect_right

    times = recording.time_ms
    return lambda time_ms: max(0, bisect_right(times, time_ms) - 1)
