"""What happened to an account, said in sentences with the numbers that decided each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from seawall.engine import Engine
from seawall.engine.effect import (
    AuctionEnded,
    AuctionStarted,
    AuctionTurned,
    BidVoid,
    Called,
    CallReduced,
    CallWithdrawn,
    Compensated,
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    NotTaken,
    OrderWanted,
    Redistributed,
    Refused,
    ShareSold,
    Spared,
    State,
    StateChanged,
    Suspended,
    TakenOver,
    Uncovered,
    WaterfallDone,
    Withheld,
)
from seawall.money import format_atoms

Asked = Called | CallReduced | CallWithdrawn | NotTaken
Offered = ExitFilled | AuctionStarted | AuctionEnded | AuctionTurned | ShareSold
Borne = TakenOver | Redistributed | Withheld | WaterfallDone | LossShared
Told = tuple[int, int, Effects]  # (time_ms, sequence, effect)


def steps_of(engine: Engine, told: Iterable[Told]) -> Iterator[tuple[int, int, Effects, str]]:
    """Every step of one account. A call is told together with the verdict that it stands on.

    One that is only told again stands on none of its own.
    """
    verdict: StateChanged | None = None
    judged = -1  # The event of that verdict.
    rows = list(told)
    for place, (time_ms, sequence, effect) in enumerate(rows):
        if isinstance(effect, StateChanged):
            verdict, judged = effect, sequence
            following = rows[place + 1] if place + 1 < len(rows) else None
            if following and following[1] == sequence and isinstance(following[2], Called):
                continue
        fresh = verdict if judged == sequence else None
        yield time_ms, sequence, effect, sentence(engine, effect, fresh)


def sentence(engine: Engine, effect: Effects, verdict: StateChanged | None = None) -> str:
    """Say what an effect did to its account; `verdict` is the last one before it in its event."""
    match effect:
        case StateChanged():
            said = _verdict(engine, effect)
        case Called() | CallReduced() | CallWithdrawn() | NotTaken():
            said = _asked(engine, effect, verdict)
        case Liquidated():
            verb = "bought" if effect.lots > 0 else "sold"
            left = "the position is closed" if effect.full else "a part is left"
            said = (
                f"{verb} {_lots(engine, effect.instrument, effect.lots)} at "
                f"{_price(engine, effect.price)}, fee {_money(engine, effect.fee)}; {left}"
            )
        case ExitFilled() | AuctionStarted() | AuctionEnded() | AuctionTurned() | ShareSold():
            said = _offered(engine, effect)
        case Refused() | BidVoid():
            said = _failed(engine, effect)
        case Compensated() | Suspended():
            said = _amended(engine, effect)
        case OrderWanted():
            verb = "buy" if effect.lots > 0 else "sell"
            said = (
                f"order to {verb} {_lots(engine, effect.instrument, effect.lots)}, limit "
                f"{_price(engine, effect.limit)}"
            )
        case FundPaid():
            name = engine.names[effect.fund].replace("_", " ")
            said = f"{name} paid {_money(engine, effect.atoms)}"
        case TakenOver() | Redistributed() | Withheld() | WaterfallDone() | LossShared():
            said = _borne(engine, effect)
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


def _asked(engine: Engine, effect: Asked, verdict: StateChanged | None) -> str:
    """What an account was asked for, and what it was left with."""
    match effect:
        case Called():
            again = "called" if verdict or not effect.level else "called again"
            level = f" (level {effect.level})" if effect.level else ""
            why = f"{_against(engine, verdict)}; " if verdict else ""
            said = f"{again}{level}: {why}{_money(engine, effect.amount)} restores the initial "
            said += f"margin{_or_coins(engine, effect)}"
            if verdict and verdict.after is State.LIQUIDATING:
                said += "; without a grace time, so liquidation begins"
            return said
        case CallReduced():
            missing = f"{_money(engine, effect.amount)} is still missing"
            return f"a part of the call was paid: {missing}{_or_coins(engine, effect)}"
        case CallWithdrawn():
            return "the call is withdrawn: the initial margin is covered without a payment"
        case NotTaken():
            names = ", ".join(engine.catalogue.assets[asset].id for asset in effect.assets)
            if effect.reason is Spared.COSTS_MORE:
                return f"not taken: {names}, for closing costs more than the margin that it frees"
            return f"{names}: what the size rule asks for would harm, so the least plan is followed"


def _or_coins(engine: Engine, effect: Called | CallReduced) -> str:
    """What a deposit would have to be, coin by coin."""
    sums = [_coins(engine, coin, atoms) for coin, atoms in effect.in_coins]
    return f" ({' or '.join(sums)})" if sums else ""


def _offered(engine: Engine, effect: Offered) -> str:
    """What became of lots that did not go to the book."""
    match effect:
        case ExitFilled():
            verb = "bought from" if effect.lots > 0 else "sold to"
            left = "the position is closed" if effect.full else "a part is left"
            return (
                f"{_lots(engine, effect.instrument, effect.lots)} {verb} "
                f"{engine.names[effect.taker]} at {_price(engine, effect.price)} by "
                f"{effect.exit}, fee {_money(engine, effect.fee)}; {left}"
            )
        case AuctionStarted(instrument=-1):
            return (
                f"auction {effect.auction} ({effect.exit}) of shares of the account; all of it for "
                f"{_money(engine, effect.price)}"
            )
        case AuctionTurned():
            return f"auction {effect.auction} turned: from now on bidders are paid"
        case AuctionStarted():
            verb = "buy back" if effect.lots > 0 else "sell"
            return (
                f"auction {effect.auction} ({effect.exit}) to {verb} "
                f"{_lots(engine, effect.instrument, effect.lots)} from "
                f"{_price(engine, effect.price)}"
            )
        case AuctionEnded():
            left = _left(engine, effect) if effect.remainder else ""
            return (
                f"auction {effect.auction} ended: {effect.ending.name.lower().replace('_', ' ')}"
                + (f", {left} left" if left else "")
            )
        case ShareSold():
            who = engine.names[effect.taker]
            return (
                f"{_share(effect.share)} of the account taken by {who} for "
                f"{_money(engine, effect.payment)}"
            )


def _failed(engine: Engine, effect: Refused | BidVoid) -> str:
    """Who wanted something and did not get it, at which auction, and why."""
    known = 0 <= effect.account < len(engine.names)
    who = f"{engine.names[effect.account]}: " if known else ""
    why = effect.reason.value.replace("_", " ")
    where = f" at auction {effect.auction}" if effect.auction > 0 else ""
    verb = "refused" if isinstance(effect, Refused) else "passed over"
    return f"{who}{verb}{where}: {why}"


def _left(engine: Engine, effect: AuctionEnded) -> str:
    if effect.instrument < 0:
        return f"{_share(-effect.remainder)} of the account"
    return _lots(engine, effect.instrument, effect.remainder)


def _share(parts: int) -> str:
    return f"{Decimal(parts * 100) / 10**18:.2f} %"


def _borne(engine: Engine, effect: Borne) -> str:
    """What others took over or paid."""
    match effect:
        case LossShared(bearers=0):
            return f"the venue is short of {_money(engine, effect.atoms)}"
        case LossShared():
            rule = engine.rulebook.loss_sharing.rule
            who = "accounts that gained" if rule == "pro_rata" else "accounts"
            return f"{effect.bearers:,} {who} shared {_money(engine, effect.atoms)}"
        case TakenOver():
            return (
                f"{_lots(engine, effect.instrument, effect.lots)} taken over by "
                f"{engine.names[effect.backstop]} at {_price(engine, effect.price)}"
            )
        case Redistributed():
            return f"{_coins(engine, effect.coin, effect.debt)} of debt went to others by stake"
        case Withheld():
            kept = _coins(engine, effect.coin, effect.atoms)
            return f"{kept} of a withdrawal stayed, for the venue is short"
        case WaterfallDone():
            return (
                f"owed {_money(engine, effect.needed)}: funds paid "
                f"{_money(engine, effect.from_funds)}, others {_money(engine, effect.shared)}, "
                f"nobody {_money(engine, effect.uncovered)}; deleveraging took "
                f"{_money(engine, effect.deleveraged_taken)} for "
                f"{_money(engine, effect.deleveraged_needed)} that were needed"
            )


def _coins(engine: Engine, number: int, atoms: int) -> str:
    coin = engine.catalogue.coins[number]
    return f"{_grouped(format_atoms(atoms, coin.decimals))} {coin.id}"


def _amended(engine: Engine, effect: Compensated | Suspended) -> str:
    """What was put right afterwards."""
    if isinstance(effect, Compensated):
        coin = engine.catalogue.coins[effect.coin]
        paid = _grouped(format_atoms(effect.atoms, coin.decimals))
        return (
            f"{engine.names[effect.payer]} paid {paid} {coin.id} for wrong prices in events "
            f"{effect.first_sequence} to {effect.last_sequence}"
        )
    verb = "taken" if effect.quantity < 0 else "credited"
    row = engine.catalogue.assets[effect.asset]
    if engine.catalogue.is_contract[effect.asset]:
        amount = _lots(engine, row.instrument, effect.quantity)
    else:
        coin = engine.catalogue.coins[row.currency]
        amount = f"{_grouped(format_atoms(abs(effect.quantity), coin.decimals))} {coin.id}"
    return f"{amount} {verb} against suspense, as an outside statement has it"


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
