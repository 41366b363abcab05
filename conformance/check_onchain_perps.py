"""Mango v4, Synthetix v3, GMX v2 and Injective: health, margin, liquidation and funding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.protocols import gmx, injective, mango, synthetix

UNDECIDED = "the verdict hangs on the cap of the keeper's reward, which the case does not give"


def _number(given: dict[str, Any], key: str, default: object = 0) -> Fraction:
    value = given.get(key)
    return Fraction(str(default if value is None else value))


def _optional(given: dict[str, Any], key: str) -> Fraction | None:
    return None if given.get(key) is None else _number(given, key)


def _printed(name: str, wanted: Any, found: Fraction) -> Outcome:
    """Agrees to half of the last digit that the source prints, or to 1e-9."""
    places = len(str(wanted).partition(".")[2])
    half = 0.5 * 10.0**-places if places else 0.0
    return nearly(name, Fraction(str(wanted)), found, absolute=half)


def _stated(name: str, wanted: dict[str, Any], found: dict[str, Any]) -> Outcome:
    """Every number or verdict that the source states."""
    parts = []
    for key, value in wanted.items():
        if key not in found:
            return Outcome(name, "failed", f"asks for {key}, which the rule does not give")
        judge = exactly if isinstance(value, bool) else _printed
        parts.append(judge(key, value, found[key]))
    return together(name, parts)


def _token(given: dict[str, Any]) -> mango.Token:
    bank = given.get("bank") or {}
    return mango.Token(
        _number(given, "balance"),
        _number(given, "price"),
        _number(given, "init_asset_weight"),
        _number(given, "init_liability_weight"),
        mango.Bank(
            _number(bank, "deposits"),
            _number(bank, "deposit_weight_scale_start_quote"),
            _number(bank, "borrows"),
            _number(bank, "borrow_weight_scale_start_quote"),
            _number(bank, "potential_serum_tokens"),
        ),
        _optional(given, "stable_price"),
    )


def _orders(given: dict[str, Any]) -> mango.SpotOrders:
    return mango.SpotOrders(
        int(given["base_token"]),
        int(given["quote_token"]),
        _number(given, "base_total"),
        _number(given, "quote_total"),
        _optional(given, "lowest_ask"),
        _optional(given, "highest_bid"),
    )


def _perp(given: dict[str, Any]) -> mango.Perp:
    return mango.Perp(
        int(given.get("settle_token", 0)),
        _number(given, "price"),
        _number(given, "base_lot", 1),
        _number(given, "position_lots"),
        _number(given, "quote"),
        _number(given, "bids_lots"),
        _number(given, "asks_lots"),
        _number(given, "init_base_asset_weight"),
        _number(given, "init_base_liability_weight"),
        _number(given, "init_overall_asset_weight", 1),
    )


def _mango(given: dict[str, Any]) -> dict[str, Any]:
    health = mango.initial_health(
        [_token(token) for token in given.get("tokens", [])],
        [_orders(orders) for orders in given.get("spot_open_orders", [])],
        _perp(given["perp"]) if given.get("perp") else None,
    )
    return {"health_init": health}


def _impact(given: dict[str, Any]) -> dict[str, Any]:
    parts = (_number(given, key) for key in ("imbalance_usd", "exponent", "impact_factor"))
    return {"impact_usd": gmx.impact(*parts)}


def _adaptive_funding(given: dict[str, Any]) -> dict[str, Any]:
    rule = gmx.FundingRule(
        _number(given, "threshold_stable"),
        _number(given, "threshold_decrease"),
        _number(given, "increase_factor_per_s"),
        _number(given, "decrease_factor_per_s"),
        _number(given, "min"),
        _number(given, "max"),
    )
    rate = gmx.next_funding_rate(
        _number(given, "long_oi"),
        _number(given, "short_oi"),
        _number(given, "saved_rate_per_s"),
        int(given["seconds"]),
        rule,
    )
    return {"rate_per_s": rate}


def _liquidation_price(given: dict[str, Any]) -> dict[str, Any]:
    position = injective.Position(
        given["side"] == "long",
        _number(given, "size"),
        _number(given, "entry_price"),
        _number(given, "margin"),
        _number(given, "cumulative_funding"),
        _number(given, "cumulative_funding_entry"),
    )
    ratio = _number(given, "maintenance_margin_ratio")
    return {
        "bankruptcy_price": injective.bankruptcy_price(position),
        "liquidation_price": injective.liquidation_price(position, ratio),
    }


def _worst_price(given: dict[str, Any]) -> dict[str, Any]:
    mark, bankruptcy = _number(given, "mark_price"), _number(given, "bankruptcy_price")
    return {"worst_price": injective.worst_price(given["side"] == "long", mark, bankruptcy)}


def _hourly_funding(given: dict[str, Any]) -> dict[str, Any]:
    keys = ("twap_premium_over_24", "hourly_interest_rate", "hourly_cap", "mark_price")
    found = injective.hourly_funding(*(_number(given, key) for key in keys))
    return {"funding_rate": found.rate, "cumulative_funding_delta": found.index_change}


def _fill_price(given: dict[str, Any]) -> dict[str, Any]:
    price, size = _number(given, "oracle_price"), _number(given, "size")
    skew, scale = _number(given, "skew_before"), _number(given, "skew_scale")
    fill = synthetix.fill_price(price, skew, size, scale)
    return {"fill_price": fill, "unrealised_pnl_at_oracle": size * (price - fill)}


def _funding_velocity(given: dict[str, Any]) -> dict[str, Any]:
    before = synthetix.Funding(
        *(_number(given, f"prev_{key}") for key in ("skew", "velocity", "rate", "accrued"))
    )
    found = synthetix.next_funding(
        before,
        _number(given, "days"),
        _number(given, "skew_change"),
        _number(given, "skew_scale"),
        _number(given, "max_funding_velocity_per_day"),
        _number(given, "position_size") * _number(given, "price"),
    )
    return {
        "skew": found.skew,
        "velocity": found.velocity,
        "rate": found.rate,
        "accrued_paid_by_long": found.accrued,
    }


def _snx_position(given: dict[str, Any]) -> synthetix.Position:
    """A position; without a fill price it was opened at the oracle into its own skew."""
    size, scale = _number(given, "size"), _number(given, "skew_scale")
    fill = _optional(given, "fill_price")
    if fill is None:
        entry = _number(given, "entry_oracle")
        fill = synthetix.fill_price(entry, _number(given, "skew_before"), size, scale)
    short = "minimum_initial_margin_ratio" not in given
    return synthetix.Position(
        size,
        fill,
        _number(given, "price"),
        scale,
        _number(given, "initial_margin_fraction"),
        _number(given, "min_initial_margin_ratio" if short else "minimum_initial_margin_ratio"),
        _number(given, "maintenance_scalar" if short else "maintenance_margin_scalar"),
        _number(given, "minimum_position_margin"),
        _number(given, "flag_reward_ratio"),
    )


def _account_margin(name: str, given: dict[str, Any], wanted: dict[str, Any]) -> Outcome:
    positions = [_snx_position(position) for position in given["positions"]]
    required = synthetix.portfolio_margin(positions)
    cash = "collateral_usd" if "collateral_usd" in given else "collateral"
    available = synthetix.available_margin(_number(given, cash), positions, _number(given, "debt"))
    verdicts = [
        synthetix.is_liquidatable(available, required.maintenance, reward)
        for reward in (Fraction(0), required.flag_reward)
    ]
    if verdicts[0] != verdicts[1]:
        return skipped(name, UNDECIDED)
    parts = _each_pnl(given["positions"], positions, wanted.get("pnl", []))
    rest = {key: value for key, value in wanted.items() if key != "pnl"}
    found = {
        "available_margin": available,
        "initial_margin": required.initial,
        "maintenance_margin": required.maintenance,
        "can_liquidate": verdicts[0],
        "liquidatable": verdicts[0],
    }
    return together(name, [*parts, _stated("account", rest, found)])


def _each_pnl(
    given: list[dict[str, Any]], positions: list[synthetix.Position], wanted: Any
) -> list[Outcome]:
    """Profit of each position, listed in order or by market."""
    named = {one["market"]: held for one, held in zip(given, positions, strict=True)}
    if isinstance(wanted, dict):
        return [_printed(market, pnl, named[market].pnl()) for market, pnl in wanted.items()]
    pairs = zip(wanted, named.items(), strict=False)
    return [_printed(market, pnl, held.pnl()) for pnl, (market, held) in pairs]


def _window(name: str, given: dict[str, Any], wanted: dict[str, Any]) -> Outcome:
    if "max_per_window" in given:
        steps = [(call["t"], call["account"], call) for call in given["calls"]]
        left = _left_after(given, steps, _number(given, "max_per_window"))
        return exactly(name, [Fraction(size) for size in wanted["size_after_call"]], left)
    return _stated(name, wanted, {"max_liquidation_amount": _capacity(given)})


def _capacity(given: dict[str, Any]) -> Fraction:
    short = "multiplier" in given
    return synthetix.window_capacity(
        _number(given, "maker_fee"),
        _number(given, "taker_fee"),
        _number(given, "skew_scale"),
        _number(given, "multiplier" if short else "accumulation_multiplier", 1),
        _number(given, "window" if "window" in given else "window_seconds"),
    )


def _left_after(
    given: dict[str, Any], steps: list[tuple[Any, str, dict[str, Any]]], capacity: Fraction
) -> list[Fraction]:
    """Size of the account named, after each call; the market's skew is what all accounts hold."""
    sizes = {name: Fraction(str(size)) for name, size in given["accounts"].items()}
    seconds = _number(given, "window" if "window" in given else "window_seconds")
    earlier: list[synthetix.Tranche] = []
    left = []
    for time, account, step in steps:
        skew = _number(step, "skew", sum(sizes.values()))
        taken = synthetix.liquidated(
            sizes[account],
            Fraction(str(time)),
            earlier,
            capacity,
            seconds,
            abs(skew) / _number(given, "skew_scale", 1),
            _number(given, "max_pd"),
            bool(step.get("endorsed")),
        )
        sizes[account] -= taken if sizes[account] > 0 else -taken
        if taken:
            earlier.append(synthetix.Tranche(Fraction(str(time)), taken))
        left.append(sizes[account])
    return left


def _keeper_reward(given: dict[str, Any]) -> Fraction:
    margin = given.get("available_margin")
    paid = synthetix.keeper_reward(
        int(given["cost"]),
        int(given.get("reward", 0)),
        int(given.get("min_reward", 0)),
        _number(given, "min_profit_ratio"),
        int(given["max_reward"]),
        _number(given, "max_scaling_ratio"),
        None if margin is None or given.get("flagged") else int(margin),
    )
    return Fraction(paid)


def _required(given: dict[str, Any]) -> dict[str, Any]:
    found = synthetix.required_margin(_snx_position({"entry_oracle": 0} | given))
    return {"initial_margin": found.initial, "maintenance_margin": found.maintenance}


def _defi_synthetix(case: dict[str, Any]) -> Outcome:
    name, given, rule = case["id"], case["inp"], case.get("fn")
    if rule == "portfolio_margin":
        return _account_margin(name, given, case["exp"])
    if rule == "keeper_reward":
        return exactly(name, Fraction(case["exp"]["paid"]), _keeper_reward(given))
    if rule == "required_margins":
        return _stated(name, case["exp"], _required(given))
    if rule == "liquidation_window":
        steps = [(step["t"], step["liq"], step) for step in case["steps"]]
        left = _left_after(given, steps, _capacity(given))
        return exactly(name, [Fraction(step["left"]) for step in case["steps"]], left)
    return skipped(name, f"{rule}: no rule in the notes")


RULES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "account_health_init": _mango,
    "price_impact_usd": _impact,
    "adaptive_funding": _adaptive_funding,
    "liquidation_price": _liquidation_price,
    "liquidation_order_worst_price": _worst_price,
    "funding_hourly": _hourly_funding,
    "fill_price": _fill_price,
    "funding_velocity": _funding_velocity,
}


def _perps(case: dict[str, Any]) -> Outcome:
    name, kind, given, wanted = (case[key] for key in ("id", "kind", "inputs", "expected"))
    if kind == "account_margin":
        return _account_margin(name, given, wanted)
    if kind == "liquidation_window":
        return _window(name, given, wanted)
    if kind not in RULES:
        return skipped(name, f"kind {kind}: no rule in the notes")
    return _stated(name, wanted, RULES[kind](given))


def _cases(document: Any, folder: Path) -> Iterator[Outcome]:
    """Judge each case by itself: one that cannot be read fails alone."""
    judge = _perps if "cases" in document else _defi_synthetix
    for case in document["cases" if "cases" in document else "vectors"]:
        try:
            yield judge(case)
        except (ArithmeticError, LookupError, ValueError) as error:
            yield Outcome(case["id"], "failed", f"{type(error).__name__}: {error}")


FILES: dict[str, Checker] = {
    "perps/mango_v4.json": _cases,
    "perps/synthetix_v3.json": _cases,
    "perps/gmx_v2.json": _cases,
    "perps/injective.json": _cases,
    "defi/synthetix_v3_perps.json": _cases,
}
