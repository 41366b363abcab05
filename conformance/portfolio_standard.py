"""Standard margin: the rule of `margin.listed` on the examples of venues' help pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Outcome, nearly, skipped, together
from seawall.margin.grids import futures_contingency, minimum_delta
from seawall.margin.listed import (
    Leg,
    OptionParts,
    bought_charge,
    future_charge,
    most_lost_at_expiry,
    parts_of,
    sold_charge,
)
from seawall.margin.listed.venues import VENUES
from seawall.money import RATIO_ONE

MARGINS = ("im", "mm")


def number(inputs: Any, *names: str) -> Fraction | None:
    """The first field that is there, as a fraction."""
    for name in names:
        if inputs.get(name) is not None:
            return Fraction(str(inputs[name]))
    return None


def needed(inputs: Any, *names: str) -> Fraction:
    found = number(inputs, *names)
    if found is None:
        raise KeyError(names[0])
    return found


def parts(ratio: Fraction) -> int:
    scaled = ratio * RATIO_ONE
    assert scaled.denominator == 1, "a rate has at most nine decimals"
    return int(scaled)


def standard(document: Any, _: Path) -> Iterator[Outcome]:
    """One outcome for each example; a method or a field that we do not know is named."""
    for case in document["cases"]:
        rule = _rule(case["method"])
        if isinstance(rule, str):
            yield skipped(case["id"], rule)
            continue
        try:
            found = rule(case)
        except KeyError as missing:
            yield skipped(case["id"], f"{case['method']}: the case has no field {missing}")
            continue
        wanted = {
            key: value
            for key, value in case["expected"].items()
            if key in found and not isinstance(value, dict)
        }
        if not wanted:
            known = ", ".join(case["expected"])
            yield skipped(case["id"], f"{case['method']}: none of {known} is computed here")
            continue
        slack = float(case.get("tolerance", 0.0))
        yield together(
            case["id"], [nearly(key, wanted[key], found[key], 1e-9, slack) for key in wanted]
        )


def _rule(method: str) -> Callable[[Any], dict[str, Fraction]] | str:
    if "bit_pm" in method:
        return "BIT portfolio margin: the forward of the option's expiry is not printed"
    for word, rule in (
        ("min_delta", _minimum_delta),
        ("minimum_delta", _minimum_delta),
        ("condor", _spread),
        ("lean", _spread),
        ("dederi", _dederi),
        ("linear_future", _linear_future),
        ("bybit", _bybit),
        ("paradex", _paradex),
        ("bit", _bit),
        ("deribit", _bit),
    ):
        if word in method:
            return rule
    return f"{method}: not a method that our notes describe"


def _linear_future(case: Any) -> dict[str, Fraction]:
    """Deribit: notional · (rate + slope · coins)."""
    given = case["inputs"]
    price, coins = needed(given, "price"), abs(needed(given, "position"))
    slope = parts(needed(given, "slope"))
    found = {}
    for margin in MARGINS:
        rate = number(given, f"base_{margin}")
        if rate is None:
            continue
        usd = Fraction(future_charge(parts(rate), slope, price * coins, coins, 1)) / RATIO_ONE
        found |= {
            margin: usd,
            f"{margin}_usdc": usd,
            f"{margin}_usd": usd,
            f"{margin}_coin": usd / price,
            f"{margin}_rate": usd / (price * coins),
        }
    return found


def _option(
    initial: OptionParts, maintenance: OptionParts, given: Any, charged: bool = True
) -> dict[str, Fraction]:
    """Initial and maintenance of one option; initial is at least maintenance."""
    base = needed(given, "index", "spot", "forward", "underlying", "price")
    mark = number(given, "mark", "mark_price") or Fraction(0)
    if _is_long(given):
        amounts = [Fraction(bought_charge(each, base, mark)) for each in (initial, maintenance)]
    else:
        paid = max(mark, number(given, "entry", "entry_price") or Fraction(0))
        is_call = str(given["type"]).lower().startswith("c")
        strike = needed(given, "strike")
        amounts = [
            Fraction(sold_charge(each, base, strike, mark, is_call, due if charged else 0))
            for each, due in ((initial, paid), (maintenance, mark))
        ]
    quantity = abs(number(given, "qty", "quantity", "size", "position") or Fraction(1))
    owed, kept = (quantity * amount / RATIO_ONE for amount in amounts)
    owed = max(owed, kept)
    found = {"im": owed, "mm": kept}
    coins = {f"{key}_{unit}": value / base for key, value in found.items() for unit in COINS}
    return found | {f"{key}_usd": value for key, value in found.items()} | coins


COINS = ("coin", "btc", "eth")


def _is_long(given: Any) -> bool:
    side = str(given.get("side", "")).lower()
    return side in {"long", "buy"} or (number(given, "qty", "quantity") or Fraction(-1)) > 0


def _venue(name: str) -> tuple[OptionParts, OptionParts]:
    terms = VENUES[name].method.options["BTC"]
    return parts_of(terms.initial), parts_of(terms.maintenance)


def _bybit(case: Any) -> dict[str, Fraction]:
    initial, maintenance = _venue("bybit")
    given = case["inputs"]
    for field, name in (("im_pct", "underlying"), ("im_min_pct", "least")):
        if field in given:
            initial = initial._replace(**{name: parts(needed(given, field))})
    if "mm_pct" in given:
        rate = parts(needed(given, "mm_pct"))
        maintenance = maintenance._replace(underlying=rate, least=rate, premium_least=rate)
    if "liq_fee_pct" in given:
        maintenance = maintenance._replace(fee=parts(needed(given, "liq_fee_pct")))
    return _option(initial, maintenance, given)


def _bit(case: Any) -> dict[str, Fraction]:
    """BIT, whose terms are Deribit's; a mark printed in coins is turned to dollars."""
    given = dict(case["inputs"])
    coin_mark = number(given, "mark_coin", "mark_btc")
    if coin_mark is not None:
        base = needed(given, "index", "spot", "forward", "underlying", "price")
        given["mark"] = coin_mark * base
    return _option(*_venue("bit"), given)


def _paradex(case: Any) -> dict[str, Fraction]:
    given, params = case["inputs"], case.get("params", {})
    rates = list(_venue("paradex"))
    names = {
        "premium_mult": "long_premium",
        "long_itm": "long_underlying",
        "short_itm": "underlying",
        "short_otm": "least",
        "short_put_cap": "put_cap",
    }
    for field, name in names.items():
        for place, value in enumerate(params.get(field, ())):
            rates[place] = rates[place]._replace(**{name: parts(Fraction(str(value)))})
    return _option(rates[0], rates[1], given, charged=False)


def _minimum_delta(case: Any) -> dict[str, Fraction]:
    given = case["inputs"]
    net, gross = number(given, "net", "net_delta"), number(given, "gross", "gross_delta")
    if net is not None and gross is not None:
        bought, sold = (gross + net) / 2, (gross - net) / 2
    elif "deltas" in given or "positions" in given:
        held = [Fraction(str(each)) for each in given.get("deltas", given.get("positions"))]
        bought, sold = sum(d for d in held if d > 0), -sum(d for d in held if d < 0)
    else:
        bought = abs(needed(given, "long", "long_delta"))
        sold = abs(needed(given, "short", "short_delta"))
    amount = minimum_delta(
        Fraction(bought), Fraction(sold), needed(given, "spot", "index", "price")
    )
    return dict.fromkeys(("min_delta", "minimum_delta", "min_delta_margin", "margin", "im"), amount)


def _dederi(case: Any) -> dict[str, Fraction]:
    """A share of the notional, as futures contingencies are."""
    given = case["inputs"]
    notional = needed(given, "price", "index", "spot") * needed(given, "position", "qty", "size")
    found = {}
    for margin in MARGINS:
        rate = number(given, f"{margin}_rate", f"base_{margin}", f"{margin}_pct")
        if rate is not None:
            found[margin] = futures_contingency(notional, rate)
    if not found:
        raise KeyError("im_rate")
    return found


def _spread(case: Any) -> dict[str, Fraction]:
    """The most that the legs can lose at expiry; never both wings of a condor."""
    given = case["inputs"]
    legs = [
        Leg(
            str(leg.get("type", leg.get("right"))).lower().startswith("c"),
            needed(leg, "strike"),
            needed(leg, "qty", "quantity"),
        )
        for leg in given["legs"]
    ]
    lost = most_lost_at_expiry(legs)
    if lost is None:
        raise KeyError("a bought call for each sold")
    amount = lost * (number(given, "multiplier", "contract_multiplier") or Fraction(100))
    return dict.fromkeys(("margin", "im", "mm", "maintenance", "correct_margin"), amount)
