"""The report of a run: one offline HTML page, and how a file is written whole or not at all.

`report.html` loads nothing: styles, scripts and numbers are inside it. Files are written beside
their place and renamed into it, so a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import os
import string
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from seawall import __version__
from seawall.simulation import report_page, report_series
from seawall.simulation.recording import Recording


def write_report(path: Path, recording: Recording) -> None:
    """Write the page; raise OSError if the place cannot be written, and leave nothing there."""
    replace_file(path, page(recording).encode())


def page(recording: Recording) -> str:
    """Return the whole page as text."""
    names = report_page.worst_title(recording)
    return string.Template(_static("report.html")).substitute(
        title=report_page.escape(recording.scenario),
        version=report_page.escape(__version__),
        period=report_page.period(recording),
        lede=report_page.lede(recording),
        tiles=report_page.tiles(recording),
        largest=report_page.largest(recording),
        worst_title=names,
        worst_note="Each step with the numbers that decided it, in the order of the journal.",
        worst=report_page.worst(recording),
        proof=report_page.proof(recording),
        payload=report_series.payload(recording).decode(),
        uplot_css=_static("uplot/uPlot.min.css"),
        uplot_js=_static("uplot/uPlot.iife.min.js"),
        report_css=_static("report.css"),
        report_js=_static("report.js"),
    )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replaced(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a temporary place in the same folder; rename it to `path` if nothing was raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(number)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _static(name: str) -> str:
    return resources.files("seawall.simulation").joinpath("static", *name.split("/")).read_text()
