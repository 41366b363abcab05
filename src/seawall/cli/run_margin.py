"""`seawall margin`: what one account must hold at one moment, and the terms that add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    DONE,
    grouped,
    print_json,
    print_line,
    print_table,
)
from seawall.money import RATIO_ONE, format_atoms, format_ratio

if TYPE_CHECKING:
    from seawall.margin import ExactRequirement, Term
    from seawall.portfolio import Account, MarginReport


ALL = "all"
CELLS_MAX = 60  # More would bury the verdict; --json has them all.
_STATES = {
    "below maintenance": "below maintenance: it would be called or liquidated",
    "below initial": "above maintenance, below initial: it may reduce but not take on risk",
    "healthy": "healthy: above initial margin",
}


def run(
    file: Path,
    rules: Path | None,
    market: Path | None,
    methods: Sequence[str] | None,
    as_json: bool,
) -> int:
    """Read the three files, judge the account in integers and explain the verdict."""
    from seawall.cli.portfolio import account_of, methods_of
    from seawall.portfolio import compare

    chosen = list(methods or ())
    account = account_of(file, rules, market, chosen[0] if chosen and ALL not in chosen else None)
    reports = compare(account, methods_of(account, chosen, file))
    if as_json:
        whole = _account_json(account) | {"methods": [report_json(account, r) for r in reports]}
        first = whole.pop("methods") if len(reports) == 1 else None
        print_json(whole if first is None else whole | first[0])
    elif len(reports) > 1:
        _print_beside(account, reports)
    else:
        _print_one(account, reports[0])
    return DONE


def _account_json(account: Account) -> dict[str, Any]:
    rulebook = account.venue.rulebook
    return {
        "name": account.name,
        "rulebook": f"{rulebook.name} {rulebook.version}",
        "fingerprint": rulebook.fingerprint,
        "time_ms": account.venue.snapshot.time_ms,
        "numeraire": account.venue.catalogue.numeraire.id,
    }


def report_json(account: Account, report: MarginReport) -> dict[str, Any]:
    """One method's report, money as text and Greeks as numbers."""
    decimals = account.venue.catalogue.numeraire.decimals
    worst = report.worst()
    return {
        "method": report.method,
        "verdict": _STATES[report.state],
        "binding": report.told.binding,
        **requirement_json(report.requirement, decimals),
        "headroom_initial": format_atoms(report.headroom[0], decimals),
        "terms": terms_json(report.told.terms, report.quantities, decimals),
        "refused": list(report.refused),
        "greeks": [
            {
                "coin": e.coin,
                "expires": day(e.expires_ms),
                "delta_coins": e.delta,
                "gamma_coins_per_cent": e.gamma,
                "vega_per_point": e.vega,
                "theta_per_day": e.theta,
            }
            for e in report.exposures
        ],
        "cells": [
            {
                "move": format_ratio(cell.move),
                "volatility": format_ratio(cell.volatility),
                "weight": format_ratio(cell.weight),
                "profit": {
                    coin: format_atoms(profit, decimals)
                    for coin, profit in zip(report.coins, cell.profit, strict=True)
                },
                "total": format_atoms(cell.total, decimals),
                "worst": place == worst,
            }
            for place, cell in enumerate(report.cells)
        ],
    }


def _print_one(account: Account, report: MarginReport) -> None:
    numeraire, rulebook = account.venue.catalogue.numeraire, account.venue.rulebook
    print_line(f"{report.name}: {_STATES[report.state]}\n")
    print_requirement(report.requirement, numeraire.decimals, numeraire.id)
    print_terms(report.told.terms, report.quantities, numeraire.decimals, numeraire.id)
    print_line(f"binding: {report.told.binding}")
    _print_refused(report)
    if report.exposures:
        _print_exposures(account, report)
    if report.cells:
        _print_cells(account, report)
    print_line(
        f"method {report.method}, rulebook {rulebook.name} {rulebook.version}, "
        f"fingerprint {rulebook.fingerprint}"
    )


def _print_refused(report: MarginReport) -> None:
    if report.refused:
        print_line(f"not marginable under {report.method}: {', '.join(report.refused)}")


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
        said = [percent(cell.move), percent(cell.volatility), format_ratio(cell.weight)]
        rows.append((*said, *money, f"worst for {', '.join(marks)}" if marks else ""))
    columns = ("move", "volatility", "weight", *report.coins, f"all, {numeraire.id}", "")
    print_table(columns, rows, numbers=range(len(columns) - 1))
    if len(report.cells) > CELLS_MAX:
        print_line(f"{len(report.cells) - CELLS_MAX} more cells: --json has them")


def _print_beside(account: Account, reports: Sequence[MarginReport]) -> None:
    """What the book costs under each method, in columns."""
    numeraire = account.venue.catalogue.numeraire
    told = [requirement_json(r.requirement, numeraire.decimals) for r in reports]
    rows = [
        (said, *(grouped(one[key]) for one in told))
        for said, key in (
            ("equity", "equity"),
            ("margin equity, after haircuts", "margin_equity"),
            ("initial margin", "initial"),
            ("maintenance margin", "maintenance"),
            ("headroom to maintenance", "headroom"),
        )
    ]
    initial = [grouped(format_atoms(r.headroom[0], numeraire.decimals)) for r in reports]
    rows.append(("headroom to initial", *initial))
    rows.append(("margin equity ÷ maintenance", *(one["ratio"] or "none" for one in told)))
    rows.append(("state", *(r.state for r in reports)))
    columns = (numeraire.id, *(r.method for r in reports))
    print_table(columns, rows, reports[0].name, numbers=range(1, len(columns)))
    for report in reports:
        print_line(f"{report.method}, binding: {report.told.binding}")
        _print_refused(report)


def day(time_ms: int) -> str | None:
    """A moment as an ISO date and hour; None where there is none.

    >>> day(1_722_816_000_000)
    '2024-08-05T00:00Z'
    """
    from datetime import UTC, datetime

    if not time_ms:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def percent(parts: int) -> str:
    """Write 0.5 as +50 %.

    >>> percent(-10**8)
    '-10 %'
    """
    return f"{'+' if parts > 0 else ''}{format_ratio(100 * parts)} %"


def ratio(need: ExactRequirement) -> str | None:
    """Margin equity ÷ maintenance, cut to parts per billion; None where nothing is required."""
    if need.maintenance <= 0:
        return None
    return format_ratio(need.margin_equity * RATIO_ONE // need.maintenance)


def requirement_json(need: ExactRequirement, decimals: int) -> dict[str, Any]:
    """The verdict with money as text."""
    amounts = {key: format_atoms(value, decimals) for key, value in need._asdict().items()}
    headroom = format_atoms(need.margin_equity - need.maintenance, decimals)
    return {**amounts, "headroom": headroom, "ratio": ratio(need)}


def terms_json(
    terms: Sequence[Term], quantities: dict[str, str], decimals: int
) -> list[dict[str, str]]:
    """Each term of the explanation, with money as text."""
    return [
        {
            "label": term.label,
            "quantity": quantities.get(term.label, str(term.quantity)),
            "equity": format_atoms(term.equity, decimals),
            "margin_equity": format_atoms(term.margin_equity, decimals),
            "maintenance": format_atoms(term.maintenance, decimals),
        }
        for term in terms
    ]


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
