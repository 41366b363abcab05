"""How the files of `derive/` name what `seawall.margin.derive` takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from seawall.margin.derive import (
    Collateral,
    CollateralTerms,
    DerivePortfolio,
    DerivePortfolioTwo,
    DeriveScenario,
    DeriveStandard,
    Expiry,
    Market,
    Option,
    Portfolio,
    Position,
    Smile,
    StandardTerms,
)

STANDARD = {
    "perpetual_initial": "imPerpReq",
    "perpetual_maintenance": "mmPerpReq",
    "spot_maximum": "maxSpotReq",
    "spot_minimum": "minSpotReq",
    "call_maintenance": "mmCallSpotReq",
    "put_maintenance": "mmPutSpotReq",
    "put_mark_maintenance": "MMPutMtMReq",
    "unpaired_initial": "unpairedIMScale",
    "unpaired_maintenance": "unpairedMMScale",
    "put_offset": "mmOffsetScale",
    "base_factor": "marginFactor",
    "base_initial_scale": "IMScale",
    "perpetual_threshold": "perpThreshold",
    "option_threshold": "optionThreshold",
    "base_threshold": "baseThreshold",
    "confidence_factor": "OCFactor",
}
BOTH = {
    "basis_up": "scenarioSpotUp",
    "basis_down": "scenarioSpotDown",
    "basis_add": "basisContAddFactor",
    "basis_multiply": "basisContMultFactor",
    "peg_threshold": "pegLossThreshold",
    "peg_factor": "pegLossFactor",
    "confidence_threshold": "confThreshold",
    "confidence_factor": "confMargin",
    "initial_factor": "imFactor",
    "volatility_up": "volRangeUp",
    "volatility_down": "volRangeDown",
    "power_short": "shortTermPower",
    "power_long": "longTermPower",
    "seconds_floor": "dteFloor",
}
FIRST = BOTH | {
    "base_static": "basePercent",
    "perpetual_static": "perpPercent",
    "option_static": "optionPercent",
    "static_discount": "baseStaticDiscount",
    "rate_multiply": "rateMultScale",
    "rate_add": "rateAddScale",
}
SECOND = BOTH | {
    "perpetual_maintenance": "MMPerpPercent",
    "perpetual_initial": "IMPerpPercent",
    "option_maintenance": "MMOptionPercent",
    "option_initial": "IMOptionPercent",
    "maintenance_factor": "mmFactor",
    "long_discount": "longBaseStaticDiscount",
    "long_rate_multiply": "longRateMultScale",
    "long_rate_add": "longRateAddScale",
    "short_discount": "shortBaseStaticDiscount",
    "short_rate_multiply": "shortRateMultScale",
    "short_rate_add": "shortRateAddScale",
    "volatility_up_floor": "minVolUpShock",
    "linear_cap": "linearBaseCap",
    "linear_cap_time": "linearCBase",
    "absolute_cap": "absBaseCap",
    "absolute_cap_time": "absCBase",
    "skew_width_floor": "minKStar",
    "skew_width": "widthScale",
    "skew_volatility": "volParamStatic",
    "skew_volatility_time": "volParamScale",
}


def _named(names: dict[str, str], params: Any) -> dict[str, Decimal]:
    return {ours: Decimal(params[theirs]) for ours, theirs in names.items() if theirs in params}


def _flat(params: Any) -> dict[str, Any]:
    return {name: number for group in params.values() for name, number in group.items()}


def _scenarios(cells: Any) -> tuple[DeriveScenario, ...]:
    """A skew scenario that moves the price too is read as the contract applies it: without."""
    return tuple(
        DeriveScenario(
            Decimal(1) if cell["vol_shock"] in ("Linear", "Abs") else Decimal(cell["spot_shock"]),
            cell["vol_shock"],
            Decimal(cell.get("dampening", 1)),
        )
        for cell in cells
    )


def read_standard(params: Any, depeg: Any) -> DeriveStandard:
    """One set of terms for every market."""
    return DeriveStandard(
        terms=StandardTerms(**_named(STANDARD, params)),
        depeg_threshold=Decimal(depeg.get("threshold", 0)),
        depeg_factor=Decimal(depeg.get("factor", 0)),
    )


def read_method(params: Any, cells: Any) -> DerivePortfolio:
    """Parameters and scenarios of the first generation."""
    return DerivePortfolio(scenarios=_scenarios(cells), **_named(FIRST, _flat(params)))


def read_method_two(
    params: Any, cells: Any, collaterals: dict[str, CollateralTerms]
) -> DerivePortfolioTwo:
    """Parameters, scenarios and collaterals of the second generation."""
    return DerivePortfolioTwo(
        scenarios=_scenarios(cells), collaterals=collaterals, **_named(SECOND, _flat(params))
    )


def collateral_terms(maintenance: str, initial: str, cancelling: bool) -> CollateralTerms:
    """Haircuts of one collateral."""
    return CollateralTerms(Decimal(maintenance), Decimal(initial), cancelling)


def _number(source: Any, name: str) -> float:
    """A missing number is 0."""
    return float(source.get(name) or 0)


def _certain(source: Any, name: str) -> Decimal:
    """A missing confidence is 1."""
    given = source.get(name)
    return Decimal(1 if given is None else given)


def _expiry(each: Any, options: list[Any]) -> Expiry:
    """An option's own volatility confidence counts for its expiry."""
    fixed = _number(each, "forward_fixed")
    variable = _number(each, "forward_variable" if "forward_variable" in each else "forward")
    confidences = [_certain(one, "vol_confidence") for one in (each, *options)]
    fit = each.get("svi")
    names = ("a", "b", "rho", "m", "sigma", "forward", "tau")
    return Expiry(
        seconds=int(each["seconds_to_expiry"]),
        forward_variable=variable,
        forward_fixed=fixed,
        rate=_number(each, "rate"),
        forward_confidence=_certain(each, "forward_confidence"),
        rate_confidence=_certain(each, "rate_confidence"),
        volatility_confidence=min(confidences),
        smile=Smile(*(float(fit[name]) for name in names)) if fit else None,
    )


def _read(market: Any, held: Any, expiries: list[Any], stable: str) -> tuple[Market, Portfolio]:
    """`expiries` have their options inside."""
    options, positions = [], []
    for place, expiry in enumerate(expiries):
        for each in expiry.get("options", []):
            vol = each.get("vol")
            options.append(
                Option(
                    place,
                    float(each["strike"]),
                    each["is_call"],
                    None if vol is None else float(vol),
                )
            )
            positions.append(Position(len(positions), float(each["amount"])))
    collaterals = held.get("collaterals", [])
    unsettled = ("perp_unrealised_pnl", "perp_unrealised_funding", "perp_unsettled_funding")
    return (
        Market(
            name=market.get("market", ""),
            spot=float(market["spot"]),
            spot_confidence=_certain(market, "spot_confidence"),
            perpetual=_number(market, "perp_price"),
            perpetual_confidence=_certain(market, "perp_confidence"),
            stable=Decimal(stable),
            expiries=tuple(_expiry(each, each.get("options", [])) for each in expiries),
            options=tuple(options),
            collaterals=tuple(
                Collateral(each["name"], float(each["price"]), _certain(each, "confidence"))
                for each in collaterals
            ),
        ),
        Portfolio(
            cash=_number(held, "cash"),
            perpetual=_number(held, "perp"),
            perpetual_cash=sum(_number(held, name) for name in unsettled),
            base=_number(held, "base"),
            positions=tuple(positions),
            collaterals=tuple(float(each["amount"]) for each in collaterals),
        ),
    )


def standard_holdings(case: Any) -> list[tuple[Market, Portfolio]]:
    """Every market of a case; its cash goes with the first, or with none that there is."""
    stable = case.get("stable_price", "1")
    read = [
        _read(each | {"cash": 0}, each, each.get("expiries", []), stable)
        for each in case["markets"]
    ]
    market, first = read[0]
    cash = float(case.get("cash", 0))
    return [(market, msgspec.structs.replace(first, cash=cash)), *read[1:]]


def first_generation(case: Any) -> tuple[Market, Portfolio]:
    """Options beside the expiries, or inside them."""
    market, held = case["market"], case["positions"]
    if "expiries" in held:
        expiries = held["expiries"]
    else:
        expiries = [
            each
            | {
                "options": [
                    option
                    for option in held.get("options", [])
                    if option["seconds_to_expiry"] == each["seconds_to_expiry"]
                ]
            }
            for each in market.get("expiries", [])
        ]
        placed = sum(len(each["options"]) for each in expiries)
        assert placed == len(held.get("options", [])), "an option's expiry is not in the market"
    return _read(market, held, expiries, market.get("stable_price", "1"))


second_generation = first_generation


def with_base_as_collateral(market: Market, held: Portfolio) -> tuple[Market, Portfolio]:
    """The base asset of the first generation as a collateral priced at spot."""
    base = Collateral("base", market.spot, market.spot_confidence)
    return (
        msgspec.structs.replace(market, collaterals=(base,)),
        msgspec.structs.replace(held, base=0.0, collaterals=(held.base,)),
    )
