"""Drift v2: margin, weights, liquidation, fees and shared losses, to the last atom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, skipped, together
from conformance.drift_accounts import (
    BASE,
    FEE,
    PRICE,
    RATIO,
    account,
    atoms,
    margin_type,
    markets,
    perp_market,
    perp_position,
    spot_market,
)
from seawall.protocols import drift_bankruptcy as bankruptcy
from seawall.protocols import drift_liquidation as liquidation
from seawall.protocols import drift_margin as margin

Found = dict[str, tuple[int | None, int]]  # By name: atoms and their decimals.
LIMITLESS = (2**32 - 1, 2**64 - 1, 2**128 - 1)

REASONS = {
    "SufficientCollateral": liquidation.DriftRefusal.ENOUGH_COLLATERAL,
    "UserHasNoPositionInMarket": liquidation.DriftRefusal.NO_POSITION,
    "PositionDoesntHaveOpenPositionOrOrders": liquidation.DriftRefusal.NO_POSITION,
    "InvalidBaseAssetAmountForLiquidatePerp": liquidation.DriftRefusal.SIZE_BELOW_STEP,
    "LiquidationDoesntSatisfyLimitPrice": liquidation.DriftRefusal.LIMIT_PRICE,
    "InsufficientCollateral": liquidation.DriftRefusal.LIQUIDATOR_LACKS_MARGIN,
}


def _account_margin(given: dict[str, Any]) -> Found:
    listed = markets(given)
    terms = margin.Terms(
        margin_type(given),
        bool(given.get("strict_oracle")),
        atoms(given, "liquidation_buffer", RATIO),
        atoms(given, "margin_ratio_override", RATIO),
    )
    found = margin.account_margin(account(given["account"], listed.spot), listed, terms)
    numbers = _sums(found.cross, "")
    for one in found.isolated.values():
        numbers |= _sums(one, "isolated_")
    return numbers


def _sums(found: margin.Margin, prefix: str) -> Found:
    return {
        f"{prefix}margin_requirement": (found.requirement, PRICE),
        f"{prefix}total_collateral": (found.collateral, PRICE),
        f"{prefix}margin_requirement_plus_buffer": (found.requirement_with_buffer, PRICE),
        f"{prefix}total_collateral_plus_buffer": (found.collateral_with_buffer, PRICE),
        f"{prefix}total_collateral_buffer": (
            found.collateral_with_buffer - found.collateral,
            PRICE,
        ),
        f"{prefix}margin_shortage": (found.shortage(), PRICE),
    }


def _position_margin(given: dict[str, Any]) -> Found:
    quote = spot_market({"oracle_price": given.get("quote_oracle_price")})
    found = margin.perp_margin(
        perp_position(given["position"]),
        perp_market(given["market"]),
        quote,
        margin.Terms(margin_type(given)),
        atoms(given, "custom_margin_ratio", RATIO),
        bool(given.get("high_leverage_user")),
    )
    return {
        "margin_requirement": (found.requirement, PRICE),
        "weighted_pnl": (found.weighted_pnl, PRICE),
        "worst_case_liability_value": (found.liability_value, PRICE),
    }


def _perp_ratio(given: dict[str, Any]) -> Found:
    market, high = perp_market(given["market"]), bool(given.get("high_leverage_user"))
    ratio = margin.perp_ratio(market, abs(atoms(given, "base", BASE)), margin_type(given), high)
    return {"margin_ratio": (ratio, RATIO)}


def _spot_weights(given: dict[str, Any]) -> Found:
    market = spot_market(given["market"])
    if "oracle_price" in given:
        market = market._replace(oracle_price=atoms(given, "oracle_price", PRICE))
    amount = abs(atoms(given, "amount", market.decimals))
    return {
        "asset_weight": (margin.asset_weight(market, amount, margin_type(given)), RATIO),
        "liability_weight": (margin.liability_weight(market, amount, margin_type(given)), RATIO),
        "initial_asset_weight": (margin.scaled_asset_weight(market), RATIO),
    }


def _base_to_cover(given: dict[str, Any]) -> Found:
    base = liquidation.base_to_cover(
        atoms(given, "margin_shortage", PRICE),
        atoms(given, "margin_ratio", RATIO),
        atoms(given, "liquidator_fee_rate", FEE),
        atoms(given, "insurance_fund_fee_rate", FEE),
        atoms(given, "oracle_price", PRICE),
        atoms(given, "quote_oracle_price", PRICE, 1),
    )
    return {"base": (base, BASE)}


def _pair(given: dict[str, Any], side: str) -> tuple[int, int]:
    multiplier = atoms(given, f"{side}_liquidation_multiplier", FEE, 1)
    return atoms(given, f"{side}_weight", RATIO), multiplier


def _leg(given: dict[str, Any], side: str) -> liquidation.Leg:
    return liquidation.Leg(
        int(given[f"{side}_decimals"]),
        atoms(given, f"{side}_price", PRICE),
        _pair(given, side)[1],
    )


def _liability_to_cover(given: dict[str, Any]) -> Found:
    decimals = int(given["liability_decimals"])
    transfer = liquidation.liability_to_cover(
        atoms(given, "margin_shortage", PRICE),
        _pair(given, "asset"),
        _pair(given, "liability"),
        decimals,
        atoms(given, "liability_price", PRICE),
        atoms(given, "insurance_fund_fee_rate", FEE),
    )
    return {"liability_transfer": (transfer, decimals)}


def _liability_for_asset(given: dict[str, Any]) -> Found:
    asset, liability = _leg(given, "asset"), _leg(given, "liability")
    amount = atoms(given, "asset_amount", asset.decimals)
    repaid = liquidation.liability_for_asset(amount, asset, liability)
    return {"liability_transfer": (repaid, liability.decimals)}


def _asset_for_liability(given: dict[str, Any]) -> Found:
    asset, liability = _leg(given, "asset"), _leg(given, "liability")
    amount = atoms(given, "liability_amount", liability.decimals)
    held = atoms(given, "asset_amount", asset.decimals)
    taken = liquidation.asset_for_liability(amount, held, asset, liability)
    return {"asset_transfer": (taken, asset.decimals)}


def _perp_fee(given: dict[str, Any]) -> Found:
    fee = liquidation.perp_insurance_fee(
        atoms(given, "margin_shortage", PRICE),
        abs(atoms(given, "base", BASE)),
        atoms(given, "margin_ratio", RATIO),
        atoms(given, "liquidator_fee_rate", FEE),
        atoms(given, "oracle_price", PRICE),
        atoms(given, "max_insurance_fund_fee_rate", FEE),
        atoms(given, "quote_oracle_price", PRICE, 1),
    )
    return {"insurance_fund_fee_rate": (fee, FEE)}


def _spot_fee(given: dict[str, Any]) -> Found:
    decimals = int(given["liability_decimals"])
    fee = liquidation.spot_insurance_fee(
        atoms(given, "margin_shortage", PRICE),
        atoms(given, "token_amount", decimals),
        _pair(given, "asset"),
        _pair(given, "liability"),
        decimals,
        atoms(given, "liability_price", PRICE),
        atoms(given, "max_insurance_fund_fee_rate", FEE),
    )
    return {"insurance_fund_fee_rate": (fee, FEE)}


def _fee_ramp(given: dict[str, Any]) -> Found:
    fee = liquidation.fee_ramp(
        atoms(given, "base_fee_rate", FEE),
        atoms(given, "max_fee_rate", FEE),
        int(given["slot"]) - int(given.get("last_active_slot", 0)),
        int(given.get("grace_slots", liquidation.GRACE_SLOTS)),
        atoms(given, "increase_per_slot", FEE, "0.000001"),
    )
    return {"fee_rate": (fee, FEE)}


def _share(given: dict[str, Any]) -> Found:
    freed = "margin_freed" if "margin_freed" in given else "user_margin_freed_so_far"
    active = "last_active_slot" if "last_active_slot" in given else "user_last_active_slot"
    share = liquidation.share_allowed(
        atoms(given, "margin_shortage", PRICE),
        atoms(given, freed, PRICE),
        int(given.get("slot", 0)) - int(given.get(active, 0)),
        atoms(given, "initial_pct_to_liquidate", RATIO),
        int(given.get("liquidation_duration_slots", 0)),
    )
    return dict.fromkeys(("max_pct_to_liquidate", "max_pct", "pct"), (share, RATIO))


def _perp_loss(given: dict[str, Any]) -> Found:
    sizes = (atoms(given, key, BASE) for key in ("open_long_base", "open_short_base"))
    delta = bankruptcy.funding_delta(atoms(given, "loss", PRICE), *sizes)
    return {"cumulative_funding_delta_quote_per_base": (delta, BASE)}


def _spot_loss(given: dict[str, Any]) -> Found:
    delta = bankruptcy.deposit_interest_delta(
        atoms(given, "unpaid_borrow", PRICE),
        atoms(given, "total_deposits", PRICE),
        atoms(given, "cumulative_deposit_interest", 10),
    )
    return {"cumulative_deposit_interest_delta": (delta, 10)}


def _resolve(given: dict[str, Any]) -> Found:
    allowed = atoms(given, "market_max_insurance", PRICE)
    sizes = [atoms(given, key, BASE) for key in ("open_long_base", "open_short_base")]
    found = bankruptcy.resolve_bankruptcy(
        abs(atoms(given, "bankrupt_quote", PRICE)),
        atoms(given, "insurance_fund_balance", PRICE),
        allowed - atoms(given, "market_settled_insurance", PRICE),
        atoms(given, "fee_pool", PRICE),
        sizes[0],
        sizes[1],
    )
    long, short = (
        atoms(given, f"cumulative_funding_{side}_before", BASE) for side in ("long", "short")
    )
    return {
        "cumulative_funding_long_after": (long + found.funding_delta, BASE),
        "cumulative_funding_short_after": (short - found.funding_delta, BASE),
        "total_social_loss": (found.shared, PRICE),
        "insurance_payment": (found.from_insurance, PRICE),
        "fee_pool_payment": (found.from_fees, PRICE),
    }


def _rebase(given: dict[str, Any]) -> Found:
    digits, divisor = bankruptcy.rebase(int(given["total_shares"]), int(given["fund_balance"]))
    return {"expo_diff": (digits, 0), "divisor": (divisor, 0)}


def _liquidate(case: dict[str, Any]) -> Outcome:
    given, wanted, name = case["inputs"], case["expected"], case["id"]
    listed = markets(given)
    call = liquidation.Liquidation(
        market=int(given.get("market", 0)),
        base_max=atoms(given, "liquidator_max_base", BASE),
        limit_price=(
            None if given.get("limit_price") is None else atoms(given, "limit_price", PRICE)
        ),
        buffer=atoms(given, "liquidation_buffer", RATIO),
        initial_share=atoms(given, "initial_pct_to_liquidate", RATIO),
        duration_slots=int(given.get("liquidation_duration_slots", 0)),
        slot=int(given.get("slot", 0)),
        last_active_slot=int(given.get("user_last_active_slot", 0)),
        margin_freed=atoms(given, "user_margin_freed_so_far", PRICE),
        under_way=bool(given.get("already_being_liquidated")),
    )
    user, liquidator = (account(given[who], listed.spot) for who in ("user", "liquidator"))
    found = liquidation.liquidate(user, liquidator, listed, call)
    if "error" in wanted:
        return exactly(name, REASONS.get(wanted["error"], wanted["error"]), found)
    if isinstance(found, liquidation.DriftRefusal):
        return Outcome(name, "failed", f"refused: {found.name}")
    after: dict[str, Found] = {
        "user": _shown(found.user, call.market)
        | {
            "last_active_slot": (found.last_active_slot, 0),
            "liquidation_margin_freed": (found.margin_freed, PRICE),
        },
        "liquidator": _shown(found.liquidator, call.market),
        "market": {"total_liquidation_fee": (found.insurance_fee, PRICE)},
    }
    parts = [
        _compared(part, wanted[part], after[part]) for part in after if wanted.get(part) is not None
    ]
    if "still_being_liquidated" in wanted:
        ended = wanted["still_being_liquidated"]
        parts.append(exactly("still_being_liquidated", ended, found.still_liquidated))
    return together(name, parts)


def _shown(account: margin.Account, market: int) -> Found:
    for held in account.perp:
        if held.market == market:
            quote = held.quote
            entry = quote if held.entry is None else held.entry
            even = quote if held.break_even is None else held.break_even
            return {
                "base_asset_amount": (held.base, BASE),
                "quote_asset_amount": (quote, PRICE),
                "quote_entry_amount": (entry, PRICE),
                "quote_break_even_amount": (even, PRICE),
                "open_orders": (held.open_orders, 0),
                "open_bids": (held.open_bids, BASE),
                "open_asks": (held.open_asks, BASE),
            }
    return {}


def _compared(name: str, wanted: dict[str, Any], found: Found) -> Outcome:
    """Every number that the source states; one that is without limit is the largest of its type."""
    parts = []
    for key, value in wanted.items():
        if key not in found:
            return Outcome(name, "failed", f"asks for {key}, which the rule does not give")
        number, decimals = found[key]
        try:
            expected: Fraction | None = Fraction(str(value)) * 10**decimals
        except ValueError:
            expected = None  # A word: "unlimited".
        if number is None and expected in LIMITLESS:
            expected = None
        parts.append(exactly(key, expected, number))
    return together(name, parts)


RULES: dict[str, Callable[[dict[str, Any]], Found]] = {
    "account_margin": _account_margin,
    "perp_position_margin": _position_margin,
    "perp_margin_ratio": _perp_ratio,
    "spot_asset_weight": _spot_weights,
    "spot_liability_weight": _spot_weights,
    "spot_asset_weight_deposit_scaled": _spot_weights,
    "base_to_cover_margin_shortage": _base_to_cover,
    "liability_transfer_to_cover_margin_shortage": _liability_to_cover,
    "liability_transfer_implied_by_asset": _liability_for_asset,
    "asset_transfer_for_liability": _asset_for_liability,
    "perp_insurance_fee_rate": _perp_fee,
    "spot_insurance_fee_rate": _spot_fee,
    "liquidation_fee_ramp": _fee_ramp,
    "max_pct_to_liquidate": _share,
    "social_loss_perp": _perp_loss,
    "social_loss_spot": _spot_loss,
    "resolve_perp_bankruptcy": _resolve,
    "insurance_fund_rebase": _rebase,
}


def _judged(case: dict[str, Any]) -> Outcome:
    if case["kind"] == "liquidate_perp":
        return _liquidate(case)
    rule = RULES.get(case["kind"])
    if rule is None:
        return skipped(case["id"], f"kind {case['kind']}: no rule in the notes")
    return _compared(case["id"], case["expected"], rule(case["inputs"]))


def _drift(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        try:
            yield _judged(case)
        except (ArithmeticError, LookupError, ValueError) as error:
            yield Outcome(case["id"], "failed", f"{type(error).__name__}: {error}")


FILES: dict[str, Checker] = {"perps/drift_v2.json": _drift}
