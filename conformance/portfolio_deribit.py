"""Deribit's portfolio margin: captured replies, and examples of the older method."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case import Outcome, exactly, nearly, skipped, together
from seawall.margin.deribit import (
    Position,
    SegregatedMargin,
    SegregatedPortfolio,
    load_model_params,
    net_short_options_contingency,
    scaled_shock,
)

YEAR_MS = 365 * 86_400_000
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
EXPIRY_HOUR = 8  # UTC.
ABSOLUTE = 1e-13


def simulate(document: Any, _: Path) -> Iterator[Outcome]:
    """Every field that the reply prints, to 1e-13; the initial margin to its nine decimals."""
    for case in document["cases"]:
        inputs = case["inputs"]
        model = load_model_params(inputs["model_params"])
        ((pair, index),) = inputs["index_price"].items()
        positions = [
            Position(
                name,
                float(quantity),
                _years(name, case.get("timestamp_ms")),
                float(inputs.get("mark_price", {}).get(name, index)),
            )
            for name, quantity in inputs["position_coin"].items()
        ]
        if any(name.endswith(("-C", "-P")) for name in inputs["position_coin"]):
            yield skipped(case["id"], "an option without its volatility")
            continue
        currency = pair.split("_", maxsplit=1)[0]
        found = SegregatedPortfolio.of(model, pair, currency).margin(positions, float(index))
        yield together(case["id"], _fields(case["expected"], found, positions))


def _years(name: str, now_ms: int | None) -> float:
    """Years to 08:00 UTC of the day in a name such as BTC-28JUN24; 0 of a perpetual."""
    day = re.fullmatch(r"\w+-(\d{1,2})([A-Z]{3})(\d\d)", name)
    if day is None or now_ms is None:
        return 0.0
    expiry = datetime(
        2000 + int(day[3]), MONTHS.index(day[2]) + 1, int(day[1]), EXPIRY_HOUR, tzinfo=UTC
    )
    return max(expiry.timestamp() * 1000 - now_ms, 0.0) / YEAR_MS


def _fields(expected: Any, found: SegregatedMargin, positions: list[Position]) -> list[Outcome]:
    outcomes = []
    for row, held in enumerate(positions):
        for key, vector in (
            ("initial_risk_vector_standard_by_bucket", found.cells.standard[row, :, 0]),
            ("initial_risk_vector_extended", found.cells.extended[row]),
        ):
            if held.name in expected.get(key, {}):
                outcomes.append(_vector(f"{key} {held.name}", expected[key][held.name], vector))
    for key, vector in (
        ("pre_aggregated_standard_by_bucket", found.pre_aggregated_standard[:, 0]),
        ("pre_aggregated_extended", found.pre_aggregated_extended),
        ("aggregated_standard_by_bucket", found.aggregated_standard[:, 0]),
        ("aggregated_extended", found.aggregated_extended),
    ):
        for owner, wanted in expected.get(key, {}).items():
            outcomes.append(_vector(f"{key} {owner}", wanted, vector))
    for key in (
        "worst_case",
        "roll_shock",
        "delta_shock",
        "correlation_contingency",
        "risk_matrix_margin",
        "maintenance_margin",
    ):
        if key in expected:
            outcomes.append(nearly(key, expected[key], getattr(found, key), 0.0, ABSOLUTE))
    if "initial_margin" in expected:
        printed = round(found.initial_margin, 9)
        outcomes.append(nearly("initial_margin", expected["initial_margin"], printed, 0.0, 1e-13))
    cell = expected.get("worst_case_bucket", {})
    ours = {
        "source": found.worst_cell.source,
        "bucket": found.worst_cell.bucket,
        "side": found.worst_cell.side,
        "index": found.worst_cell.number,
    }
    outcomes += [exactly(key, value, ours[key]) for key, value in cell.items() if key in ours]
    return outcomes


def _vector(name: str, expected: Any, found: Any) -> Outcome:
    if len(expected) == 3 * len(found):  # Each bucket three times, down, same and up.
        found = np.repeat(found, 3)
    pairs = zip(expected, found, strict=True)
    rows = [nearly(str(n), a, float(b), 0.0, ABSOLUTE) for n, (a, b) in enumerate(pairs)]
    return together(name, rows)


def legacy(document: Any, _: Path) -> Iterator[Outcome]:
    """The volatility shock of an expiry, and charges of the method before 2023."""
    for case in document["cases"]:
        inputs, expected = case["inputs"], case["expected"]
        slack = float(case.get("tolerance", 1e-9))
        if {"iv_shock_30d", "days", "power"} <= inputs.keys():
            found = scaled_shock(inputs["iv_shock_30d"], inputs["days"], inputs["power"])
            yield nearly(case["id"], expected["iv_shock"], found, 0.0, slack)
        elif "strike_call_position" in inputs or "strike_put_position" in inputs:
            held = [float(inputs.get(f"strike_{right}_position", 0)) for right in ("call", "put")]
            found = net_short_options_contingency(held, float(inputs["rate_btc"]))
            outcomes = [nearly("contingency", expected["contingency_btc"], found, 1e-9, 1e-15)]
            if "net_position" in expected:
                outcomes.append(nearly("net position", expected["net_position"], sum(held)))
            yield together(case["id"], outcomes)
        else:
            yield skipped(case["id"], "a contingency of the superseded method that we do not carry")
