"""Accounts as clients read them: every number here is the exact twin's, at one moment.

Runs on the writer's thread, long questions beside it; reads the venue and changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from seawall.engine import AccountExplanation, Engine
from seawall.engine.effect import State
from seawall.engine.losses.deleverage import queue
from seawall.engine.state import Venue
from seawall.margin import ExactRequirement
from seawall.market import Snapshot
from seawall.money import AmountError, format_atoms
from seawall.portfolio.account import Account
from seawall.portfolio.liquidation_price import Crossing, LiquidationPrices, liquidation_price
from seawall.portfolio.read import PortfolioError
from seawall.portfolio.what_if import Change, WhatIf, market_after, read_change, what_if
from seawall.pricing import PricingError, RiskTable
from seawall.service.turns import Turns
from seawall.service.words.amounts import (
    account_number,
    asset_text,
    instrument_number,
    margined_number,
    money,
    priced,
    quantity_text,
    share,
    started,
)
from seawall.service.words.problem import Problem, wrong
from seawall.service.words.wire import (
    AccountLine,
    AccountShown,
    Explained,
    MarginShown,
    Row,
    Supposed,
    SupposedShown,
    TermShown,
    Verdict,
)

PAGE_MOST = 500
MARKETS_MOST = 16


def verdict(venue: Venue, need: ExactRequirement) -> Verdict:
    """Write a verdict."""
    return Verdict(
        equity=money(venue, need.equity),
        margin_equity=money(venue, need.margin_equity),
        initial=money(venue, need.initial),
        maintenance=money(venue, need.maintenance),
        headroom=money(venue, need.margin_equity - need.maintenance),
        health=share(need.margin_equity, need.maintenance),
    )


def line(venue: Venue, number: int) -> AccountLine:
    """One account, judged now."""
    method = int(venue.method[number])
    if method < 0 or not venue.tables.ready:
        name = venue.rulebook.method_names[method] if method >= 0 else ""
        status = status_of(venue, number)
        return AccountLine(
            name=venue.names[number],
            number=number,
            method=name,
            status=status,
            verdict=None,
            notional=None,
            distance=None,
        )
    need, table = venue.judge(number), venue.tables.exact(method)
    notional = sum(abs(held) * table.notional[a] for a, held in venue.open_contracts(number))
    return AccountLine(
        name=venue.names[number],
        number=number,
        method=venue.rulebook.method_names[method],
        status=status_of(venue, number),
        verdict=verdict(venue, need),
        notional=money(venue, notional),
        distance=share(need.margin_equity - need.maintenance, notional),
    )


def status_of(venue: Venue, number: int) -> str:
    """Where an account stands, in one word."""
    return State(int(venue.status[number])).name.lower()


def shown(engine: Engine, name: str) -> AccountShown:
    """One account with its rows; the venue's own accounts too."""
    venue = started(engine)
    number = account_number(venue, name)
    return AccountShown(
        sequence=engine.sequence,
        time_ms=engine.time_ms,
        account=line(venue, number),
        rows=rows_of(venue, max(int(venue.method[number]), 0), venue.ledger.rows(number)),
        deadline_ms=venue.deadline.get(number),
    )


def rows_of(venue: Venue, method: int, rows: Any) -> list[Row]:
    """Holdings as a person writes them."""
    value = venue.tables.exact(method).value if venue.tables.ready else None
    return [
        Row(
            asset=venue.catalogue.names[asset],
            quantity=asset_text(venue.catalogue, asset, quantity),
            value=None if value is None else money(venue, quantity * value[asset]),
        )
        for asset, quantity in rows
    ]


def margin(engine: Engine, name: str) -> MarginShown:
    """The verdict on an account, with the rules and prices behind it."""
    return explained(engine, name).margin


def explained(engine: Engine, name: str) -> Explained:
    """Why the account must hold what it must."""
    venue = priced(engine)
    told = engine.explain(margined_number(venue, name))
    return Explained(
        margin=_margin_shown(venue, told),
        terms=[
            TermShown(
                label=term.label,
                quantity=told.quantities.get(term.label, str(term.quantity)),
                equity=money(venue, term.equity),
                margin_equity=money(venue, term.margin_equity),
                maintenance=money(venue, term.maintenance),
            )
            for term in told.terms
        ],
        counted=told.counted,
        deadline_ms=told.deadline_ms,
    )


def _margin_shown(venue: Venue, told: AccountExplanation) -> MarginShown:
    return MarginShown(
        account=told.name,
        sequence=told.sequence,
        time_ms=told.time_ms,
        fingerprint=told.fingerprint,
        method=told.method,
        status=told.state,
        verdict=verdict(venue, told.requirement),
        binding=told.binding,
        prices=told.prices,
    )


def live(engine: Engine, name: str) -> Account:
    """A live account as the portfolio's tools take one; they change nothing of the venue."""
    venue = priced(engine)
    number = margined_number(venue, name)
    method = venue.rulebook.method_names[int(venue.method[number])]
    return Account(name, venue, tuple(venue.ledger.rows(number)), method)


def supposed(engine: Engine, name: str, change: Supposed) -> SupposedShown:
    """What would stand after a change."""
    account = live(engine, name)
    trades = [
        f"{one.instrument}={one.quantity}" + (f"@{one.price}" if one.price else "")
        for one in change.trades
    ]
    for one in change.trades:
        instrument_number(account.venue.catalogue, one.instrument)
    try:
        read = read_change(
            account,
            trades=trades,
            deposits=[f"{coin}={amount}" for coin, amount in change.deposits.items()],
            moves=[f"{coin}={part}" for coin, part in change.moves.items()],
            volatility=change.volatility,
        )
        found = what_if(account, read, _market_after(account, read))
    except (PortfolioError, AmountError) as error:
        raise wrong(f"{error} - at `$.change`", "bad_change") from None
    except PricingError as error:
        raise Problem(422, "cannot_be_priced", str(error)) from None
    return _supposed_shown(engine, account, found)


class _Market(NamedTuple):
    """A market that was supposed, and what it came from."""

    venue: Venue
    risk: RiskTable
    snapshot: Snapshot
    after: Venue


_MARKETS: dict[tuple[Any, ...], _Market] = {}  # Many accounts are asked about the same moves.


def _market_after(account: Account, change: Change) -> Venue:
    """The supposed market, priced once while the venue's own prices and rules stand."""
    venue = account.venue
    if not change.moves and not change.volatility:
        return venue
    risk, key = venue.tables.risk(account.number), (change.moves, change.volatility, account.method)
    known = _MARKETS.get(key)
    if known and known.venue is venue and known.risk is risk and known.snapshot is venue.snapshot:
        return known.after
    ages = {kept.snapshot is venue.snapshot and kept.venue is venue for kept in _MARKETS.values()}
    if False in ages or len(_MARKETS) >= MARKETS_MOST:
        _MARKETS.clear()
    after = market_after(account, change)
    _MARKETS[key] = _Market(venue, risk, venue.snapshot, after)
    return after


def _supposed_shown(engine: Engine, account: Account, found: WhatIf) -> SupposedShown:
    venue = account.venue
    return SupposedShown(
        account=found.name,
        method=found.method,
        sequence=engine.sequence,
        before=verdict(venue, found.before.requirement),
        after=verdict(venue, found.after.requirement),
        binding_before=found.before.binding,
        binding_after=found.after.binding,
        rows=[
            Row(
                asset=venue.catalogue.names[asset],
                quantity=asset_text(venue.catalogue, asset, quantity),
                value=None,  # Of the market after the change, which only the verdict reads.
            )
            for asset, quantity in found.rows
        ],
        refused=list(found.refused),
    )


class Still(NamedTuple):
    """A live account that later events leave as it is, so that another thread may look at it."""

    sequence: int
    account: Account


def still(engine: Engine, name: str) -> Still:
    """Take a live account out of the engine for a long question."""
    account = live(engine, name)
    venue = replace(account.venue, tables=account.venue.tables.still())
    return Still(engine.sequence, replace(account, venue=venue))


def crossings(seen: Still, turns: Turns) -> dict[str, Any]:
    """Where each line is crossed, in price, in sigmas, in volatility and in time."""
    try:
        found = liquidation_price(seen.account, turn=turns.other)
    except PricingError as error:
        raise Problem(422, "cannot_be_priced", str(error)) from None
    return _crossings_told(seen.sequence, seen.account.venue, found)


def _crossings_told(sequence: int, venue: Venue, found: LiquidationPrices) -> dict[str, Any]:
    decimals = {"price": venue.catalogue.numeraire.decimals, "sigma": 6, "volatility": 9, "time": 0}

    def one(crossing: Crossing) -> dict[str, Any]:
        at = crossing.at
        return {
            "measure": crossing.measure,
            "of": crossing.of,
            "line": crossing.line,
            "direction": crossing.direction,
            "at": None if at is None else format_atoms(at, decimals[crossing.measure]),
            "verdict": crossing.standing and verdict(venue, crossing.standing),
        }

    return {
        "account": found.name,
        "method": found.method,
        "sequence": sequence,
        "now": verdict(venue, found.now),
        "beyond": list(found.beyond),
        "crossings": [one(crossing) for crossing in found.crossings],
        "notes": list(found.notes),
    }


def places(engine: Engine, name: str) -> dict[str, Any]:
    """Where the account stands in the deleveraging queue of each contract that it holds."""
    venue = priced(engine)
    number = margined_number(venue, name)
    ranking = venue.rulebook.deleveraging.ranking
    told = []
    for asset, lots in venue.open_contracts(number):
        instrument = venue.catalogue.assets[asset].instrument
        place: int | None = None
        waiting = queue(venue, asset, longs=lots > 0)
        if ranking == "profit_times_leverage":
            found = np.flatnonzero(waiting == number)
            place = int(found[0]) + 1 if len(found) else None
        told.append(
            {
                "instrument": venue.catalogue.instruments[instrument].id,
                "side": "long" if lots > 0 else "short",
                "quantity": quantity_text(venue.catalogue, instrument, lots),
                "place": place,
                "of": len(waiting),
            }
        )
    return {"account": name, "sequence": engine.sequence, "ranking": ranking, "positions": told}
