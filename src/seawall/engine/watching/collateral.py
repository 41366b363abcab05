"""Collateral beside its price: what feeds say of a coin, and how much of it the venue takes."""

from __future__ import annotations

import numpy as np

from seawall.engine.effect import Reason
from seawall.engine.event import CollateralObserved, Deposited
from seawall.engine.state import Venue
from seawall.margin.collateral import Observed
from seawall.money import parse_atoms


def observe(venue: Venue, event: CollateralObserved) -> Reason | None:
    """Remember what feeds say of a coin, and let the tables count it so from here on."""
    if not 0 <= event.coin < len(venue.catalogue.coins):
        return Reason.UNKNOWN_INSTRUMENT
    if min(event.rate, event.elapsed_s, event.fair_price) < 0:
        return Reason.PRICE_NOT_POSITIVE
    venue.observed[event.coin] = Observed(event.rate, event.elapsed_s, event.fair_price)
    if venue.tables.ready:
        venue.tables.reprice(venue.catalogue, venue.snapshot, frozenset({event.coin}))
    return None


def cap_refusal(venue: Venue, event: Deposited) -> Reason | None:
    """Why a deposit would bring more of a coin than the venue takes, if it would.

    What all users together hold, less what they owe in it, at the last price: that is what the
    venue would have to sell. Who holds it already may keep it when the price rises. Funds are
    nobody's collateral.
    """
    coin = event.coin
    cap = venue.rulebook.coins[coin].deposit_cap
    if cap is None or venue.method[event.account] < 0:
        return None
    price = venue.snapshot.price[coin]
    if price <= 0:
        return Reason.NO_PRICE
    others = np.flatnonzero(venue.method < 0).tolist()
    held = -sum(venue.ledger.balance(account, coin) for account in others)
    most = parse_atoms(cap, venue.catalogue.numeraire.decimals)
    return Reason.COLLATERAL_CAP if venue.worth(coin, held + event.atoms) > most else None
