"""The venue as clients read it: calls, liquidations, auctions, funds, breakers, rules, prices.

Runs on the writer's thread; reads the venue and changes nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from seawall.engine import Engine
from seawall.engine.effect import State
from seawall.engine.liquidating import auctions
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.state import OpenOrder, Venue
from seawall.engine.state.offers import Offer, WholeSale
from seawall.engine.state.watch import NEVER_MS
from seawall.money import format_atoms, format_ratio
from seawall.service.shown.views import PAGE_MOST, line
from seawall.service.words.amounts import coin_text, money, priced, quantity_text, started

LISTED_MOST = 5000  # Contracts in one answer.


def stamped(engine: Engine, **told: Any) -> dict[str, Any]:
    """An answer with the moment of which it is."""
    return {"sequence": engine.sequence, "time_ms": engine.time_ms, **told}


def venue_shown(engine: Engine) -> dict[str, Any]:
    """What the venue is, and how many accounts stand where."""
    if not engine.sequence:
        return stamped(engine, started=False)
    venue = engine.venue
    users = venue.status[venue.method >= 0]
    return stamped(
        engine,
        started=True,
        name=venue.rulebook.name,
        version=venue.rulebook.version,
        fingerprint=engine.fingerprint,
        chain=engine.chain.hex(),
        numeraire=venue.catalogue.numeraire.id,
        cash=venue.rulebook.cash,
        methods=list(venue.rulebook.method_names),
        coins=[coin.id for coin in venue.catalogue.coins],
        priced=venue.tables.ready,
        accounts=len(users),
        by_status={s.name.lower(): int(np.count_nonzero(users == s)) for s in State},
    )


def prices_shown(engine: Engine, offset: int = 0, limit: int = LISTED_MOST) -> dict[str, Any]:
    """What was last seen; 0 marks come from the model and are said as such."""
    venue = started(engine)
    catalogue, snapshot = venue.catalogue, venue.snapshot
    decimals = catalogue.numeraire.decimals
    coins = [
        {
            "coin": coin.id,
            "price": format_atoms(snapshot.price[number], decimals) if told_ms else None,
            "priced_ms": told_ms,
            "confidence": format_ratio(snapshot.confidence[number]),
        }
        for number, (coin, told_ms) in enumerate(
            zip(catalogue.coins, snapshot.priced_ms, strict=True)
        )
    ]
    marks = []
    for number in _page(len(catalogue.instruments), offset, limit):
        terms, told = catalogue.instruments[number], snapshot.mark[number]
        mark = venue.mark(number) if venue.tables.ready else told
        marks.append(
            {
                "instrument": terms.id,
                "mark": format_atoms(mark, decimals) if mark else None,
                "modelled": not told,
                "funding_rate": format_ratio(snapshot.funding[number]),
                "depth": [quantity_text(catalogue, number, d) for d in snapshot.depth[number]],
            }
        )
    return stamped(engine, total=len(catalogue.instruments), coins=coins, marks=marks)


def instruments_shown(engine: Engine, offset: int = 0, limit: int = LISTED_MOST) -> dict[str, Any]:
    """Every contract, in the engine's integers and as a person says them."""
    venue = started(engine)
    decimals = venue.catalogue.numeraire.decimals
    listed = []
    for number in _page(len(venue.catalogue.instruments), offset, limit):
        terms = venue.catalogue.instruments[number]
        tree = msgspec.to_builtins(terms)
        tree["lot"] = quantity_text(venue.catalogue, number, 1)
        tree["tick"] = format_atoms(terms.tick, decimals)
        tree["strike"] = None if terms.strike is None else format_atoms(terms.strike, decimals)
        listed.append(tree)
    return stamped(engine, total=len(venue.catalogue.instruments), instruments=listed)


def _page(count: int, offset: int, limit: int) -> range:
    return range(min(offset, count), min(offset + limit, count))


def calls_shown(engine: Engine) -> dict[str, Any]:
    """Accounts that are called: what restores their initial margin, and until when."""
    venue = priced(engine)
    return stamped(engine, total=len(venue.deadline), calls=call_rows(venue, PAGE_MOST))


def call_rows(venue: Venue, most: int) -> list[dict[str, Any]]:
    """The calls whose deadline is next."""
    told = []
    called = sorted(venue.deadline.items(), key=lambda one: (one[1], one[0]))
    for number, deadline_ms in called[:most]:
        need = venue.judge(number)
        told.append(
            {
                "account": line(venue, number),
                "deadline_ms": deadline_ms,
                "left_ms": deadline_ms - venue.time_ms,
                "amount": money(venue, max(0, need.initial - need.margin_equity)),
            }
        )
    return told


def liquidations_shown(engine: Engine) -> dict[str, Any]:
    """Accounts that are being liquidated, with the orders that wait for an answer."""
    venue = started(engine)
    numbers = np.flatnonzero(venue.status == State.LIQUIDATING).tolist()
    shown = numbers[:PAGE_MOST]
    orders: dict[int, list[dict[str, Any]]] = {number: [] for number in shown}
    for number, order in sorted(venue.orders.items()):
        if order.account in orders:
            orders[order.account].append(_order(venue, number, order))
    told = [
        {
            "account": line(venue, number),
            "orders": orders[number],
            "auctions": sorted(venue.offers.of.get(number, [])),
        }
        for number in shown
    ]
    return stamped(engine, total=len(numbers), liquidations=told)


def orders_shown(engine: Engine) -> dict[str, Any]:
    """Trades that the engine asks for; whoever runs the book answers them."""
    venue = started(engine)
    shown = sorted(venue.orders.items())[:PAGE_MOST]
    told = [_order(venue, number, order) for number, order in shown]
    return stamped(engine, total=len(venue.orders), orders=told)


def _order(venue: Venue, number: int, order: OpenOrder) -> dict[str, Any]:
    catalogue = venue.catalogue
    return {
        "order": number,
        "account": venue.names[order.account],
        "instrument": catalogue.instruments[order.instrument].id,
        "lots": order.lots,
        "quantity": quantity_text(catalogue, order.instrument, order.lots),
        "limit": format_atoms(order.limit, catalogue.numeraire.decimals),
    }


def auctions_shown(engine: Engine) -> dict[str, Any]:
    """What is on offer, at which price now, until when."""
    venue = started(engine)
    offers = [_offer(venue, one) for _, one in sorted(venue.offers.open.items())[:PAGE_MOST]]
    whole = [_whole(venue, one) for _, one in sorted(venue.offers.selling.items())[:PAGE_MOST]]
    total = len(venue.offers.open) + len(venue.offers.selling)
    return stamped(engine, total=total, auctions=offers, accounts=whole)


def _offer(venue: Venue, offer: Offer) -> dict[str, Any]:
    catalogue = venue.catalogue
    price = auctions.price_now(venue, offer)
    return {
        "auction": offer.number,
        "account": venue.names[offer.account],
        "kind": offer.rule.__struct_config__.tag,
        "instrument": catalogue.instruments[offer.instrument].id,
        "side": "buy" if offer.side.name == "BUY" else "sell",
        "lots": offer.lots,
        "quantity": quantity_text(catalogue, offer.instrument, offer.lots),
        "price_now": format_atoms(price, catalogue.numeraire.decimals),
        "ends_ms": offer.ends_ms,
        "restarts": venue.offers.count(offer.account, offer.instrument),
        "deposit": coin_text(
            venue, catalogue.coin(catalogue.instruments[offer.instrument].settle), offer.deposit
        ),
    }


def _whole(venue: Venue, sale: WholeSale) -> dict[str, Any]:
    return {
        "auction": sale.number,
        "account": venue.names[sale.account],
        "phase": sale.auction.phase.name.lower(),
        "left": format_atoms(sale.auction.left, 18),
        "ends_ms": sale.ends_ms,
    }


def funds_shown(engine: Engine) -> dict[str, Any]:
    """Insurance funds in the order in which they pay, with what they hold."""
    venue = started(engine)
    told = []
    for number in venue.funds:
        held = {
            coin.id: coin_text(venue, place, venue.ledger.balance(number, place))
            for place, coin in enumerate(venue.catalogue.coins)
            if venue.ledger.balance(number, place)
        }
        worth = money(venue, venue.worth_of(number)) if venue.tables.ready else None
        told.append({"fund": venue.names[number], "holds": held, "worth": worth})
    return stamped(engine, funds=told)


def breakers_shown(engine: Engine) -> dict[str, Any]:
    """The rules of the breakers, and what stands shut now."""
    venue = started(engine)
    standing = [
        {
            "scope": scope.name.lower(),
            "subject": _subject(venue, scope, subject),
            "mode": trip.mode.name.lower(),
            "breaker": name,
            "by_operators": not name,
            "until_ms": None if trip.until_ms == NEVER_MS else trip.until_ms,
        }
        for (scope, subject), trips in sorted(venue.watch.standing.items())
        for name, trip in sorted(trips.items())
        if trip.mode is not Mode.OPEN
    ]
    rules = msgspec.to_builtins(venue.rulebook.breakers)
    operators = list(venue.rulebook.operators)
    total, standing = len(standing), standing[:PAGE_MOST]
    return stamped(engine, rules=rules, operators=operators, total=total, standing=standing)


def _subject(venue: Venue, scope: Scope, subject: int) -> str:
    if scope is Scope.ACCOUNT:
        return venue.names[subject]
    return venue.catalogue.coins[subject].id if scope is Scope.MARKET else ""


def rules_shown(engine: Engine) -> dict[str, Any]:
    """Every rule, defaults included."""
    venue = started(engine)
    return stamped(
        engine,
        name=venue.rulebook.name,
        version=venue.rulebook.version,
        fingerprint=engine.fingerprint,
        rules=msgspec.Raw(venue.rulebook.canonical().encode()),
    )
