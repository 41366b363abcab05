"""Binance, Bybit, OKX, Gate, Hyperliquid, Paradex and BitMEX against the numbers they print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.protocols import binance, bitmex, bybit, hyperliquid, okx, paradex

Inputs = Mapping[str, Any]
BINANCE_TIERS = "binance_leverage_tiers.compact.json"
BYBIT_TICK = Fraction(1, 2)  # Of the inverse contract of the page's example.
ZERO = Fraction(0)


def number(inputs: Inputs, *names: str, default: Fraction | None = None) -> Fraction:
    """The first field that is there, as a fraction."""
    for name in names:
        if inputs.get(name) is not None:
            return Fraction(str(inputs[name]))
    if default is None:
        raise KeyError(names[0])
    return default


def optional(inputs: Inputs, *names: str) -> Fraction:
    return number(inputs, *names, default=ZERO)


def is_long(inputs: Inputs) -> bool:
    return str(inputs["side"]).lower() in {"long", "buy"}


def printed(name: str, expected: object, found: Fraction | None) -> Outcome:
    """Agree to 1e-9 relative, or to half a unit of the last decimal where some are printed."""
    text = "0" if expected is None else str(expected)
    places = -int(Decimal(text).as_tuple().exponent)
    return nearly(name, text, found or 0, absolute=0.5000001 * 10.0**-places if places > 0 else 0)


def all_printed(name: str, expected: Inputs, found: Mapping[str, Fraction | None]) -> Outcome:
    """Every number that the source prints; one that our rule does not give is a failure."""
    if missing := sorted(expected.keys() - found.keys()):
        return Outcome(name, "failed", f"no rule gives {', '.join(missing)}")
    return together(name, [printed(key, expected[key], found[key]) for key in expected])


def binance_leg(position: Inputs) -> binance.Leg:
    size = abs(number(position, "size"))
    entry = number(position, "entry_price")
    return binance.Leg(
        size if is_long(position) else -size,
        entry,
        number(position, "mark_price", default=entry),
        optional(position, "maintenance_margin_rate"),
        optional(position, "maintenance_amount"),
    )


def binance_isolated(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    wallet = number(inputs, "isolated_wallet_balance", "wallet_balance")
    leg = binance_leg(inputs)
    if inputs.get("contract") == "inverse":
        price = binance.inverse_liquidation_price(wallet, leg)
    else:
        price = binance.liquidation_price(wallet, [leg])
    return all_printed(case["id"], case["expected"], {"liquidation_price": price})


def binance_cross(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    positions = inputs["positions"]
    target = inputs.get("target", positions[0].get("symbol"))
    legs = [binance_leg(one) for one in positions if one.get("symbol") == target]
    others = [binance_leg(one) for one in positions if one.get("symbol") != target]
    price = binance.liquidation_price(number(inputs, "wallet_balance"), legs, others)
    return all_printed(case["id"], case["expected"], {"liquidation_price": price})


def binance_tier(case: Inputs, tiers: list[Inputs]) -> Outcome:
    """Our amounts come from floors and rates alone; the table's own must agree with them."""
    lines = [(number(t, "min_notional"), number(t, "maintenance_margin_rate")) for t in tiers]
    ours = binance.tiers_of(lines)
    notional = number(case["inputs"], "notional")
    index = binance.tier_at(ours, notional)
    found = {
        "tier": Fraction(index + 1),
        "maintenance_margin_rate": ours[index].rate,
        "maintenance_amount": ours[index].amount,
        "maintenance_margin": binance.maintenance_margin(ours, notional),
        "max_leverage": optional(tiers[index], "max_leverage"),
    }
    table = exactly("table", number(tiers[index], "maintenance_amount"), ours[index].amount)
    return together(case["id"], [all_printed("case", case["expected"], found), table])


def binance_maintenance(case: Inputs, folder: Path) -> Outcome:
    inputs = case["inputs"]
    if "tiers" in inputs:
        return binance_tier(case, inputs["tiers"])
    file = folder.parents[1] / "reference" / "tiers" / BINANCE_TIERS
    if not file.exists():
        return skipped(case["id"], f"the table {BINANCE_TIERS} is not there")
    symbols = json.loads(file.read_text(encoding="utf-8"))["symbols"]
    if inputs["symbol"] not in symbols:
        return skipped(case["id"], f"the table {BINANCE_TIERS} does not list {inputs['symbol']}")
    return binance_tier(case, symbols[inputs["symbol"]])


def bybit_prices(inputs: Inputs) -> dict[str, Fraction | None]:
    long, entry = is_long(inputs), number(inputs, "entry_price")
    rate, fee = optional(inputs, "maintenance_margin_rate"), optional(inputs, "taker_fee_rate")
    if inputs.get("contract") == "inverse":
        face = number(inputs, "quantity_usd", "quantity", "size")
        if inputs.get("leverage") is not None:
            available = face / entry / number(inputs, "leverage")
            available += optional(inputs, "extra_margin")
        else:
            available = number(inputs, "account_balance_btc", "account_balance")
            available -= optional(inputs, "order_margin_btc", "order_margin")
        gone, price = bybit.inverse_cross_prices(long, face, entry, available, rate, fee)
        price = price and bybit.on_tick(long, price, BYBIT_TICK)
    else:
        leverage = number(inputs, "leverage")
        gone = bybit.linear_bankruptcy_price(long, entry, leverage)
        price = bybit.linear_liquidation_price(
            long,
            number(inputs, "size", "quantity", default=Fraction(1)),
            entry,
            leverage,
            rate,
            optional(inputs, "maintenance_margin_deduction"),
            optional(inputs, "extra_margin"),
            fee,
        )
    return {"bankruptcy_price": gone, "liquidation_price": price}


def bybit_liquidation(case: Inputs, _: Path) -> Outcome:
    return all_printed(case["id"], case["expected"], bybit_prices(case["inputs"]))


def bybit_bankruptcy(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    rule = bybit.linear_bankruptcy_price
    if inputs.get("contract") == "inverse":
        rule = bybit.inverse_bankruptcy_price
    price = rule(is_long(inputs), number(inputs, "entry_price"), number(inputs, "leverage"))
    return all_printed(case["id"], case["expected"], {"bankruptcy_price": price})


def okx_isolated(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    size, entry = number(inputs, "size"), number(inputs, "entry_price")
    initial = size * entry / number(inputs, "leverage", default=Fraction(1))
    price = okx.isolated_liquidation_price(
        is_long(inputs),
        size,
        entry,
        number(inputs, "margin", default=initial),
        optional(inputs, "maintenance_margin_rate"),
        optional(inputs, "taker_fee_rate"),
    )
    return all_printed(case["id"], case["expected"], {"liquidation_price": price})


def hyperliquid_tiers(inputs: Inputs) -> tuple[hyperliquid.Tier, ...]:
    lines = [(number(t, "min_notional"), number(t, "max_leverage")) for t in inputs["tiers"]]
    return hyperliquid.tiers_of(lines)


def hyperliquid_maintenance(case: Inputs, _: Path) -> Outcome:
    tiers, notional = hyperliquid_tiers(case["inputs"]), number(case["inputs"], "notional")
    tier = hyperliquid.tier_of(tiers, notional)
    found = {
        "maintenance_margin_rate": tier.rate,
        "maintenance_deduction": tier.deduction,
        "maintenance_margin": hyperliquid.maintenance_margin(tiers, notional),
    }
    # The source rounds a third of a rate to twelve digits before it goes on with it.
    return together(case["id"], [nearly(k, v, found[k]) for k, v in case["expected"].items()])


def hyperliquid_liquidation(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    size, mark = abs(number(inputs, "size")), number(inputs, "mark_price", "price")
    if inputs.get("maintenance_margin_rate") is not None:
        rate = number(inputs, "maintenance_margin_rate")
        owed = size * mark * rate - optional(inputs, "maintenance_deduction")
    elif inputs.get("tiers"):
        tiers = hyperliquid_tiers(inputs)
        rate = hyperliquid.tier_of(tiers, size * mark).rate
        owed = hyperliquid.maintenance_margin(tiers, size * mark)
    else:
        leverage = inputs.get("maintenance_leverage")
        rate = 1 / (Fraction(str(leverage)) if leverage else 2 * number(inputs, "max_leverage"))
        owed = size * mark * rate
    if inputs.get("margin_available") is not None:
        available = number(inputs, "margin_available")
    else:
        value = number(inputs, "account_value", "isolated_margin", "equity")
        available = value - number(inputs, "maintenance_margin", default=owed)
    price = hyperliquid.liquidation_price(is_long(inputs), size, mark, available, rate)
    return all_printed(case["id"], case["expected"], {"liquidation_price": price})


def hyperliquid_index(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    index = hyperliquid.deleveraging_index(
        is_long(inputs),
        number(inputs, "mark_price"),
        number(inputs, "entry_price"),
        number(inputs, "notional"),
        number(inputs, "account_value"),
    )
    return all_printed(case["id"], case["expected"], {"index": index})


def bitmex_rank(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    rank = bitmex.deleveraging_rank(
        is_long(inputs),
        inputs.get("contract") == "inverse",
        number(inputs, "entry_price"),
        number(inputs, "mark_price"),
        number(inputs, "bankruptcy_price"),
    )
    return all_printed(case["id"], case["expected"], rank._asdict())


def paradex_initial(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    margin = paradex.initial_margin(
        optional(inputs, "position"),
        optional(inputs, "buy_orders"),
        optional(inputs, "sell_orders"),
        number(inputs, "imf"),
        number(inputs, "mark"),
        optional(inputs, "fee_provision"),
        optional(inputs, "open_loss"),
    )
    found = {
        "buy_open_size": margin.buy_open_size,
        "sell_open_size": margin.sell_open_size,
        "net_imr": margin.net,
        "imr": margin.requirement,
    }
    return all_printed(case["id"], case["expected"], found)


def paradex_partial(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    left = paradex.partial_liquidation(
        number(inputs, "account_value"),
        number(inputs, "maintenance_margin"),
        number(inputs, "liquidation_share"),
        optional(inputs, "liquidation_fee"),
    )
    found = {
        "new_maintenance_margin": left.maintenance,
        "liquidation_penalty": left.penalty,
        "new_account_value": left.account_value,
        "new_margin_ratio": left.margin_ratio,
    }
    return all_printed(case["id"], case["expected"], found)


def paradex_choice(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    chosen = paradex.smallest_liquidation(
        number(inputs, "account_value"),
        number(inputs, "maintenance_margin"),
        optional(inputs, "liquidation_fee"),
        number(inputs, "step", default=Fraction(1, 5)),
        number(inputs, "target_margin_ratio", default=Fraction(9, 10)),
    )
    realized = -optional(inputs, "unrealized_pnl") * chosen.share
    found = {
        "liquidation_share": chosen.share,
        "penalty": chosen.penalty,
        "realized_loss": realized,
        "remaining_collateral": optional(inputs, "collateral") - realized - chosen.penalty,
    }
    return all_printed(case["id"], case["expected"], found)


def paradex_orders(case: Inputs, _: Path) -> Outcome:
    def read(lines: list[list[str]]) -> list[paradex.Order]:
        return [paradex.Order(s == "buy", Fraction(size), Fraction(p)) for s, size, p in lines]

    kept = paradex.orders_kept(number(case["inputs"], "position"), read(case["inputs"]["orders"]))
    return exactly(case["id"], read(case["expected"]["remaining_orders"]), kept)


def paradex_funding(case: Inputs, _: Path) -> Outcome:
    inputs = case["inputs"]
    paid = paradex.funding(
        number(inputs, "position", default=Fraction(1)),
        number(inputs, "spot"),
        number(inputs, "premium_rate"),
        optional(inputs, "seconds"),
        number(inputs, "baseline", default=Fraction(1, 10_000)),
        number(inputs, "clamp", default=Fraction(5, 10_000)),
        optional(inputs, "max_rate") or None,
        number(inputs, "period_s", default=Fraction(28_800)),
        number(inputs, "usdc_price", default=Fraction(1)),
    )
    found = {
        "raw_rate": paid.rate,
        "premium_per_period": paid.premium,
        "index_delta": paid.index_change,
        "pnl": paid.pnl,
    }
    return all_printed(case["id"], case["expected"], found)


def paradex_loss(case: Inputs, _: Path) -> Outcome:
    inputs, expected = case["inputs"], case["expected"]
    balances = number(inputs, "total_exchange_balance")
    fund, withdrawal = optional(inputs, "insurance_fund"), optional(inputs, "withdrawal")
    owed = number(inputs, "users_bankruptcy")
    shared = paradex.shared_loss(owed, fund, balances, withdrawal)
    if shared.shortfall and optional(expected, "factor") == shared.shortfall / balances:
        reason = "the page's example divides by the balances; its formula adds the shortfall"
        return skipped(case["id"], reason)
    found = {
        "exchange_bankruptcy": shared.shortfall,
        "factor": shared.factor,
        "to_fund": shared.to_fund,
        "to_user": shared.to_user,
    }
    return all_printed(case["id"], expected, found)


Rule = Callable[[Inputs, Path], Outcome]


def judge(rules: Mapping[str, Rule]) -> Checker:
    """Judge a file's cases by kind."""

    def check(document: Any, folder: Path) -> Iterator[Outcome]:
        for case in document["cases"]:
            rule = rules.get(case["kind"])
            if rule is None:
                yield skipped(case["id"], f"no rule of ours for the kind {case['kind']}")
                continue
            try:
                yield rule(case, folder)
            except KeyError as missing:
                yield skipped(case["id"], f"the kind {case['kind']} does not state {missing}")

    return check


FILES: dict[str, Checker] = {
    "perps/binance_usdm.json": judge(
        {
            "isolated_liquidation_price": binance_isolated,
            "cross_liquidation_price": binance_cross,
            "tier_lookup": binance_maintenance,
            "tier_maintenance_margin": binance_maintenance,
        }
    ),
    "perps/bybit.json": judge(
        {
            "isolated_liquidation_price": bybit_liquidation,
            "cross_liquidation_price": bybit_liquidation,
            "bankruptcy_price": bybit_bankruptcy,
            "adl_rank": bitmex_rank,
        }
    ),
    "perps/okx_gate.json": judge({"isolated_liquidation_price": okx_isolated}),
    "perps/hyperliquid.json": judge(
        {
            "tier_maintenance_margin": hyperliquid_maintenance,
            "liquidation_price": hyperliquid_liquidation,
            "isolated_liquidation_price": hyperliquid_liquidation,
            "cross_liquidation_price": hyperliquid_liquidation,
            "adl_index": hyperliquid_index,
        }
    ),
    "perps/paradex.json": judge(
        {
            "initial_margin_with_orders": paradex_initial,
            "partial_liquidation": paradex_partial,
            "partial_liquidation_choice": paradex_choice,
            "account_deleveraging_orders": paradex_orders,
            "funding": paradex_funding,
            "socialised_loss_factor": paradex_loss,
        }
    ),
    "perps/bitmex.json": judge({"adl_rank": bitmex_rank}),
}
