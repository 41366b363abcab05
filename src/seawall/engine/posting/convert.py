"""Conversion: one coin of an account is sold to pay what it owes in another.

It comes when no contract is left, before anybody else pays for the account.
"""

from __future__ import annotations

from seawall.engine.posting.orders import depth_left, slipped, want
from seawall.engine.state import Venue
from seawall.money import RATIO_ONE, Rounding, divide


def convert(venue: Venue, account: int) -> bool:
    """Sell coins for the cash that is owed, or buy coins that are owed with cash; True if begun.

    What is sold is no more than the debt needs at the greatest slippage, and what is bought is no
    more than the cash can pay: a conversion is not a punishment, it only turns one asset of the
    account into the one that it owes. Waits, where the book has nothing at the moment.
    """
    held = dict(venue.ledger.rows(account))
    cash = venue.catalogue.coin(venue.rulebook.cash)
    debts = [coin for coin, atoms in held.items() if atoms < 0 and coin in venue.spot]
    sales = [coin for coin, atoms in held.items() if atoms > 0 and coin in venue.spot]
    coins = [(coin, True) for coin in debts] if held.get(cash, 0) > 0 else []
    coins += [(coin, False) for coin in sales] if debts or held.get(cash, 0) < 0 else []
    waits = False
    for coin, buys in coins:
        instrument = venue.spot[coin]
        most = _lots_to_convert(venue, held, coin, cash, buys)
        if not most:
            continue
        waits = True
        lots = min(most, depth_left(venue, instrument, buys))
        if lots > 0 and (account, instrument) not in venue.unmet:
            limit = slipped(venue, instrument, buys)
            want(venue, account, instrument, lots if buys else -lots, limit)
        break
    return waits


def _lots_to_convert(venue: Venue, held: dict[int, int], coin: int, cash: int, buys: bool) -> int:
    """Whole spot lots that a debt needs, as far as the account can pay or deliver them."""
    lot = venue.catalogue.instruments[venue.spot[coin]].lot
    costs = RATIO_ONE + venue.rates.slippage + venue.rates.fee
    unit = venue.worth(coin, lot) * costs  # One lot with its costs, numeraire atoms × 10⁹.
    if buys:
        affordable = venue.worth(cash, held[cash]) * RATIO_ONE // unit
        return min(divide(-held[coin], lot, Rounding.UP), affordable)
    owed = sum(-venue.worth(other, atoms) for other, atoms in held.items() if atoms < 0)
    less = RATIO_ONE - venue.rates.slippage - venue.rates.fee
    needed = divide(owed * RATIO_ONE, max(1, venue.worth(coin, lot) * less), Rounding.UP)
    return min(needed, held[coin] // lot)
