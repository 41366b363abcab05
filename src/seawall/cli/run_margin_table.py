"""`seawall margin` of a table: what each of many accounts must hold, in one sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    cannot_write,
    print_json,
    print_line,
    print_table,
    wrong_input,
)

if TYPE_CHECKING:
    import polars as pl

TABLES = frozenset({".csv", ".parquet"})
WORST = 10  # Accounts that are shown; --output has them all.
AMOUNTS = ("equity", "margin_equity", "initial", "maintenance")


def run(
    file: Path,
    rules: Path | None,
    market: Path | None,
    methods: Sequence[str] | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Judge every account under one method, count the states and show who lacks most."""
    from seawall.cli.portfolio import method_of, venue_of
    from seawall.portfolio import PortfolioError, margin_frame

    if len(methods or ()) > 1 or "all" in (methods or ()):
        raise Failure(WRONG_INPUT, f"{file}: a table is judged under one --method")
    if output is not None and output.suffix not in TABLES:
        raise Failure(WRONG_INPUT, f"{output}: a table is written as .csv or .parquet")
    venue = venue_of(file, rules, market)
    method = method_of(venue.rulebook, next(iter(methods or ()), None), file)
    try:
        judged = margin_frame(file, venue, method)
    except PortfolioError as error:
        raise wrong_input(error, file) from None
    if output is not None:
        _write(judged, output)
    _print(judged, method, venue.catalogue.numeraire.id, as_json)
    return DONE


def _write(judged: pl.DataFrame, output: Path) -> None:
    try:
        if output.suffix == ".csv":
            judged.write_csv(output)
        else:
            judged.write_parquet(output)
    except OSError as error:
        said = OSError(error.errno, error.strerror or str(error).split(" (os error")[0])
        raise cannot_write(said, output) from None


def _print(judged: pl.DataFrame, method: str, unit: str, as_json: bool) -> None:
    import polars as pl

    states = judged.group_by("state").agg(
        accounts=pl.len(), **{name: pl.col(name).sum() for name in AMOUNTS}
    )
    states = states.sort("accounts", "state", descending=True)
    lacking = judged.with_columns(headroom=pl.col("margin_equity") - pl.col("maintenance"))
    worst = lacking.filter(pl.col("state") == "below maintenance").sort("headroom").head(WORST)
    if as_json:
        told = {"method": method, "accounts": judged.height, "unit": unit}
        rows = {"states": _texts(states), "lacking_most": _texts(worst.drop("state"))}
        print_json(told | rows)
        return
    print_table(
        ("state", "accounts", *(name.replace("_", " ") for name in AMOUNTS)),
        [(r["state"], f"{r['accounts']:,}", *_cents(r, AMOUNTS)) for r in states.to_dicts()],
        f"{judged.height:,} accounts under {method}, {unit}",
        numbers=range(1, 6),
    )
    if worst.height:
        print_table(
            ("lacking most", *(name.replace("_", " ") for name in AMOUNTS), "headroom"),
            [(r["account"], *_cents(r, (*AMOUNTS, "headroom"))) for r in worst.to_dicts()],
            numbers=range(1, 6),
        )
    print_line(
        "Amounts are the screen's float64; states within its error bound are exact verdicts."
    )


def _cents(row: dict[str, float], names: Sequence[str]) -> list[str]:
    return [f"{row[name]:,.2f}" for name in names]


def _texts(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Rows with amounts as text: the shortest that names the float."""
    return [
        {key: repr(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in frame.to_dicts()
    ]
