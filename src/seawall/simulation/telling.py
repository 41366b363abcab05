"""What happened to an account, said in sentences with the numbers that decided each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seawall.engine import Engine
from seawall.engine.effect import (
    Called,
    Deleveraged,
    Effects,
    FundPaid,
    Liquidated,
    LossShared,
    OrderWanted,
    State,
    StateChanged,
    Uncovered,
)
from seawall.money import format_atoms

Told = tuple[int, int, Effects]  # (time_ms, sequence, effect)


def steps_of(engine: Engine, told: Iterable[Told]) -> Iterator[tuple[int, int, Effects, str]]:
    """Every step of one account. A call is told together with the verdict that it stands on."""
    verdict: StateChanged | None = None
    rows = list(told)
    for place, (time_ms, sequence, effect) in enumerate(rows):
        if isinstance(effect, StateChanged):
            verdict = effect
            following = rows[place + 1] if place + 1 < len(rows) else None
            if following and following[1] == sequence and isinstance(following[2], Called):
                continue
        yield time_ms, sequence, effect, sentence(engine, effect, verdict)


def sentence(engine: Engine, effect: Effects, verdict: StateChanged | None = None) -> str:
    """Say what an effect did to its account; `verdict` is the last one before it."""
    match effect:
        case StateChanged():
            said = _verdict(engine, effect)
        case Called():
            why = f"{_against(engine, verdict)}; " if verdict else ""
            said = f"called: {why}{_money(engine, effect.amount)} restores the initial margin"
            if verdict and verdict.after is State.LIQUIDATING:
                said += "; without a grace time, so liquidation begins"
        case Liquidated():
            verb = "bought" if effect.lots > 0 else "sold"
            left = "the position is closed" if effect.full else "a part is left"
            said = (
                f"{verb} {_lots(engine, effect.instrument, effect.lots)} at "
                f"{_price(engine, effect.price)}, fee {_money(engine, effect.fee)}; {left}"
            )
        case OrderWanted():
            verb = "buy" if effect.lots > 0 else "sell"
            said = (
                f"order to {verb} {_lots(engine, effect.instrument, effect.lots)}, limit "
                f"{_price(engine, effect.limit)}"
            )
        case FundPaid():
            said = f"insurance fund paid {_money(engine, effect.atoms)}"
        case LossShared():
            said = f"{effect.bearers:,} accounts that gained shared {_money(engine, effect.atoms)}"
        case Deleveraged():
            said = (
                f"{_lots(engine, effect.instrument, effect.lots)} closed against "
                f"{engine.names[effect.counterparty]} at {_price(engine, effect.price)}"
            )
        case Uncovered():
            coin = engine.catalogue.coins[effect.coin]
            owed = _grouped(format_atoms(effect.atoms, coin.decimals))
            said = f"nobody could pay {owed} {coin.id}: it stays as a debt"
        case _:
            said = str(effect.__struct_config__.tag)
    return said


def _verdict(engine: Engine, effect: StateChanged) -> str:
    match effect.after:
        case State.HEALTHY:
            return (
                f"healthy again: margin equity {_money(engine, effect.margin_equity)} covers "
                f"the initial margin {_money(engine, effect.initial)}"
            )
        case State.WARNED:
            return (
                f"warned: margin equity {_money(engine, effect.margin_equity)} is near the "
                f"maintenance {_money(engine, effect.maintenance)}"
            )
        case State.LIQUIDATING:
            return f"liquidation begins: {_against(engine, effect)}"
        case State.CLOSED:
            return f"closed: {_money(engine, effect.equity)} is left and nothing is owed"
        case State.BANKRUPT:
            return f"bankrupt: equity was {_money(engine, effect.equity)} with nothing left to sell"
        case _:
            return f"{effect.after.name.lower()}: {_against(engine, effect)}"


def _against(engine: Engine, verdict: StateChanged) -> str:
    side = "below" if verdict.margin_equity < verdict.maintenance else "not below"
    return (
        f"margin equity {_money(engine, verdict.margin_equity)} {side} "
        f"maintenance {_money(engine, verdict.maintenance)}"
    )


def _money(engine: Engine, atoms: int) -> str:
    """Two places, cut towards zero; the exact amount is in events.parquet."""
    unit = 10 ** (engine.catalogue.numeraire.decimals - 2)
    cents = abs(atoms) // unit
    return f"{'-' if atoms < 0 and cents else ''}{cents // 100:,}.{cents % 100:02d}"


def _price(engine: Engine, atoms: int) -> str:
    return _grouped(format_atoms(atoms, engine.catalogue.numeraire.decimals))


def _lots(engine: Engine, instrument: int, lots: int) -> str:
    unit = "lot" if abs(lots) == 1 else "lots"
    return f"{abs(lots):,} {unit} {engine.catalogue.instruments[instrument].id}"


def _grouped(text: str) -> str:
    whole, point, part = text.partition(".")
    return f"{int(whole):,}{point}{part}"
