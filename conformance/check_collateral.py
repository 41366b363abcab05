"""Collateral: share prices, rate caps, pool shares, Opyn, Panoptic, bridges, venues' haircuts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.margin.collateral import BySize, Flat, Posted, SizeTier, counted
from seawall.money import Rounding, divide
from seawall.protocols import bridge, erc4626, lp_price, opyn, panoptic, rate_cap

ONE = 10**18  # Atoms of a whole coin in the venues' examples.
DOLLAR = 10**10
NOT_STATED = "a kind whose rule neither the notes nor the file states"


def _share_prices(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given, wanted, name = case["inp"], case["exp"], case["id"]
        if case.get("fn") == "collateral_pps":
            spot, smoothed = Fraction(given["spot_pps"]), Fraction(given["smoothed_pps"])
            used = erc4626.believed_ratio(spot, smoothed)
            yield exactly(name, Fraction(wanted["use"]), used)
        else:
            yield skipped(name, NOT_STATED)


def _rate_caps(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given, wanted = case["inp"], case["exp"]
        ratio, snapshot = Fraction(given["ratio"]), Fraction(given["snapshot_ratio"])
        rule = snapshot, int(given["seconds_since_snapshot"]), int(given["max_yearly_growth_bps"])
        ceiling = rate_cap.ratio_ceiling(*rule)
        used = rate_cap.capped_ratio(ratio, *rule)
        found = {
            "max_ratio": ceiling,
            "used": used,
            "shortfall_pct": 100 * (1 - used / ratio),
        }
        yield together(case["id"], [_printed(key, wanted[key], found[key]) for key in wanted])


def _printed(name: str, wanted: str, found: Fraction) -> Outcome:
    """Compare at the digits that the source prints, rounded half to even."""
    scale = 10 ** len(wanted.partition(".")[2])
    scaled = found * scale
    rounded = divide(scaled.numerator, scaled.denominator, Rounding.NEAREST)
    return exactly(name, Fraction(wanted), Fraction(rounded, scale))


def _pool_prices(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given = {key: int(number) for key, number in case["inp"].items()}
        wanted, name, model = case["exp"], case["id"], case["model"]
        reserves = given["r0"], given["r1"]
        if model == "univ2_maker":
            decimals = given["dec0"], given["dec1"]
            fair = lp_price.pair_price_wad(
                *reserves, given["p0"], given["p1"], given["supply"], *decimals
            )
            yield exactly(name, int(wanted["fair"]), fair)
        elif model == "univ2_homora_q112":
            price = lp_price.pair_price_q112(*reserves, given["px0"], given["px1"], given["supply"])
            yield exactly(name, int(wanted["px"]), price)
        elif model == "balancer2_homora":
            price = lp_price.weighted_pair_price_q112(
                *reserves, given["px0"], given["px1"], given["w0"], given["w1"], given["supply"]
            )
            yield exactly(name, int(wanted["px"]), price)
        else:
            yield skipped(name, NOT_STATED)


def _fractions(given: dict[str, Any], *keys: str) -> list[Fraction]:
    return [Fraction(str(given.get(key, 0))) for key in keys]


def _opyn(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given, wanted, name = case["inp"], case["exp"], case["id"]
        right = given["type"]
        if case.get("fn") == "spread_margin":
            amounts = "short_amount", "short_strike", "long_amount", "long_strike", "collateral"
            excess = opyn.excess_collateral(opyn.Vault(right, *_fractions(given, *amounts)))
            yield together(
                name,
                [
                    exactly("is_excess", wanted["is_excess"], excess >= 0),
                    nearly("net", wanted["net"], abs(excess)),
                ],
            )
        elif case.get("fn") == "naked_margin":
            terms = _fractions(given, "amount", "strike", "spot", "upper_bound", "spot_shock")
            yield nearly(name, wanted["margin"], opyn.naked_margin(right, *terms))
        elif case.get("fn") == "auction_price":
            terms = _fractions(given, "strike", "spot", "collateral", "debt", "deviation")
            length = int(given.get("auction", opyn.AUCTION_S))
            price = opyn.auction_price(right, *terms, int(given["elapsed"]), length)
            yield nearly(name, wanted["price"], price)
        else:
            yield skipped(name, NOT_STATED)


def _panoptic(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given, wanted, name = case["inp"], case["exp"], case["id"]
        if case.get("fn") == "sell_ratio":
            found = panoptic.sell_ratio_bps(given["utilization_bps"])
            yield exactly(name, wanted["ratio_bps"], found)
        elif case.get("fn") == "buy_ratio":
            found = panoptic.buy_ratio_bps(given["utilization_bps"])
            yield exactly(name, wanted["ratio_bps"], found)
        elif case.get("fn") == "bonus":
            found = panoptic.liquidation_bonus(given["balance"], given["required"])
            yield exactly(name, wanted["bonus"], found)
        else:
            yield skipped(name, NOT_STATED)


def _bridges(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["vectors"]:
        given, wanted, name = case["inp"], case["exp"], case["id"]
        if case.get("fn") == "ibc_receivable":
            late = bridge.packet_expired(
                given["dest_height"],
                given["dest_time"],
                given.get("timeout_height", 0),
                given.get("timeout_time", 0),
            )
            found = {"receivable": not late, "timeout_provable": late}
            yield exactly(name, wanted, found)
        elif case.get("fn") == "lz_verified":
            verified = bridge.packet_verified(
                given["required"],
                given.get("optional", []),
                given.get("optional_threshold", 0),
                given["attested"],
                given.get("confirmations_ok", True),
            )
            yield exactly(name, wanted["verified"], verified)
        elif case.get("fn") == "cctp_accept":
            accepted = bridge.mint_accepted(
                given["nonce"],
                given.get("used_nonces", []),
                given["finality_executed"],
                given.get("consumer_min_finality", 0),
            )
            yield exactly(name, wanted["accept"], accepted)
        else:
            yield skipped(name, NOT_STATED)


def _atoms(number: float, scale: int) -> int:
    """A decimal that a venue prints, as a whole number of a fine scale; more digits are cut."""
    return int(Decimal(str(number)) * scale)


def _flat(quantity: float, price: float, haircut: float) -> Fraction:
    """Dollars that a balance counts for under one haircut."""
    posted = Posted(_atoms(quantity, ONE), ONE, _atoms(price, DOLLAR))
    return Fraction(counted([Flat(Decimal(str(haircut)))], posted), DOLLAR)


def _by_size(size: float, tiers: list[list[float | None]]) -> Fraction:
    """What a size counts for when each slice has its own share; the last slice has no end."""
    rule, above = [], Decimal(0)
    for end, share in tiers:
        rule.append(SizeTier(above, 1 - Decimal(str(share))))
        above = Decimal(0) if end is None else Decimal(str(end))
    posted = Posted(_atoms(size, ONE), ONE, DOLLAR)
    return Fraction(counted([BySize(tuple(rule))], posted), DOLLAR)


def _haircuts(document: Any, folder: Path) -> Iterator[Outcome]:
    for case in document["cases"]:
        given, name = case["inputs"], case["id"]
        wanted = case.get("expected") or case.get("derived_by_us") or {}
        slack = {"relative": 1e-9, "absolute": case.get("tolerance", 0.0)}
        if "rows" in given:
            rows = [_flat(*row[1:]) for row in given["rows"]]
            pairs = list(zip(wanted["rows"], rows, strict=True))
            found = [nearly("row", number, row, **slack) for number, row in pairs]
            found.append(nearly("total", wanted["total"], sum(rows), **slack))
            yield together(name, found)
        elif "tiers" in given:
            key = "effective_qty" if "qty" in given else "collateral_usd"
            size = given["qty"] if "qty" in given else given["usd"]
            yield nearly(name, wanted[key], _by_size(size, given["tiers"]), **slack)
        elif "balances" in given:
            total = sum(
                _flat(one["qty"], one["price"], float(1 - Decimal(str(one["rate"]))))
                for one in given["balances"]
            )
            yield nearly(name, wanted["sum_equity"], total, **slack)
        elif {"qty", "price", "haircut"} <= given.keys():
            found = _flat(given["qty"], given["price"], given["haircut"])
            yield nearly(name, wanted["collateral"], found, **slack)
        else:
            yield skipped(name, NOT_STATED)


FILES: dict[str, Checker] = {
    "defi/erc4626_share_price.json": _share_prices,
    "defi/lst_rate_cap.json": _rate_caps,
    "defi/lp_fair_price.json": _pool_prices,
    "defi/opyn_gamma_margin.json": _opyn,
    "defi/panoptic_collateral.json": _panoptic,
    "defi/cross_chain_guards.json": _bridges,
    "pm/collateral_haircuts.json": _haircuts,
}
