"""Black-76 prices and Greeks against Haug's printed values and a forty-digit oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, nearly, skipped, together
from seawall.pricing import black_greeks, black_price, exponential

YEAR_DAYS = 365.0


def oracle(document: Any, _: Path) -> Iterator[Outcome]:
    """Price to 1e-14 of the larger of forward and strike; Greeks to 1e-12 of their scale."""
    for number, case in enumerate(document["cases"]):
        forward, strike, vol, years = (
            float(case[key]) for key in ("forward", "strike", "vol", "t_years")
        )
        rate = float(case.get("rate", 0))
        is_call = case["type"] == "call"
        discount = float(exponential(-rate * years))
        given = (forward, strike, vol, years, discount, is_call)
        greeks = black_greeks(*given)
        deviation = vol * math.sqrt(years)
        d1 = math.log(forward / strike) / deviation + deviation / 2.0
        d2 = d1 - deviation
        vega = float(greeks.vega)
        found = {
            "price": float(black_price(*given)),
            "delta": float(greeks.delta),
            "gamma": float(greeks.gamma),
            "vega": vega,
            "theta_per_year": float(greeks.theta),
            "vanna": -vega / (forward * deviation) * d2,
            "volga": vega * d1 * d2 / vol,
        }
        largest = max(forward, strike)
        slack = {
            "price": 1e-14 * largest,
            "delta": 1e-14,
            "gamma": 1e-15 / largest,
            "vega": 1e-15 * largest,
            "theta_per_year": 1e-15 * largest / years,
            "vanna": 1e-12,
            "volga": 1e-12 * largest,
        }
        wanted = {key: text for key, text in case["expected"].items() if key in found}
        outcomes = [
            nearly(
                key,
                float(text),
                found[key],
                0.0 if key in {"price", "delta"} else 1e-10 if key in {"vanna", "volga"} else 1e-12,
                slack[key],
            )
            for key, text in wanted.items()
        ]
        name = f"{number}: {case['type']} {case['forward']}/{case['strike']} vol {case['vol']}"
        yield together(name, outcomes)


def haug(document: Any, _: Path) -> Iterator[Outcome]:
    """Values and Greeks of the generalised formula, as Black-76 on the forward S·e^((r−q)T)."""
    tolerance = float(document["tolerance"])
    for number, row in enumerate(document["values"]):
        found = float(black_price(*_terms(row)))
        name = f"value {number}: {row['type']} {row['spot']}/{row['strike']}"
        yield nearly(name, row["value"], found, 0.0, tolerance)
    for number, row in enumerate(document["greeks"]):
        name = f"greek {number}: {row['greek']} {row['type']} {row['spot']}/{row['strike']}"
        known = _spot_greeks(row)
        if row["greek"] not in known:
            yield skipped(name, f"we have no {row['greek']}")
            continue
        yield nearly(name, row["value"], known[row["greek"]], 0.0, float(row["tol"]))


def _terms(row: Any) -> tuple[float, float, float, float, float, bool]:
    growth = float(exponential((row["r"] - row["q"]) * row["t"]))
    discount = float(exponential(-row["r"] * row["t"]))
    forward = row["spot"] * growth
    return (forward, row["strike"], row["vol"], row["t"], discount, row["type"] == "call")


def _spot_greeks(row: Any) -> dict[str, float]:
    """Greeks by spot from ours by forward: dF/dS = e^((r−q)T), dF/dt = −(r − q)·F, ..."""
    terms = _terms(row)
    forward, years = terms[0], float(row["t"])
    price, ours = float(black_price(*terms)), black_greeks(*terms)
    growth = forward / row["spot"]
    delta = float(ours.delta) * growth
    # Our theta holds the forward; at a fixed spot the forward falls by (r − q)·F a year.
    theta = float(ours.theta) - float(ours.delta) * (row["r"] - row["q"]) * forward
    return {
        "delta": delta,
        "gamma": float(ours.gamma) * growth**2,
        "vega": float(ours.vega),
        "elasticity": delta * row["spot"] / price,
        "theta": theta,
        "theta_per_day": theta / YEAR_DAYS,
        "rho": years * (float(ours.delta) * forward - price),
        "dividend_rho": -years * float(ours.delta) * forward,
    }


FILES: dict[str, Checker] = {
    "pm/black76_oracle_mpmath.json": oracle,
    "pm/haug_black_scholes.json": haug,
}
