"""Drift v2: accounts and markets of a vector file, in the atoms of our rules."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from seawall.protocols import drift_margin as margin

PRICE, BASE, RATIO, FEE = 6, 9, 4, 6  # Decimals of each scale.


def atoms(given: dict[str, Any], key: str, decimals: int, default: object = 0) -> int:
    value = given.get(key)
    scaled = Decimal(str(default if value is None else value)).scaleb(decimals)
    return int(scaled.to_integral_value(ROUND_DOWN))


def spot_market(given: dict[str, Any]) -> margin.SpotMarket:
    decimals = int(given.get("decimals", 6))
    return margin.SpotMarket(
        number=int(given.get("index", 0)),
        decimals=decimals,
        initial_asset_weight=atoms(given, "initial_asset_weight", RATIO),
        maintenance_asset_weight=atoms(given, "maintenance_asset_weight", RATIO),
        initial_liability_weight=atoms(given, "initial_liability_weight", RATIO),
        maintenance_liability_weight=atoms(given, "maintenance_liability_weight", RATIO),
        imf_factor=atoms(given, "imf_factor", FEE),
        oracle_price=atoms(given, "oracle_price", PRICE, 1),
        twap_price=atoms(given, "oracle_twap_5min", PRICE),
        scale_start=atoms(given, "scale_initial_asset_weight_start", PRICE),
        total_deposits=atoms(given, "total_deposits", decimals),
    )


def perp_market(given: dict[str, Any]) -> margin.PerpMarket:
    return margin.PerpMarket(
        number=int(given.get("index", 0)),
        initial_ratio=atoms(given, "margin_ratio_initial", RATIO),
        maintenance_ratio=atoms(given, "margin_ratio_maintenance", RATIO),
        imf_factor=atoms(given, "imf_factor", FEE),
        initial_profit_weight=atoms(given, "unrealized_pnl_initial_asset_weight", RATIO),
        maintenance_profit_weight=atoms(given, "unrealized_pnl_maintenance_asset_weight", RATIO),
        profit_imf_factor=atoms(given, "unrealized_pnl_imf_factor", FEE),
        oracle_price=atoms(given, "oracle_price", PRICE),
        liquidator_fee=atoms(given, "liquidator_fee_rate", FEE),
        insurance_fee=atoms(given, "insurance_fund_fee_rate", FEE),
        size_step=max(1, atoms(given, "size_step", BASE)),
        high_leverage_initial=atoms(given, "high_leverage_margin_ratio_initial", RATIO),
        high_leverage_maintenance=atoms(given, "high_leverage_margin_ratio_maintenance", RATIO),
        predicts=given.get("contract_type") == "Prediction",
        settles=given.get("status") == "Settlement",
        expiry_price=atoms(given, "expiry_price", PRICE),
    )


def perp_position(given: dict[str, Any]) -> margin.PerpPosition:
    return margin.PerpPosition(
        market=int(given.get("market", 0)),
        base=atoms(given, "base", BASE),
        quote=atoms(given, "quote", PRICE),
        open_orders=int(given.get("open_orders", 0)),
        open_bids=atoms(given, "open_bids", BASE),
        open_asks=atoms(given, "open_asks", BASE),
        custom_ratio=atoms(given, "custom_margin_ratio", RATIO),
        isolated=bool(given.get("isolated")),
        isolated_collateral=atoms(given, "isolated_collateral", PRICE),
    )


def account(given: dict[str, Any], spot: dict[int, margin.SpotMarket]) -> margin.Account:
    positions = []
    for position in given.get("spot", []):
        number = int(position.get("market", 0))
        decimals = spot[number].decimals
        amounts = (atoms(position, key, decimals) for key in ("amount", "open_bids", "open_asks"))
        amount, bids, asks = amounts
        orders = int(position.get("open_orders", 0))
        positions.append(margin.SpotPosition(number, amount, orders, bids, asks))
    return margin.Account(
        tuple(positions),
        tuple(perp_position(position) for position in given.get("perp", [])),
        atoms(given, "custom_margin_ratio", RATIO),
        bool(given.get("high_leverage_user")),
    )


def markets(given: dict[str, Any]) -> margin.Markets:
    spot = [spot_market(market) for market in given.get("spot_markets", [])]
    perp = [perp_market(market) for market in given.get("perp_markets", [])]
    return margin.Markets({one.number: one for one in spot}, {one.number: one for one in perp})


def margin_type(given: dict[str, Any]) -> margin.MarginType:
    return margin.MarginType[str(given.get("margin_type", "Initial")).upper()]
