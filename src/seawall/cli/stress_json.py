"""A stress test as one JSON object; simulated amounts are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seawall.simulation.stress import Stress


def json_of(result: Stress, file: Path, depth: Path, place: Path) -> dict[str, Any]:
    """Everything that the tables say, and what they leave out."""
    from seawall.simulation.stress.judging import followed

    asked = result.asked
    return {
        "book": file.name,
        "depth": depth.name,
        "coin": asked.coin,
        "shock": asked.shock,
        "law": asked.law,
        "runs": asked.runs,
        "ticks": asked.ticks,
        "seed": asked.seed,
        "beta": dict(asked.beta),
        "confidence": asked.confidence,
        "price": result.found.price,
        "fund": result.fund,
        "accounts": int(result.found.equity.size),
        "laws": {name: _law_json(result, name) for name in result.under},
        "risk": result.risk._asdict(),
        "risk_without_impact": result.quiet_risk._asdict(),
        "losses": result.losses._asdict(),
        "losses_by_coin": [share._asdict() for share in result.shares],
        "groups": result.groups,
        "sizes": followed(result.book.venue),
        "swings": [swing._asdict() for swing in result.swings],
        "contributors": [
            one._asdict() | {"account": result.book.names[one.account]} for one in result.worst
        ],
        "ladders": [
            {"coin": one.coin, "side": one.side,
             "within": [{"accounts": a, "notional": n} for a, n in one.within]}
            for one in result.ladders
        ],
        "elsewhere": [one._asdict() for one in result.elsewhere],
        "picture": str(place),
    }  # fmt: skip


def _law_json(result: Stress, name: str) -> dict[str, Any]:
    fallen, reading = result.under[name].fallen, result.under[name].reading
    return {
        "final": float(fallen.final[0]),
        "worst": float(fallen.worst[0]),
        "average": float(fallen.average[0]),
        "amplification": amplified(result, float(fallen.final[0])),
        "accounts": int(fallen.accounts[0]),
        "units": float(fallen.forced[0]) * result.ladder.sign,
        "notional": float(fallen.notional[0]),
        "rounds": int(fallen.rounds[0]),
        "bad_debt": float(fallen.bad_debt[0]),
        "fees": float(fallen.fees[0]),
        "fund_left": float(result.left(fallen)[0]),
        "largest_gain": reading.largest_gain,
        "shock_to_cascade": reading.to_cascade,
        "shock_to_empty_fund": reading.to_empty_fund,
    }


def amplified(result: Stress, final: float) -> float:
    """Whole move ÷ shock."""
    return (final / result.found.price - 1.0) / result.asked.shock
