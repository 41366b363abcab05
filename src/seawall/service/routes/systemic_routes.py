"""Routes of the systemic monitor: how far a fall would spread, and who is liquidated where."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.params import FromPath

from seawall.service.desk import desk_of
from seawall.service.routes.route import reads
from seawall.service.words.amounts import coin_number, started
from seawall.service.words.problem import Problem

Ask = Request[Any, Any, Any]
Told = dict[str, Any]


@reads("/v1/systemic")
async def systemic(request: Ask) -> Told:
    """R0, distance to a cascade, what is at risk and who contributes: the last reading."""
    monitor = desk_of(request).monitor
    if monitor is None:
        raise _off()
    shown: Told = monitor.systemic_shown()
    return shown


@reads("/v1/systemic/map/{coin:str}")
async def liquidation_map(request: Ask, coin: FromPath[str]) -> Told:
    """Notional that would be liquidated against price, with depth in the same buckets."""
    desk = desk_of(request)
    if desk.monitor is None:
        raise _off()
    shown: Told | None = desk.monitor.ladder_shown(coin)
    if shown is None:
        await desk.ask(lambda engine: coin_number(started(engine).catalogue, coin))
        raise Problem(409, "no_map", f"{coin[:80]}: no reading yet, or no contract rests on it")
    return shown


def _off() -> Problem:
    return Problem(409, "no_monitor", "this service was started without the systemic monitor")


ROUTES = [systemic, liquidation_map]
