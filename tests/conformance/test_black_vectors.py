"""Published option values; SEAWALL_DATA names the folder that holds vectors/pm."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from seawall.pricing import black_greeks, black_price


def read(name: str) -> dict:
    folder = os.environ.get("SEAWALL_DATA")
    if not folder:
        pytest.skip("SEAWALL_DATA is not set: published vectors are not checked")
    path = Path(folder) / "vectors" / "pm" / name
    if not path.exists():
        pytest.skip(f"SEAWALL_DATA has no vectors/pm/{name}")
    return json.loads(path.read_text())


def test_every_case_of_the_forty_digit_oracle():
    cases = read("black76_oracle_mpmath.json")["cases"]
    assert len(cases) == 24
    for case in cases:
        forward, strike, vol, years, rate = (
            float(case[key]) for key in ("forward", "strike", "vol", "t_years", "rate")
        )
        expected = {key: float(text) for key, text in case["expected"].items()}
        given = (forward, strike, vol, years, float(np.exp(-rate * years)), case["type"] == "call")
        greeks = black_greeks(*given)
        largest = max(forward, strike)
        assert abs(black_price(*given) - expected["price"]) <= 1e-14 * largest
        assert abs(greeks.delta - expected["delta"]) <= 1e-14
        # √T of a very short expiry is as exact as T itself was written.
        for name, key, scale in (
            ("gamma", "gamma", 1 / largest),
            ("vega", "vega", largest),
            ("theta", "theta_per_year", largest / years),
        ):
            error = abs(getattr(greeks, name) - expected[key])
            assert error <= 1e-12 * abs(expected[key]) + 1e-15 * scale, (case, name)


def test_values_of_haug_that_are_black_76():
    table = read("haug_black_scholes.json")
    rows = [row for row in table["values"] if row["is_black76"]]
    assert len(rows) > 20
    for row in rows:
        discount = float(np.exp(-row["r"] * row["t"]))
        price = black_price(
            row["spot"], row["strike"], row["vol"], row["t"], discount, row["type"] == "call"
        )
        assert abs(price - row["value"]) <= table["tolerance"]


def test_values_of_haug_with_carry_through_their_forward():
    table = read("haug_black_scholes.json")
    for row in table["values"]:
        forward = row["spot"] * float(np.exp((row["r"] - row["q"]) * row["t"]))
        discount = float(np.exp(-row["r"] * row["t"]))
        price = black_price(
            forward, row["strike"], row["vol"], row["t"], discount, row["type"] == "call"
        )
        assert abs(price - row["value"]) <= table["tolerance"]
