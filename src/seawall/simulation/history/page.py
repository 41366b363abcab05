"""Pages of this room: tables and pictures in one file that fetches nothing.

Knows finished numbers. Draws with the frame of the stress test's pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from seawall.simulation.history.calibration import Calibration, by_hour
from seawall.simulation.history.impact import HORIZONS, MILLION, Rebound
from seawall.simulation.history.telling import Table, sentences, tables
from seawall.simulation.stress.charts import Frame, svg
from seawall.simulation.stress.page import STYLE

Section = tuple[str, str, str, Table | None]  # Heading, words, picture, table.


def sheet(title: str, lede: str, sections: Sequence[Section], notes: Sequence[str]) -> str:
    """A page of sections; headings, words and cells are escaped, pictures are not."""
    body = "".join(
        f"<section><h2>{escape(head)}</h2><p>{escape(words)}</p>{picture}"
        f"{'' if table is None else _table(*table)}</section>"
        for head, words, picture, table in sections
    )
    told = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="lede">{escape(lede)}</p>{body}{told}'
        "</main></body></html>\n"
    )


def calibration_page(found: Calibration, title: str, open_interest: float | None = None) -> str:
    """The page of a calibration."""
    words = {
        "What a forced sale does": "Basis points that a net forced sale takes from the price, and "
        "what of them comes back: grey the first part, red the second, with two standard errors.",
        "Who stands where": "Longs below, shorts above, by the age of the extreme that is passed: "
        "a fall below the low of a day passes all the others too.",
        "Laws, judged on what they have not seen": "Fitted on the first part, run on the second. "
        "Forced dollars by the hour: grey observed, red the root through the measured point.",
        "The fullest hours": "Of the second part. Said: by the first part's standing at the "
        "observed prices. The close factor is what was closed of what was said.",
        "Sizes": "Minutes are what the tape has; single closes are not seen.",
        "Clustering": found.clusters.autoregressive.warning,
    }
    pictures = {
        "What a forced sale does": _rebounds(found),
        "Laws, judged on what they have not seen": _hours(found),
    }
    told = tables(found, open_interest)
    sections = [(head, words[head], pictures.get(head, ""), told[head]) for head in told]
    lede = (
        f"{found.first.minutes:,} minutes fitted, {found.second.minutes:,} later ones judged: "
        f"{found.observed / MILLION:,.0f} million dollars closed by force, "
        f"{found.said / MILLION:,.0f} said beforehand."
    )
    return sheet(title, lede, sections, sentences(found))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _rebounds(found: Calibration) -> str:
    both: tuple[tuple[Rebound, str], ...] = (
        (found.first.rebound, "quiet"),
        (found.second.rebound, "fed"),
    )
    low = min(float((one.back - 2.0 * one.error).min()) for one, _ in both) * 1e4
    high = max(float((one.back + 2.0 * one.error).max()) for one, _ in both) * 1e4
    frame = Frame(low, high, float(HORIZONS[-1]))
    places = [float(one) for one in HORIZONS]
    body = frame.grid()
    for one, name in both:
        back, wide = one.back * 1e4, 2e4 * one.error
        body += frame.band(places, back - wide, back + wide, f"{name} wide")
        body += frame.line(places, back, f"{name} middle")
    labels = [(place, f"{place:.0f} min") for place in places if place >= 10.0]
    return svg(body + frame.below(labels), "What comes back after a forced sale")


def _hours(found: Calibration) -> str:
    observed = by_hour(found.later.sold + found.later.bought) / MILLION
    said = by_hour(found.middle.sold + found.middle.bought) / MILLION
    frame = Frame(0.0, float(max(observed.max(), said.max(), 1.0)), float(observed.size))
    places = (np.arange(observed.size) + 0.5).tolist()
    body = frame.grid() + frame.line(places, observed, "quiet middle")
    body += frame.line(places, said, "fed middle")
    days = [(float(hour), f"day {hour // 24 + 1}") for hour in range(0, observed.size, 48)]
    return svg(body + frame.below(days), "Forced dollars by the hour")
