"""What an account must hold as JSON and in words: money is text, so that no digit is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seawall.money import RATIO_ONE, format_atoms, format_ratio

if TYPE_CHECKING:
    from seawall.margin import ExactRequirement, Term
    from seawall.portfolio import Account, MarginReport

TILTS = ("none", "linear", "absolute")
STATES = {
    "below maintenance": "below maintenance: it would be called or liquidated",
    "below initial": "above maintenance, below initial: it may reduce but not take on risk",
    "healthy": "healthy: above initial margin",
}


def account_json(account: Account) -> dict[str, Any]:
    """Whose account it is, under which rules and when."""
    rulebook = account.venue.rulebook
    return {
        "name": account.name,
        "rulebook": f"{rulebook.name} {rulebook.version}",
        "fingerprint": account.fingerprint,
        "time_ms": account.venue.snapshot.time_ms,
        "numeraire": account.venue.catalogue.numeraire.id,
    }


def report_json(account: Account, report: MarginReport) -> dict[str, Any]:
    """One method's report, money as text and Greeks as numbers."""
    decimals = account.venue.catalogue.numeraire.decimals
    return {
        "method": report.method,
        "preset": preset_json(account, report.method),
        "verdict": STATES[report.state],
        "binding": report.told.binding,
        **requirement_json(report.requirement, decimals),
        "headroom_initial": format_atoms(report.headroom[0], decimals),
        "terms": terms_json(report.told.terms, report.quantities, decimals),
        "refused": list(report.refused),
        "doubts": _doubts(account, report),
        "left_out": list(report.left_out),
        "counted": _counted(account, report),
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
        "cells": _cells(report, decimals),
    }


def _doubts(account: Account, report: MarginReport) -> list[dict[str, Any]]:
    return [
        {
            "id": account.venue.catalogue.names[d.asset],
            "rests_on": d.of,
            "age_s": None if d.age_ms is None else format_atoms(d.age_ms, 3),
            "confidence": format_ratio(d.confidence),
            "stale": d.is_stale,
            "unsure": d.is_unsure,
        }
        for d in report.doubts
    ]


def _counted(account: Account, report: MarginReport) -> list[dict[str, Any]]:
    decimals = account.venue.catalogue.numeraire.decimals
    return [
        {
            "coin": account.venue.catalogue.names[c.asset],
            "value": format_atoms(c.value, decimals),
            "counted": format_atoms(c.counted, decimals),
            "taken": {rule: format_atoms(taken, decimals) for rule, taken in c.steps},
        }
        for c in report.counted
    ]


def _cells(report: MarginReport, decimals: int) -> list[dict[str, Any]]:
    worst = report.worst()
    return [
        {
            "move": format_ratio(cell.move),
            "volatility": format_ratio(cell.volatility),
            "weight": format_ratio(cell.weight),
            "tilt": TILTS[cell.tilt],
            "moves": _by_coin(report, cell.moves),
            "volatilities": _by_coin(report, cell.volatilities),
            "profit": {
                coin: format_atoms(profit, decimals)
                for coin, profit in zip(report.coins, cell.profit, strict=True)
            },
            "total": format_atoms(cell.total, decimals),
            "worst": place == worst,
        }
        for place, cell in enumerate(report.cells)
    ]


def _by_coin(report: MarginReport, parts: Sequence[int]) -> dict[str, str]:
    return dict(zip(report.coins, map(format_ratio, parts), strict=True))


def preset_json(account: Account, name: str) -> dict[str, str] | None:
    """Where a preset's numbers come from; None for a method of the rulebook."""
    from seawall.engine.rules.presets import preset

    if name not in account.presets:
        return None
    found = preset(name)
    return {"as_of": found.as_of, "source": found.source, "notes": found.notes}


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
