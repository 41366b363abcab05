"""`seawall margin`: what one account must hold at one moment, and the terms that add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.margin_json import (
    STATES,
    TILTS,
    account_json,
    day,
    percent,
    preset_json,
    ratio,
    report_json,
    requirement_json,
    terms_json,
)
from seawall.cli.output import (
    DONE,
    grouped,
    print_json,
    print_line,
    print_table,
)
from seawall.money import Rounding, divide, format_atoms, format_ratio

if TYPE_CHECKING:
    from seawall.margin import ExactRequirement, Term
    from seawall.portfolio import Account, MarginReport


ALL = "all"
CELLS_MAX = 60  # More would bury the verdict; --json has them all.
_DOUBTS = (("stale", "is_stale"), ("unsure", "is_unsure"))


def run(
    file: Path,
    rules: Path | None,
    market: Path | None,
    methods: Sequence[str] | None,
    stale_after_s: int | None,
    as_json: bool,
) -> int:
    """Read the three files, judge the account in integers and explain the verdict."""
    from seawall.cli.portfolio import account_of, methods_of, widened
    from seawall.portfolio import compare

    chosen = list(methods or ())
    first = chosen[0] if chosen and ALL not in chosen else None
    account = account_of(file, rules, market, first, stale_after_s, whichever=ALL in chosen)
    asked = methods_of(account, chosen, file)
    account, left = widened(account, asked, file, leave_out=ALL in chosen)
    reports = compare(account, [name for name in asked if name not in left])
    if as_json:
        told = [report_json(account, r) for r in reports]
        many = {"methods": told, "not_judged": left}
        print_json(account_json(account) | (told[0] if len(told) == 1 else many))
    elif len(reports) > 1:
        _print_beside(account, reports)
        for reason in left.values():
            print_line(reason)
    else:
        _print_one(account, reports[0])
    return DONE


def _print_one(account: Account, report: MarginReport) -> None:
    numeraire, rulebook = account.venue.catalogue.numeraire, account.venue.rulebook
    print_line(f"{report.name}: {STATES[report.state]}\n")
    print_requirement(report.requirement, numeraire.decimals, numeraire.id)
    print_terms(report.told.terms, report.quantities, numeraire.decimals, numeraire.id)
    print_line(f"binding: {report.told.binding}")
    _print_refused(report)
    _print_doubts(account, report)
    _print_counted(account, report)
    if report.exposures:
        _print_exposures(account, report)
    if report.cells:
        _print_cells(account, report)
    print_line(
        f"method {report.method}, rulebook {rulebook.name} {rulebook.version}, "
        f"fingerprint {account.fingerprint}"
    )
    _print_preset(account, report.method)


def _print_preset(account: Account, name: str) -> None:
    told = preset_json(account, name)
    if told:
        as_of = told["as_of"] if told["as_of"] == "undated" else f"as of {told['as_of']}"
        print_line(f"preset {name}, {as_of}: {told['source']}. {told['notes']}")


def _print_refused(report: MarginReport) -> None:
    if report.refused:
        print_line(f"not marginable under {report.method}: {', '.join(report.refused)}")


def _print_doubts(account: Account, report: MarginReport) -> None:
    """Positions on old or unsure prices, which are counted, and what an import left out."""
    rows = []
    for doubt in report.doubts:
        age = "unknown" if doubt.age_ms is None else f"{doubt.age_ms / 1_000:,.1f} s"
        why = " and ".join(word for word, is_so in _DOUBTS if getattr(doubt, is_so))
        name = account.venue.catalogue.names[doubt.asset]
        rows.append((name, doubt.of, age, format_ratio(doubt.confidence), why))
    if rows:
        columns = ("counted all the same", "rests on", "age", "confidence", "")
        print_table(columns, rows, numbers=(2, 3))
    for entry in report.left_out:
        print_line(f"left out by the import, not counted: {entry}")


def _print_counted(account: Account, report: MarginReport) -> None:
    numeraire = account.venue.catalogue.numeraire
    rows = [
        (
            account.venue.catalogue.names[one.asset],
            grouped(format_atoms(one.value, numeraire.decimals)),
            grouped(format_atoms(one.counted, numeraire.decimals)),
            ", ".join(rule for rule, taken in one.steps if taken),
        )
        for one in report.counted
    ]
    if rows:
        columns = ("collateral", f"value, {numeraire.id}", "counts for", "less by")
        print_table(columns, rows, numbers=(1, 2))


def _print_exposures(account: Account, report: MarginReport) -> None:
    unit = account.venue.catalogue.numeraire.id
    columns = (
        *("underlying", "expiry", "delta, coins", "gamma, coins per 1 %"),
        *(f"vega, {unit} per point", f"theta, {unit} a day"),
    )
    rows = [
        (e.coin, day(e.expires_ms) or "none", f"{e.delta:,.6f}", f"{e.gamma:,.6f}",
         f"{e.vega:,.2f}", f"{e.theta:,.2f}")
        for e in report.exposures
    ]  # fmt: skip
    print_table(columns, rows, numbers=(2, 3, 4, 5))


def _print_cells(account: Account, report: MarginReport) -> None:
    numeraire = account.venue.catalogue.numeraire
    rows = []
    for place, cell in enumerate(report.cells[:CELLS_MAX]):
        money = [grouped(format_atoms(p, numeraire.decimals)) for p in (*cell.profit, cell.total)]
        marks = [name for coin, name in enumerate(report.coins) if report.worst(coin) == place]
        marks += ["all"] if report.worst() == place else []
        moved = _said(report.coins, cell.moves, cell.move)
        shock = _said(report.coins, cell.volatilities, cell.volatility)
        shock += f", {TILTS[cell.tilt]} tilt" if cell.tilt else ""
        rows.append(
            (
                moved,
                shock,
                format_ratio(cell.weight),
                *money,
                f"worst for {', '.join(marks)}" if marks else "",
            )
        )
    columns = ("move", "volatility", "weight", *report.coins, f"all, {numeraire.id}", "")
    print_table(columns, rows, numbers=range(len(columns) - 1))
    if len(report.cells) > CELLS_MAX:
        print_line(f"{len(report.cells) - CELLS_MAX} more cells: --json has them")


def _said(coins: Sequence[str], parts: Sequence[int], all_coins: int) -> str:
    """One move where the coins share it, else each coin's own."""
    if not parts or len(set(parts)) == 1:
        return percent(parts[0] if parts else all_coins)
    return ", ".join(f"{coin} {percent(part)}" for coin, part in zip(coins, parts, strict=True))


def _print_beside(account: Account, reports: Sequence[MarginReport]) -> None:
    """What the book costs under each method, one line each, in cents: owed up, owned down."""
    numeraire = account.venue.catalogue.numeraire
    rows = []
    for report in reports:
        need = report.requirement
        above_initial, above_maintenance = report.headroom
        cents = (
            _cents(account, need.margin_equity, Rounding.DOWN),
            _cents(account, need.initial, Rounding.UP),
            _cents(account, need.maintenance, Rounding.UP),
            _cents(account, above_maintenance, Rounding.DOWN),
            _cents(account, above_initial, Rounding.DOWN),
        )
        rows.append(
            (
                report.method,
                (preset_json(account, report.method) or {}).get("as_of", ""),
                *cents,
                _cut(ratio(need)),
                report.state,
                str(len(report.refused) or ""),
            )
        )
    equity = _cents(account, reports[0].requirement.equity, Rounding.DOWN)
    columns = (
        *("method", "preset as of", "margin equity", "initial", "maintenance"),
        *("above maintenance", "above initial", "ratio", "state", "not marginable"),
    )
    title = f"{reports[0].name}: equity {equity} {numeraire.id}"
    print_table(columns, rows, title, numbers=(*range(2, 8), 9))
    for report in reports:
        print_line(f"{report.method}, binding: {report.told.binding}")
        _print_refused(report)
    if any(report.refused for report in reports):
        print_line("What is not marginable is charged in full: that venue would not carry it.")
    if account.presets:
        print_line("A preset's source and what it leaves out: --method with its name alone.")
    _print_doubts(account, reports[0])


def _cents(account: Account, atoms: int, side: Rounding) -> str:
    decimals = account.venue.catalogue.numeraire.decimals
    whole, _, part = format_atoms(divide(atoms, 10 ** (decimals - 2), side), 2).partition(".")
    return grouped(f"{whole}.{part:0<2}")


def _cut(exact: str | None) -> str:
    """Two digits are enough beside others: the exact ratio stands in the report of one method."""
    if exact is None:
        return "none"
    whole, _, rest = exact.partition(".")
    return f"{whole}.{rest[:2]:0<2}"


def print_requirement(need: ExactRequirement, decimals: int, unit: str) -> None:
    """Print the verdict, every digit."""
    told = requirement_json(need, decimals)
    rows = [
        (label, grouped(told[key]))
        for label, key in (
            ("equity", "equity"),
            ("margin equity, after haircuts", "margin_equity"),
            ("initial margin", "initial"),
            ("maintenance margin", "maintenance"),
            ("headroom to maintenance", "headroom"),
        )
    ]
    above = format_atoms(need.margin_equity - need.initial, decimals)
    rows.append(("headroom to initial", grouped(above)))
    rows.append(("margin equity ÷ maintenance", told["ratio"] or "nothing is required"))
    print_table(("", unit), rows, numbers=(1,))


def print_terms(
    terms: Sequence[Term], quantities: dict[str, str], decimals: int, unit: str
) -> None:
    """Print each term; the columns add up to the verdict."""
    rows = [
        [grouped(row[key]) if key != "label" else row[key] for key in row]
        for row in terms_json(terms, quantities, decimals)
    ]
    columns = ("term", "quantity", f"equity, {unit}", "margin equity", "maintenance")
    print_table(columns, rows, numbers=(1, 2, 3, 4))
