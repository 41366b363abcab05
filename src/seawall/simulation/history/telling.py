"""The tables and sentences of a calibration, for the screen and for the page.

Knows numbers and words. Never calls clustering anything but clustering.
"""

from __future__ import annotations

from datetime import UTC, datetime

from seawall.simulation.history.calibration import Calibration, Fit
from seawall.simulation.history.flow import WINDOWS_MIN
from seawall.simulation.history.impact import MILLION

Table = tuple[list[str], list[list[str]]]


def tables(found: Calibration, open_interest: float | None = None) -> dict[str, Table]:
    """Every table by its heading."""
    return {
        "What a forced sale does": _impact(found),
        "Who stands where": _stands(found),
        "Laws, judged on what they have not seen": _laws(found),
        "The fullest hours": _episodes(found, open_interest),
        "Sizes": _sizes(found),
        "Clustering": _clusters(found),
    }


def sentences(found: Calibration) -> list[str]:
    """What a reader must know before using a number."""
    fit = found.first
    ran = [one.law.name for one in found.judged if one.ran_away]
    told = [
        f"Quotes: the first autocorrelation of returns is {fit.averaging:.2f}; means over a minute "
        "of a random walk show 0.25 (Working 1960), so nothing faster than a minute is seen here.",
        "The ceiling is the price's response in the same minute. A fall closes positions and "
        "closing them makes a fall; the response holds both, and impact is at most that.",
        "What comes back is what the price takes back beyond what it takes back after the same "
        "returns without forced sales. It holds only what fades.",
        f"By the first part's standing the second part forces "
        f"{found.said / MILLION:,.0f} million at its own prices; observed were "
        f"{found.observed / MILLION:,.0f} ({found.said / found.observed - 1.0:+.0%}).",
        found.clusters.autoregressive.warning,
    ]
    if ran:
        told.append(
            f"Refuted: {'; '.join(ran)}. Run on the second part it comes to no rest in a minute "
            "where the market did."
        )
    return told


def _impact(found: Calibration) -> Table:
    both = _fits(found)
    estimates = {
        "ceiling, bp a million": [(f.response.ceiling, f.response.error[1]) for f in both],
        "comes back, bp a million": [(f.rebound.impact, f.rebound.impact_error) for f in both],
        "wildest tenth of minutes: ceiling": [
            (f.response_wild.ceiling, f.response_wild.error[1]) for f in both
        ],
        "wildest tenth: comes back": [
            (f.rebound_wild.impact, f.rebound_wild.impact_error) for f in both
        ],
        "other minutes: comes back": [
            (f.rebound_other.impact, f.rebound_other.impact_error) for f in both
        ],
        "ceiling, bp a root million": [
            (f.response_root.ceiling, f.response_root.error[1]) for f in both
        ],
        "comes back, bp a root million": [
            (f.rebound_root.impact, f.rebound_root.impact_error) for f in both
        ],
    }
    rows = [
        [name, *(f"{mean * 1e4:.1f} ± {wide * 1e4:.1f}" for mean, wide in pairs)]
        for name, pairs in estimates.items()
    ]
    rows += [
        ["half life, minutes", *(f"{fit.rebound.half_life_min:.1f}" for fit in _fits(found))],
        ["spread in volatility, exponent",
         *(f"{fit.withdrawal[0]:.2f} ± {fit.withdrawal[1]:.2f}" for fit in _fits(found))],
        ["power that these minutes would choose",
         *(f"{fit.power[0]:.2f}" for fit in _fits(found))],
        ["typical notional, millions", *(f"{fit.typical / MILLION:.2f}" for fit in _fits(found))],
    ]  # fmt: skip
    return ["estimate ± standard error", "first part", "second part"], rows


def _fits(found: Calibration) -> tuple[Fit, Fit]:
    return found.first, found.second


def _stands(found: Calibration) -> Table:
    names = [f"{one} min" if one < 60 else f"{one // 60} h" for one in WINDOWS_MIN]
    rows = []
    for side in ("longs", "shorts"):
        for part, fit in zip(("first", "second"), _fits(found), strict=True):
            column = getattr(fit.stands, side).cumsum() / MILLION / 100.0
            rows.append([f"{side}, {part} part", *(f"{one:.2f}" for one in column.tolist())])
    return ["millions for 1 % beyond the extreme of", *names], rows


def _laws(found: Calibration) -> Table:
    head = [
        *("law", "R0 at a day's low", "forced, m", "observed, m", "impact off, m"),
        *("amplification", "by the hour", "longs explained", "price error, bp", "at most, bp"),
    ]
    rows = []
    for one in found.judged:
        row = [one.law.name, f"{one.gain:.2f}"]
        if one.ran_away:
            rows.append([*row, "runs away", *[""] * 7])
            continue
        dollars = (one.forced, found.observed, one.without)
        row += [f"{amount / MILLION:,.0f}" for amount in dollars]
        row += [f"{one.amplification:.2f}", f"{one.hourly:.2f}", f"{one.explained:.2f}"]
        row += [f"{one.price_error * 1e4:.1f}", f"{one.price_error_most * 1e4:.0f}"]
        rows.append(row)
    return head, rows


def _episodes(found: Calibration, open_interest: float | None) -> Table:
    head = ["hour from", "fall", "longs closed, m", "said, m", "rerun, m", "close factor"]
    rows = []
    for one in found.episodes:
        when = datetime.fromtimestamp(one.time_ms / 1000.0, UTC)
        row = [
            f"{when:%Y-%m-%d %H:%M}", f"{one.fall:.1%}", f"{one.observed / MILLION:.1f}",
            f"{one.said / MILLION:.1f}", f"{one.rerun / MILLION:.1f}", f"{one.close_factor:.2f}",
        ]  # fmt: skip
        if open_interest:
            row.append(f"{one.observed / open_interest:.2%}")
        rows.append(row)
    return head + (["of open interest"] if open_interest else []), rows


def _sizes(found: Calibration) -> Table:
    sides = (found.longs, found.shorts)
    rows = [
        ["minutes with any", *(f"{one.minutes:,} ({one.share:.1%})" for one in sides)],
        ["millions", *(f"{one.dollars / MILLION:,.1f}" for one in sides)],
        ["lognormal: mean and deviation of the log",
         *(f"{one.log_mean:.2f}, {one.log_deviation:.2f}" for one in sides)],
        ["Hill index, largest twentieth", *(f"{one.tail:.2f}" for one in sides)],
        ["one in a thousand exceeds, millions", *(f"{one.far / MILLION:.2f}" for one in sides)],
        ["the same by the lognormal", *(f"{one.far_lognormal / MILLION:.2f}" for one in sides)],
        ["share of the fullest 1 % of minutes", *(f"{one.top_hundredth:.1%}" for one in sides)],
        ["share of the fullest 0.1 %", *(f"{one.top_thousandth:.1%}" for one in sides)],
    ]  # fmt: skip
    return ["by minute", "longs", "shorts"], rows


def _clusters(found: Calibration) -> Table:
    rows = [
        [f"counts of {one.window} minutes", f"{one.ratio:.3f}"] for one in found.clusters.by_window
    ]
    rows.append(
        ["dollars on their own last 20 minutes", f"{found.clusters.autoregressive.ratio:.3f}"]
    )
    return ["clustering of longs", "ratio"], rows
