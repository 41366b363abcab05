"""`seawall margin`: what one account must hold at one moment, and the terms that add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
)
from seawall.money import RATIO_ONE, format_atoms, format_ratio

if TYPE_CHECKING:
    from seawall.engine.rulebook import Rulebook
    from seawall.margin import ExactRequirement, Term


def run(
    file: Path, rules: Path | None, market: Path | None, method: str | None, as_json: bool
) -> int:
    """Read the three files, judge the account in integers and explain the verdict."""
    from seawall.cli.portfolio import Market, Portfolio, read, rows_of, venue_at
    from seawall.cli.run_rules import read as read_rules

    portfolio = read(file, Portfolio)
    rules = _place(file, rules, portfolio.rules, "rules")
    market = _place(file, market, portfolio.market, "market")
    rulebook = read_rules(rules)
    name = _method(rulebook, method or portfolio.method, file)
    venue = venue_at(rulebook, read(market, Market), market)
    rows = rows_of(venue, portfolio, file)
    number = rulebook.method_names.index(name)
    assets = venue.catalogue.assets
    names = [asset.id for asset in assets]
    told = venue.methods[number].explain(rows, venue.tables.exact(number), names)
    quantities = {assets[a].id: format_atoms(q, assets[a].decimals) for a, q in rows}
    decimals, unit = venue.catalogue.numeraire.decimals, venue.catalogue.numeraire.id
    verdict = _verdict(told.requirement)
    if as_json:
        print_json(
            {
                "name": portfolio.name,
                "method": name,
                "rulebook": f"{rulebook.name} {rulebook.version}",
                "fingerprint": rulebook.fingerprint,
                "time_ms": venue.time_ms,
                "numeraire": unit,
                "verdict": verdict,
                "binding": told.binding,
                **requirement_json(told.requirement, decimals),
                "terms": terms_json(told.terms, quantities, decimals),
            }
        )
        return DONE
    print_line(f"{portfolio.name}: {verdict}\n")
    print_requirement(told.requirement, decimals, unit)
    print_terms(told.terms, quantities, decimals, unit)
    print_line(f"binding: {told.binding}")
    print_line(
        f"method {name}, rulebook {rulebook.name} {rulebook.version}, "
        f"fingerprint {rulebook.fingerprint}"
    )
    return DONE


def _place(file: Path, given: Path | None, named: str | None, key: str) -> Path:
    if given is not None:
        return given
    if named is None:
        raise Failure(WRONG_INPUT, f"{file}: $.{key}: missing; name a file or give --{key}")
    return file.parent / named


def _method(rulebook: Rulebook, name: str | None, file: Path) -> str:
    names = rulebook.method_names
    if name is None and len(names) == 1:
        return names[0]
    if name in names:
        return str(name)
    said = "missing" if name is None else f"{name} is not in the rulebook"
    raise Failure(WRONG_INPUT, f"{file}: $.method: {said}; it has {', '.join(names)}")


def _verdict(need: ExactRequirement) -> str:
    if need.margin_equity < need.maintenance:
        return "below maintenance: it would be called or liquidated"
    if need.margin_equity < need.initial:
        return "above maintenance, below initial: it may reduce but not take on risk"
    return "healthy: above initial margin"


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
            ("headroom", "headroom"),
        )
    ]
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
