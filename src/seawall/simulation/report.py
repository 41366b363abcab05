"""The report of a run: one HTML page that loads nothing and works offline, from a file.

The words come from `report_page`, the numbers of the charts from `report_series`, and the page's
own style and script from `static/`, beside the one library that draws the axes (uPlot, MIT).
"""

from __future__ import annotations

import string
from html import escape
from importlib import resources
from pathlib import Path

from seawall import __version__
from seawall.simulation import report_page, report_series
from seawall.simulation.recording import Recording
from seawall.simulation.report_events import EffectRow, effect_row, write_events
from seawall.simulation.report_file import replace_file

__all__ = ["EffectRow", "effect_row", "page", "write_events", "write_report"]


def write_report(path: Path, recording: Recording) -> None:
    """Write the page; raise OSError if the place cannot be written, and leave nothing there."""
    replace_file(path, page(recording).encode())


def page(recording: Recording) -> str:
    """Return the whole page as text."""
    return string.Template(_static("report.html")).substitute(
        title=escape(recording.scenario),
        version=escape(__version__),
        period=report_page.period(recording),
        lede=report_page.lede(recording),
        tiles=report_page.tiles(recording),
        largest=report_page.largest(recording),
        worst_title=report_page.worst_title(recording),
        worst_note="Each step with the numbers that decided it, in the order of the journal.",
        worst=report_page.worst(recording),
        proof=report_page.proof(recording),
        payload=report_series.payload(recording).decode(),
        uplot_css=_static("uplot/uPlot.min.css"),
        uplot_js=_static("uplot/uPlot.iife.min.js"),
        report_css=_static("report.css"),
        report_js=_static("report.js"),
    )


def _static(name: str) -> str:
    return resources.files("seawall.simulation").joinpath("static", *name.split("/")).read_text()
