"""`seawall calibrate` and `seawall facts`: a tape becomes a depth file, a world meets a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    DONE,
    cannot_write,
    print_json,
    print_line,
    print_table,
    progress,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.simulation.history import Calibration, Facts, Fit


def run_calibrate(
    tape: Path, coin: str, share: float, open_interest: float | None, out: Path, as_json: bool
) -> int:
    """Fit, judge, print, and write page, depth file and book."""
    from seawall.simulation.history import (
        HistoryError,
        book_toml,
        calibrate,
        calibration_page,
        depth_toml,
        read_tape,
        sentences,
        tables,
    )
    from seawall.simulation.report_file import replace_file

    if not coin.isalnum():
        raise wrong_input(f"--coin: {coin!r} is not the name of a coin")
    if open_interest is not None and not open_interest > 0.0:
        raise wrong_input(f"--open-interest: {open_interest:g} is not above 0")
    try:
        found = calibrate(read_tape(tape), share)
    except HistoryError as error:
        raise wrong_input(f"--{error}" if str(error).startswith("share:") else error) from None
    texts = {
        "calibration.html": calibration_page(found, f"{coin}, from {tape.name}", open_interest),
        "depth.toml": depth_toml(found, coin, tape.name),
        "book.toml": book_toml(found, coin, tape.name),
    }
    try:
        for name, text in texts.items():
            replace_file(out / name, text.encode())
    except OSError as error:
        raise cannot_write(error, out) from None
    if as_json:
        print_json(_calibration_json(found, coin, [str(out / name) for name in texts]))
        return DONE
    for title, (columns, rows) in tables(found, open_interest).items():
        print_table(columns, rows, title, numbers=range(1, len(columns)))
        print_line("")
    for sentence in sentences(found):
        print_line(sentence)
    print_line(f"written: {', '.join(str(out / name) for name in texts)}")
    return DONE


def run_facts(table: Path, seeds: int | None, out: Path, as_json: bool) -> int:
    """Run every seed, hold each fact against them, print the table and write the page."""
    from seawall.simulation.history import (
        HistoryError,
        fact_sentences,
        fact_table,
        facts_page,
        feedback_table,
        hold,
        law_table,
        read_facts,
    )
    from seawall.simulation.report_file import replace_file

    if seeds is not None and seeds < 1:
        raise wrong_input(f"--seeds: {seeds} is below 1")
    try:
        read, world, halted = read_facts(table)
    except HistoryError as error:
        raise wrong_input(error) from None
    with progress("running", "seeds", as_json) as tell:
        found = hold(read, world, halted, seeds, tell)
    place = out / "facts.html"
    try:
        replace_file(place, facts_page(found).encode())
    except OSError as error:
        raise cannot_write(error, out) from None
    if as_json:
        print_json(_facts_json(found, str(place)))
        return DONE
    for title, (columns, rows) in (
        (read.name, fact_table(found)),
        ("Feedback, and clusters", feedback_table(found)),
        ("Under other laws of impact", law_table(found)),
    ):
        print_table(columns, rows, title, numbers=range(1, min(4, len(columns))))
        print_line("")
    for sentence in fact_sentences(found):
        print_line(sentence)
    print_line(f"written: {place}")
    return DONE


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _facts_json(found: Facts, place: str) -> dict[str, Any]:
    rows = [
        {
            "fact": one.fact.words,
            "measure": one.fact.measure,
            "observed": one.fact.observed,
            "source": one.fact.source,
            "values": [_known(value) for value in one.values.tolist()],
            "median": _known(one.median),
            "verdict": one.verdict,
        }
        for one in found.rows
    ]
    return {
        "name": found.table.name,
        "seeds": list(found.seeds),
        "facts": rows,
        "amplification": found.amplification.tolist(),
        "clusters": found.clusters.tolist(),
        "clusters_impact_off": found.clusters_still.tolist(),
        "under_laws": {
            name: {"amplification": one.amplification.tolist(), "fall": one.fall.tolist()}
            for name, one in found.laws.items()
        },
        "state_hashes": list(found.hashes),
        "page": place,
    }


def _calibration_json(found: Calibration, coin: str, written: list[str]) -> dict[str, Any]:
    return {
        "coin": coin,
        "first": _fit_json(found.first),
        "second": _fit_json(found.second),
        "observed": found.observed,
        "said": found.said,
        "laws": [
            one._asdict() | {"law": one.law.name, "amplification": one.amplification}
            for one in found.judged
        ],
        "episodes": [
            one._asdict() | {"close_factor": one.close_factor} for one in found.episodes
        ],
        "longs": found.longs._asdict(),
        "shorts": found.shorts._asdict(),
        "clustering": {
            "by_window": {one.window: one.ratio for one in found.clusters.by_window},
            "autoregressive": found.clusters.autoregressive.ratio,
            "warning": found.clusters.autoregressive.warning,
        },
        "written": written,
    }  # fmt: skip


def _fit_json(fit: Fit) -> dict[str, Any]:
    return {
        "minutes": fit.minutes,
        "ceiling": fit.response.ceiling,
        "ceiling_error": float(fit.response.error[1]),
        "impact": fit.rebound.impact,
        "impact_error": fit.rebound.impact_error,
        "half_life_min": fit.rebound.half_life_min,
        "typical_notional": fit.typical,
        "spread_exponent": fit.withdrawal[0],
        "averaging": fit.averaging,
        "stands_longs": fit.stands.longs.tolist(),
        "stands_shorts": fit.stands.shorts.tolist(),
    }
