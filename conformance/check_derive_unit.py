"""Single-number tests of Derive's margins, and its parameters, against `derive/*.json`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from conformance.derive_files import STANDARD, read_method, read_method_two, read_standard
from seawall.margin.derive import (
    PRESETS,
    DeriveStandard,
    Expiry,
    Market,
    Option,
    Portfolio,
    Position,
    StandardTerms,
    portfolio_margin,
    portfolio_two_margin,
    standard_margin,
)

SPOT = "1500"  # Of the source's unit tests, where a case names none.
LEGS = {"short_call": True, "long_call": True, "short_put": False, "long_put": False}
TERMS = {
    "im_req": ("perpetual_initial",),
    "mm_req": ("perpetual_maintenance",),
    "margin_factor": ("base_factor",),
    "im_scale": ("base_initial_scale",),
    "unpaired_im_scale": ("unpaired_initial",),
    "unpaired_mm_scale": ("unpaired_maintenance",),
    "threshold": ("perpetual_threshold", "option_threshold", "base_threshold"),
    "factor": ("confidence_factor",),
}
BASES = ("base", "btc", "eth")
KNOWN = {
    *LEGS,
    *TERMS,
    *BASES,
    *("spot", "price", "forward", "vol", "seconds_to_expiry", "strike", "is_call", "amount"),
    *("spot_confidence", "forward_confidence", "vol_confidence", "perp_confidence", "params"),
    *("cash", "perp", "unrealised_pnl", "withdraw", "borrowing_enabled", "btc_withdraw"),
    *("stable_price", "depeg_threshold", "depeg_factor"),
}


def terms_of(inputs: Any) -> DeriveStandard:
    """The test parameters, changed as the case says."""
    method = PRESETS["derive_standard_test"]
    assert isinstance(method, DeriveStandard)
    if "params" in inputs:
        return read_standard(inputs["params"], {})
    changed = {
        field: Decimal(inputs[name])
        for name, fields in TERMS.items()
        if name in inputs
        for field in fields
    }
    if "im_req" in inputs:
        least = min(method.terms.perpetual_maintenance, Decimal(inputs["im_req"]))
        changed.setdefault("perpetual_maintenance", least)
    terms: StandardTerms = msgspec.structs.replace(method.terms, **changed)
    return DeriveStandard(
        terms=terms,
        depeg_threshold=Decimal(inputs.get("depeg_threshold", method.depeg_threshold)),
        depeg_factor=Decimal(inputs.get("depeg_factor", method.depeg_factor)),
    )


def options_of(inputs: Any) -> list[tuple[Option, float]]:
    vol = float(inputs.get("vol", 0))
    found = [
        (Option(0, float(inputs[leg][0]), call, vol), float(inputs[leg][1]))
        for leg, call in LEGS.items()
        if leg in inputs
    ]
    if "strike" in inputs:
        option = Option(0, float(inputs["strike"]), inputs.get("is_call", True), vol)
        found.append((option, float(inputs["amount"])))
    return found


def account(inputs: Any, *, certain: bool = False) -> tuple[Market, Portfolio]:
    """One market and what is held in it; `certain` takes every confidence as 1."""

    def confidence(name: str) -> Decimal:
        return Decimal(1 if certain else inputs.get(name, 1))

    spot = inputs.get("spot", inputs.get("price", inputs.get("forward", SPOT)))
    options = options_of(inputs)
    base = sum(float(inputs.get(name, 0)) for name in BASES)
    return (
        Market(
            spot=float(spot),
            spot_confidence=confidence("spot_confidence"),
            perpetual=float(inputs.get("price", spot)),
            perpetual_confidence=confidence("perp_confidence"),
            stable=Decimal(inputs.get("stable_price", 1)),
            expiries=(
                Expiry(
                    seconds=int(inputs.get("seconds_to_expiry", 604_800)),
                    forward_variable=float(inputs.get("forward", spot)),
                    forward_confidence=confidence("forward_confidence"),
                    volatility_confidence=confidence("vol_confidence"),
                ),
            ),
            options=tuple(option for option, _ in options),
        ),
        Portfolio(
            cash=float(inputs.get("cash", 0)) - float(inputs.get("withdraw", 0)),
            perpetual=float(inputs.get("perp", 0)),
            perpetual_cash=float(inputs.get("unrealised_pnl", 0)),
            base=base,
            positions=tuple(Position(n, amount) for n, (_, amount) in enumerate(options)),
        ),
    )


def standard_numbers(inputs: Any) -> dict[str, float | bool]:
    method = terms_of(inputs)
    market, held = account(inputs)
    found = standard_margin(method, [(market, held)])
    certain = standard_margin(method, [account(inputs, certain=True)])
    borrows = held.cash < 0 and not inputs.get("borrowing_enabled", True)
    return {
        "im": found.initial,
        "mm": found.maintenance,
        "mtm": found.mark_value,
        "im_change": found.initial - certain.initial,
        "mm_change": found.maintenance - certain.maintenance,
        "mtm_change": found.mark_value - certain.mark_value,
        "cash": held.cash,
        "accepted": found.initial >= -1e-9 and not borrows,
    }


def perpetual_move(name: str, inputs: Any, folder: Path) -> float:
    """What a move of the perpetual's mark, its profit booked, does to the maintenance margin."""
    section = msgspec.json.decode((folder / "params_test.json").read_bytes())
    first = name.startswith("pmrm_")
    section = section["pmrm" if first else "pmrm_2"]
    margins = []
    for price, profit in (("before", "0"), ("after", inputs["unrealised_pnl"])):
        market = Market(spot=float(inputs.get("spot", SPOT)))
        market = msgspec.structs.replace(market, perpetual=float(inputs[f"perp_price_{price}"]))
        held = Portfolio(perpetual=float(inputs["perp"]), perpetual_cash=float(profit))
        if first:
            method = read_method(section["params"], section["scenarios"])
            margins.append(portfolio_margin(method, market, held).maintenance)
        else:
            two = read_method_two(section["params"], section["scenarios"], {})
            factor = Decimal(inputs.get("mm_factor", two.maintenance_factor))
            two = msgspec.structs.replace(two, maintenance_factor=factor)
            margins.append(portfolio_two_margin(two, market, held).maintenance)
    return margins[1] - margins[0]


def check_margin(document: Any, folder: Path) -> Iterator[Outcome]:
    """Tolerances are the source's; where it is loose, our number also meets the recomputed one."""
    for case in document["cases"]:
        name, inputs, expected = case["name"], case["inputs"], case["expected"]
        found: dict[str, float | bool]
        if "perp_price_before" in inputs:
            found = {"mm_change": perpetual_move(name, inputs, folder)}
        elif name.startswith("pmrm") or set(inputs) - KNOWN:
            strange = ", ".join(sorted(set(inputs) - KNOWN)) or "a portfolio margin"
            yield skipped(name, f"its inputs do not say enough to compute it: {strange}")
            continue
        else:
            found = standard_numbers(inputs)
        if not expected or set(expected) - {*found, "error"}:
            yield skipped(name, f"expects {', '.join(expected)}, which is not all computed")
            continue
        tolerance = float(case.get("tolerance", 0))
        parts = [judge(key, wanted, found, tolerance) for key, wanted in expected.items()]
        for key, wanted in case.get("recomputed", {}).items():
            if key in found:
                parts.append(nearly(f"{key}, recomputed", wanted, found[key], 1e-9, 1e-9))
        yield together(name, parts)


def judge(key: str, wanted: Any, found: dict[str, float | bool], tolerance: float) -> Outcome:
    """One expectation: a refusal, a verdict or a number."""
    if key == "error":
        return exactly(key, False, found["accepted"])
    if isinstance(wanted, bool):
        return exactly(key, wanted, found[key])
    return nearly(key, wanted, found[key], max(tolerance, 1e-9), 1e-9)


def check_parameters(document: Any, _: Path) -> Iterator[Outcome]:
    """Our presets hold what the venue's deployment script sets."""
    ours: Any
    for preset, key, read in (
        ("derive_portfolio", "pmrm", read_method),
        ("derive_portfolio_two", "pmrm_2", lambda p, s: read_method_two(p, s, {})),
    ):
        ours, theirs = PRESETS[preset], read(document[key]["params"], document[key]["scenarios"])
        yield exactly(preset, theirs, ours)
    standard: Any = PRESETS["derive_standard"]
    groups = document["srm"]["default"]
    usual = {name: number for group in groups.values() for name, number in group.items()}
    for market, terms in (("usual terms", standard.terms), *standard.by_market.items()):
        changes = document["srm"]["per_market_overrides"].get(market, {})
        flat = usual | {n: v for group in changes.values() for n, v in group.items()}
        wanted = {field: Decimal(flat[name]) for field, name in STANDARD.items() if name in flat}
        yield exactly(market, wanted, {field: getattr(terms, field) for field in wanted})
    depeg = document["srm"]["depeg"]
    yield exactly(
        "depeg",
        (Decimal(depeg["threshold"]), Decimal(depeg["depegFactor"])),
        (standard.depeg_threshold, standard.depeg_factor),
    )


def check_inputs(_: Any, __: Path) -> Iterator[Outcome]:
    """Parameters of the venue's own test suite; the cases that use them judge them."""
    yield skipped("params_test", "inputs only; judged in the files that use them")


FILES: dict[str, Checker] = {
    "derive/margin_unit.json": check_margin,
    "derive/params_mainnet.json": check_parameters,
    "derive/params_test.json": check_inputs,
}
