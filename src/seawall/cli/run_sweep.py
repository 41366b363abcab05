"""`seawall sweep`: many parameter sets, many runs of each, here or on a cluster."""

from __future__ import annotations

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
    from seawall.simulation.sweep import Swept

ROWS_SHOWN = 40


def run(
    spec: Path, out: Path, workers: int, scheduler: str | None, overwrite: bool, as_json: bool
) -> int:
    """Read the spec, run what is not there yet, print the table and write page and table."""
    from seawall.simulation.report_file import replace_file
    from seawall.simulation.sweep import SweepError, read, sweep, write_table
    from seawall.simulation.sweep.picture import page

    if workers < 0:
        raise wrong_input(f"--workers: {workers} is below 0")
    try:
        wanted = read(spec)
        with progress("sweeping", "runs", quiet=as_json) as show:
            swept = sweep(
                wanted, out, workers=workers, scheduler=scheduler, overwrite=overwrite, show=show
            )
        write_table(swept, out / "sweep.parquet")
        replace_file(out / "sweep.html", page(swept).encode())
    except SweepError as error:
        raise wrong_input(error, None if str(error).startswith("--") else spec) from None
    except OSError as error:
        raise cannot_write(error, out) from None
    if as_json:
        print_json(_json(swept, out))
    else:
        _print(swept, out)
    return DONE


def _print(swept: Swept, out: Path) -> None:
    from seawall.simulation.sweep.telling import (
        LAWS_SAID,
        cells,
        columns,
        law_cells,
        law_columns,
        reasons,
    )

    spec = swept.spec
    found = f", {swept.runs_found:,} of them found" if swept.runs_found else ""
    print_line(f"{spec.name}: {len(swept.rows):,} points, {len(swept.results):,} runs{found}\n")
    chosen = swept.recommendation.chosen
    shown = sorted(swept.rows, key=lambda row: (row.cost(spec.objective), row.expected_shortfall))
    if len(shown) > ROWS_SHOWN:
        keep = {*swept.front, *swept.utilisation_front, *([chosen.place] if chosen else [])}
        shown = [row for row in shown if row.place in keep][:ROWS_SHOWN]
    names = columns(spec)
    print_table(names, [cells(row) for row in shown], numbers=tuple(range(1, len(names))))
    if len(shown) < len(swept.rows):
        print_line(f"{len(swept.rows) - len(shown):,} points that others beat are in the files.")
    print_line("")
    for line in reasons(swept.recommendation, spec):
        print_line(line)
    print_line("")
    for one in swept.effects:
        margin, _, forced, tail = one.explained
        print_line(
            f"{one.parameter} explains {margin:.0%} of the average margin, {forced:.0%} of the "
            f"forced notional, {tail:.0%} of the expected shortfall"
        )
    if swept.laws:
        best = swept.recommendation
        lines = law_cells(best.chosen or best.nearest, swept.laws, spec.objective)
        print_line("")
        print_table(law_columns(spec), lines, numbers=range(1, 6))
        print_line(LAWS_SAID)
    print_line(f"picture: {out / 'sweep.html'}")


def _json(swept: Swept, out: Path) -> dict[str, Any]:
    import msgspec

    from seawall.simulation.sweep.telling import reasons

    found = swept.recommendation
    return {
        "name": swept.spec.name,
        "spec": swept.spec.fingerprint(),
        "runs": len(swept.results),
        "runs_found": swept.runs_found,
        "points": [msgspec.to_builtins(row._asdict()) for row in swept.rows],
        "front": swept.front,
        "utilisation_front": swept.utilisation_front,
        "recommended": None if found.chosen is None else found.chosen.place,
        "ties": [row.place for row in found.ties],
        "next_best": None if found.next_best is None else found.next_best.place,
        "is_sure": found.is_sure,
        "reasons": reasons(found, swept.spec),
        "effects": [msgspec.to_builtins(one._asdict()) for one in swept.effects],
        "under_laws": {
            name: msgspec.to_builtins(row._asdict()) for name, row in swept.laws.items()
        },
        "picture": str(out / "sweep.html"),
        "table": str(out / "sweep.parquet"),
        "runs_file": str(swept.runs_file),
    }
