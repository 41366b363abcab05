"""The monitor's reading as clients see it: JSON numbers, ratios and numeraire, all modelled."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from seawall.money import format_atoms
from seawall.pricing import Floats
from seawall.service.monitor.assumptions import Assumptions
from seawall.service.monitor.moment import Moment
from seawall.service.monitor.reading import Depth, SideReading, SystemReading, UnderLaw
from seawall.systemic import AtRisk, Ladder

BUCKETS = 80
BUCKET = 0.005  # Width, as a ratio of the price.


def number(value: float | None) -> float | None:
    """A JSON number; what is not finite is not known."""
    return None if value is None or not math.isfinite(value) else float(value)


def price_text(moment: Moment, coin: int) -> str:
    """The price at which everything was read."""
    venue = moment.venue
    return format_atoms(venue.snapshot.price[coin], venue.catalogue.numeraire.decimals)


def side_shown(moment: Moment, found: SideReading, price: float, by: Assumptions) -> dict[str, Any]:
    """One coin and side: the headline under one law, and every law beside it."""
    steps = found.ladder
    headline = found.under[by.law]
    return {
        "accounts": int(steps.closing.account.size),
        "notional": number(float(steps.forced[-1]) * price),
        "depth": _depth(found.depth, price),
        **_gains(headline),
        "shocked": _shocked(headline, price),
        "by_law": [_law(name, one, price) for name, one in found.under.items()],
        "at_risk": _risk(headline.risk, price, by),
        "contributors": [
            {
                "account": moment.names[one.account],
                "notional": number(one.units * price),
                "price": number(one.price),
                "impact": number(one.impact / price),
            }
            for one in found.worst
        ],
        "concentration": {
            "top_1": found.top[0],
            "top_10": found.top[1],
            "top_100": found.top[2],
            "hill": number(found.hill),
        },
    }


def _depth(depth: Depth, price: float) -> dict[str, Any]:
    return {
        "told": depth.told,
        "units": number(depth.units),
        "notional": number(depth.units * price),
        "within": depth.within,
    }


def _gains(under: UnderLaw) -> dict[str, Any]:
    reading = under.reading
    return {
        "r0": number(under.here),
        "largest_r0": None if reading is None else number(reading.largest_gain),
        "to_cascade": None if reading is None else number(reading.to_cascade),
        "to_bad_debt": number(under.to_bad_debt),
        "to_empty_fund": None if reading is None else number(reading.to_empty_fund),
    }


def _shocked(under: UnderLaw, price: float) -> dict[str, Any] | None:
    if under.reading is None:
        return None
    fall = under.reading.cascade
    return {
        "shock": number(fall.shocked / price - 1.0),
        "final": number(fall.final / price - 1.0),
        "amplification": number(fall.amplification),
        "accounts": fall.accounts,
        "notional": number(fall.forced * price),
        "bad_debt": number(fall.bad_debt),
        "fund_left": number(fall.fund_left),
    }


def _law(name: str, under: UnderLaw, price: float) -> dict[str, Any]:
    fall, risk = None if under.reading is None else under.reading.cascade, under.risk
    return {
        "law": name,
        **_gains(under),
        "amplification": None if fall is None else number(fall.amplification),
        "notional": None if fall is None else number(fall.forced * price),
        "bad_debt": None if fall is None else number(fall.bad_debt),
        "liquidation_at_risk": None if risk is None else number(risk.liquidation * price),
        "bad_debt_at_risk": None if risk is None else number(risk.value),
    }


def _risk(risk: AtRisk | None, price: float, by: Assumptions) -> dict[str, Any] | None:
    if risk is None:
        return None
    return {
        "confidence": risk.confidence,
        "volatility_day": by.volatility_day,
        "liquidation": number(risk.liquidation * price),
        "margin": number(risk.margin),
        "bad_debt": number(risk.value),
        "expected_shortfall": number(risk.expected_shortfall),
        "fall": number(risk.fall),
        "fund_emptied": number(risk.fund_emptied),
    }


def system_shown(
    moment: Moment, coins: tuple[int, ...], found: SystemReading, by: Assumptions
) -> dict[str, Any]:
    """All coins at once."""
    names = moment.venue.catalogue.coins
    return {
        "r0": number(found.by_law.get(by.law)),
        "by_law": {name: number(gain) for name, gain in found.by_law.items()},
        "accounts": found.accounts,
        "by_coin": {
            names[coin].id: number(share)
            for coin, share in zip(coins, found.by_coin.tolist(), strict=True)
        },
        "contributors": [
            {"account": moment.names[account], "share": number(share)}
            for account, share in found.worst
        ],
    }


def headline(systemic: dict[str, Any]) -> dict[str, Any]:
    """The few numbers of a whole reading that an overview has room for."""
    gains = ("r0", "largest_r0", "to_cascade", "to_bad_debt", "to_empty_fund")
    system = systemic["system"]
    few = {key: systemic[key] for key in ("sequence", "time_ms", "state", "modelled", "law")}
    few["system"] = system and {
        way: {key: system[way][key] for key in ("r0", "accounts")} for way in ("fall", "rise")
    }
    few["coins"] = [
        {
            "coin": one["coin"],
            "price": one["price"],
            **{way: {key: one[way][key] for key in gains} for way in ("fall", "rise")},
        }
        for one in systemic["coins"]
    ]
    return few


def assumptions_shown(by: Assumptions) -> dict[str, Any]:
    """What nobody told."""
    shown: dict[str, Any] = msgspec.to_builtins(by)
    return shown


def ladder_shown(
    moment: Moment, coin: int, down: SideReading, up: SideReading, bucket: float = BUCKET
) -> dict[str, Any]:
    """What would be liquidated against price, nearest first, with depth in the same buckets."""
    price = float(moment.price[coin])
    return {
        "sequence": moment.sequence,
        "time_ms": moment.time_ms,
        "state": "live",
        "modelled": True,
        "coin": moment.venue.catalogue.coins[coin].id,
        "price": price_text(moment, coin),
        "step": bucket,
        "down": _buckets(down.ladder, price, bucket),
        "up": _buckets(up.ladder, price, bucket),
        "depth": {
            "told": down.depth.told and up.depth.told,
            "down": _laid(down.depth, price, -bucket),
            "up": _laid(up.depth, price, bucket),
        },
    }


def _edges(price: float, step: float) -> Floats:
    found: Floats = price * (1.0 + step * np.arange(1.0, BUCKETS + 1.0))
    return found


def _buckets(steps: Ladder, price: float, bucket: float) -> list[dict[str, Any]]:
    """Accounts that are reached up to each edge and not before, at their own prices."""
    edges = _edges(price, -steps.sign * bucket)
    count = steps.closing.passed(steps.sign * edges)
    value = np.abs(np.diff(np.concatenate(([0.0], steps.closing.value[count]))))
    reached = np.diff(np.concatenate(([0], count)))
    rows = zip(edges.tolist(), value.tolist(), reached.tolist(), strict=True)
    return [{"price": p, "notional": v, "accounts": n} for p, v, n in rows]


def _laid(depth: Depth, price: float, step: float) -> list[dict[str, Any]]:
    """Depth in each bucket, as if the book beyond were as thick as where it was seen."""
    edges = _edges(price, step)
    each = depth.units * abs(step) / depth.within
    middle = edges - 0.5 * step * price
    return [
        {"price": p, "notional": each * m}
        for p, m in zip(edges.tolist(), middle.tolist(), strict=True)
    ]
