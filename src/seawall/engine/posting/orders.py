"""Orders and the depth that they ask for: how the engine wants a trade from its driver.

An order is an effect; its answer comes back as a `Filled` event. Until then the lots that it asks
for are not offered to anybody else.
"""

from __future__ import annotations

from seawall.engine.effect import OrderWanted
from seawall.engine.state import OpenOrder, Venue
from seawall.money import RATIO_ONE, Rounding, multiply_ratio


def want(venue: Venue, account: int, instrument: int, lots: int, limit: int) -> None:
    """Ask for a trade: positive lots buy. The limit is rounded to a tick within it."""
    side = (instrument, lots > 0)
    limit = _on_tick(venue, *side, limit)
    venue.left_depth[side] = depth_left(venue, *side) - abs(lots)
    order = venue.next_order
    venue.next_order += 1
    venue.orders[order] = OpenOrder(account, instrument, lots, limit)
    if not venue.sells_coins(instrument):
        venue.progress.ask(instrument, abs(lots))
    _count_waiting(venue, account, 1)
    venue.effects.append(
        OrderWanted(order=order, account=account, instrument=instrument, lots=lots, limit=limit)
    )


def answered(venue: Venue, order: int, filled: int) -> OpenOrder:
    """Close an order. What was not filled is offered to others until the next price.

    The book has nothing at this account's limit now, so the account itself waits for that price;
    and so does everybody, where the limit was the greatest slippage that anybody accepts.
    """
    closed = cancelled(venue, order)
    missed = abs(closed.lots) - filled
    if missed:
        side = (closed.instrument, closed.lots > 0)
        is_widest = closed.limit == _on_tick(venue, *side, slipped(venue, *side, venue.rates.away))
        venue.left_depth[side] = 0 if is_widest else depth_left(venue, *side) + missed
        venue.unmet.add((closed.account, closed.instrument))
        venue.missed.add(closed.account)
    return closed


def cancelled(venue: Venue, order: int) -> OpenOrder:
    """Close an order that nobody answers; its account missed nothing."""
    closed = venue.orders.pop(order)
    if not venue.sells_coins(closed.instrument):
        venue.progress.ask(closed.instrument, -abs(closed.lots))
    _count_waiting(venue, closed.account, -1)
    return closed


def depth_left(venue: Venue, instrument: int, buys: bool) -> int:
    """Lots of the book that nobody has asked for since the last price."""
    left = venue.left_depth.get((instrument, buys))
    if left is None:
        bid, ask = venue.snapshot.depth[instrument]
        shown = ask if buys else bid
        left = multiply_ratio(shown, venue.rates.depth_share, Rounding.DOWN)
        venue.left_depth[instrument, buys] = left
    return left


def slipped(venue: Venue, instrument: int, buys: bool, ratio: int | None = None) -> int:
    """The mark at the greatest slippage of the rules, or so many parts per billion away from it.

    An option's is a ratio of its underlying.
    """
    ratio = venue.rates.slippage if ratio is None else ratio
    terms = venue.catalogue.instruments[instrument]
    if terms.type == "option":
        price = venue.snapshot.price[venue.catalogue.coin(terms.base)]
        if terms.inverse:  # Its price is said in coins, and so is its underlying: one coin.
            price = venue.catalogue.numeraire.one
        away = multiply_ratio(price, ratio, Rounding.UP)
        return venue.mark(instrument) + (away if buys else -away)
    factor = RATIO_ONE + (ratio if buys else -ratio)
    return multiply_ratio(venue.mark(instrument), factor, Rounding.UP if buys else Rounding.DOWN)


def _on_tick(venue: Venue, instrument: int, buys: bool, limit: int) -> int:
    tick = venue.catalogue.instruments[instrument].tick
    return max(tick, limit // tick * tick if buys else -(-limit // tick) * tick)


def _count_waiting(venue: Venue, account: int, step: int) -> None:
    count = venue.waiting.get(account, 0) + step
    if count:
        venue.waiting[account] = count
    else:
        venue.waiting.pop(account, None)
