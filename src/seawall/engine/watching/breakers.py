"""Circuit breakers at work: they watch prices, liquidations, the fund and deposits, and shut.

A breaker reads what goes in and what comes out; it moves no value. What its being shut means for an
account is said in `gate`. A venue without breakers does nothing here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TypeVar

import numpy as np

from seawall.engine.effect import (
    BreakerCause,
    BreakerChanged,
    ExitFilled,
    FundPaid,
    Liquidated,
    Reason,
    ShareSold,
    State,
    TakenOver,
)
from seawall.engine.event import Deposited, Event, Overridden, Withdrawn
from seawall.engine.rules.breaker_rules import (
    Breaker,
    Disagreement,
    FundDrawDown,
    LiquidationRate,
    MintRate,
    Mode,
    PriceBand,
    Scope,
)
from seawall.engine.rules.rulebook import Rulebook
from seawall.engine.state import FIRST_ACCOUNT, Venue
from seawall.engine.state.watch import NEVER_MS, Band, Place, Trip
from seawall.engine.watching.confirm import screen
from seawall.money import RATIO_ONE, parse_atoms, parse_ratio
from seawall.pricing import Ints

OPERATORS = ""  # In place of a breaker's name: what two people shut.
NOBODY = -1  # The subject of a venue.
_PRICE, _MARK = range(2)  # What a band is of.
Rule = TypeVar("Rule", PriceBand, LiquidationRate, FundDrawDown, MintRate, Disagreement)


def see_prices(
    venue: Venue, price: Iterable[tuple[int, int]], mark: Iterable[tuple[int, int]]
) -> None:
    """Hold new prices of coins and new marks of contracts against every price band."""
    rules = list(_rules(venue, PriceBand))
    if not rules:
        return
    catalogue = venue.catalogue
    seen = [(_PRICE, coin, coin, told) for coin, told in price]
    seen += [
        (_MARK, number, catalogue.coin(catalogue.instruments[number].base), told)
        for number, told in mark
    ]
    for name, rule in rules:
        for what, number, coin, told in seen:
            if rule.coins and catalogue.coins[coin].id not in rule.coins:
                continue
            subject = coin if rule.scope == "market" else NOBODY
            band = venue.watch.bands.setdefault((name, subject, what, number), Band())
            distance, other = band.seen(told, venue.time_ms, rule.window_ms)
            limit = _ratio(rule.move_max)
            if distance * RATIO_ONE > limit * other:
                _trip(venue, name, rule, subject, distance * RATIO_ONE // other, limit)


def see_effects(venue: Venue) -> None:
    """Read the effects of this event that were not read yet: liquidations and the fund's part."""
    if not venue.rulebook.breakers:
        return
    watch = venue.watch
    while watch.read < len(venue.effects):
        effect = venue.effects[watch.read]
        watch.read += 1
        if isinstance(effect, Liquidated | ExitFilled | TakenOver):
            _see_taken(venue, effect.account, effect.instrument, effect.notional)
        elif isinstance(effect, ShareSold):
            for instrument, notional in effect.closed:
                _see_taken(venue, effect.account, instrument, notional)
        elif isinstance(effect, FundPaid):
            _see_fund(venue, effect)


def see_event(venue: Venue, event: Event) -> None:
    """After an event that was not refused: read all of it, and end what has cooled down."""
    if isinstance(event, Deposited | Withdrawn):
        atoms = event.atoms if isinstance(event, Deposited) else -event.atoms
        _see_mint(venue, event.account, event.coin, atoms)
    see_effects(venue)
    cool(venue)


def audit(venue: Venue, suspected: Iterable[int]) -> None:
    """Judge some accounts by floats and by integers, and shut where a sure float is wrong.

    Sure is farther from the maintenance margin than the error bound.
    """
    users = len(venue.names) - FIRST_ACCOUNT
    rules = list(_rules(venue, Disagreement)) if users else []
    named = set(suspected) if rules else set()
    for name, rule in rules:
        first = venue.snapshot.sequence * rule.audits
        turn = (FIRST_ACCOUNT + (first + step) % users for step in range(min(rule.audits, users)))
        alive = {a for a in (*named, *turn) if venue.status[a] < State.CLOSED}
        wrong = _disagreements(venue, np.array(sorted(alive), np.int64))
        if wrong:
            _trip(venue, name, rule, NOBODY, wrong, 0)


def override(venue: Venue, event: Overridden) -> Reason | None:
    """Two operators shut a scope until they open it, or lift everything that stands there.

    What is opened is not switched off: its windows begin again, and it may shut again.
    """
    if event.scope is Scope.ACCOUNT and not FIRST_ACCOUNT <= event.subject < len(venue.names):
        return Reason.UNKNOWN_ACCOUNT
    if event.scope is Scope.MARKET and not 0 <= event.subject < len(venue.catalogue.coins):
        return Reason.UNKNOWN_INSTRUMENT
    both = {event.first, event.second}
    if len(both) < 2 or not both <= set(venue.rulebook.operators):
        return Reason.TWO_OPERATORS_NEEDED
    subject = event.subject if event.scope <= Scope.MARKET else NOBODY
    place = (event.scope, subject)
    cool(venue)
    if event.mode is Mode.OPEN:
        for name in venue.watch.standing.pop(place, {}):
            venue.watch.restart(name, subject)
    else:
        venue.watch.shut(place, OPERATORS, Trip(event.mode, NEVER_MS))
    _tell(venue, place, OPERATORS, BreakerCause.OPERATORS)
    return None


def cool(venue: Venue) -> None:
    """End what stands shut no longer than until now, and say so."""
    for place, name in venue.watch.over(venue.time_ms):
        _lift(venue, place, name, BreakerCause.COOL_DOWN)


def change_rules(venue: Venue, old: Rulebook) -> None:
    """Forget what breakers remember whose rule is gone or another; what operators shut stays."""
    new = venue.rulebook
    gone = [name for name, rule in old.breakers.items() if new.breakers.get(name) != rule]
    for name in gone:
        venue.watch.restart(name)
        for place in sorted(p for p, trips in venue.watch.standing.items() if name in trips):
            _lift(venue, place, name, BreakerCause.RULES)


def _see_taken(venue: Venue, account: int, instrument: int, notional: int) -> None:
    coin = venue.catalogue.coin(venue.catalogue.instruments[instrument].base)
    for name, rule in _rules(venue, LiquidationRate):
        subject = _subject(rule, account, coin)
        total = venue.watch.add(name, (subject, 0), notional, venue.time_ms, rule.window_ms)
        limit = _atoms(rule.notional_max, venue.catalogue.numeraire.decimals)
        if total > limit:
            _trip(venue, name, rule, subject, total, limit)


def _see_fund(venue: Venue, paid: FundPaid) -> None:
    for name, rule in _rules(venue, FundDrawDown):
        key = (NOBODY, paid.fund)
        total = venue.watch.add(name, key, paid.atoms, venue.time_ms, rule.window_ms)
        left = sum(
            venue.worth(coin, venue.ledger.balance(paid.fund, coin))
            for coin in range(len(venue.catalogue.coins))
        )
        had = total + max(0, left)
        limit = _ratio(rule.share_max)
        if total * RATIO_ONE > limit * had:
            _trip(venue, name, rule, NOBODY, total * RATIO_ONE // had, limit)


def _see_mint(venue: Venue, account: int, coin: int, atoms: int) -> None:
    asset = venue.catalogue.coins[coin]
    for name, rule in _rules(venue, MintRate):
        if rule.coin != asset.id:
            continue
        subject = _subject(rule, account, coin)
        total = venue.watch.add(name, (subject, coin), atoms, venue.time_ms, rule.window_ms)
        limit = _atoms(rule.net_max, asset.decimals)
        if total > limit:
            _trip(venue, name, rule, subject, total, limit)


def _disagreements(venue: Venue, accounts: Ints) -> int:
    wrong = 0
    for method in range(len(venue.methods)):
        mine = accounts[venue.method[accounts] == method]
        if not len(mine):
            continue
        judged = screen(venue, method, mine)
        excess = judged.margin_equity - judged.maintenance
        sure = np.abs(excess) > judged.error_bound
        for place, account in enumerate(mine.tolist()):
            exact = venue.judge(account)
            breached = exact.margin_equity < exact.maintenance
            wrong += bool(sure[place]) and bool(excess[place] < 0) is not breached
    return wrong


def _trip(venue: Venue, name: str, rule: Breaker, subject: int, observed: int, limit: int) -> None:
    """Shut, or stay shut for longer: a cool-down counts from the last moment beyond the limit."""
    cool(venue)
    scope, mode = rule.shuts
    place = (scope, subject)
    until_ms = venue.time_ms + rule.cool_down_ms if rule.cool_down_ms else NEVER_MS
    if venue.watch.shut(place, name, Trip(mode, until_ms)):
        _tell(venue, place, name, BreakerCause.LIMIT, observed, limit)


def _lift(venue: Venue, place: Place, name: str, cause: BreakerCause) -> None:
    trips = venue.watch.standing[place]
    del trips[name]
    if not trips:
        del venue.watch.standing[place]
    _tell(venue, place, name, cause)


def _tell(
    venue: Venue,
    place: Place,
    name: str,
    cause: BreakerCause,
    observed: int = 0,
    limit: int = 0,
) -> None:
    scope, subject = place
    venue.effects.append(
        BreakerChanged(
            scope=scope,
            subject=subject,
            mode=venue.watch.mode(scope, subject, venue.time_ms),
            cause=cause,
            breaker=name,
            observed=observed,
            limit=limit,
        )
    )


def _rules(venue: Venue, kind: type[Rule]) -> Iterator[tuple[str, Rule]]:
    for name, rule in sorted(venue.rulebook.breakers.items()):
        if isinstance(rule, kind):
            yield name, rule


def _subject(rule: Breaker, account: int, coin: int) -> int:
    return {"account": account, "market": coin}.get(rule.scope, NOBODY)


@functools.lru_cache(maxsize=256)
def _ratio(ratio: Decimal) -> int:
    return parse_ratio(ratio)


@functools.lru_cache(maxsize=256)
def _atoms(amount: Decimal, decimals: int) -> int:
    return parse_atoms(amount, decimals)
