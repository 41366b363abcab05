"""Oracles: reports come in, and one price of a coin or a refusal with its reason goes out.

The rules are `market.oracle`'s, and each coin's feed is state. What an old or refused price forbids
is asked at the `gate`. Knows no account.
"""

from __future__ import annotations

from seawall.engine.effect import PricePublished, PriceRefused, Reason
from seawall.engine.event import Observed, Priced
from seawall.engine.state import Venue
from seawall.market.oracle import Feed, Observation, Outcome, Published, Refusal, observe
from seawall.money import RATIO_ONE, Rounding, divide


def heard(venue: Venue, event: Observed) -> Observation | Reason:
    """What becomes of some reports; nothing is changed yet."""
    coins = venue.catalogue.coins
    if not 0 <= event.coin < len(coins):
        return Reason.UNKNOWN_INSTRUMENT
    policy = venue.rulebook.oracle.get(coins[event.coin].id)
    if policy is None:
        return Reason.NO_ORACLE
    return observe(policy, venue.feeds.get(event.coin, Feed()), event.reports, event.time_ms)


def as_tick(event: Observed, price: Outcome) -> Priced | None:
    """A published price as the tick that it is; None where none was published."""
    if not isinstance(price, Published):
        return None
    return Priced(
        time_ms=event.time_ms,
        price=((event.coin, price.price),),
        confidence=((event.coin, sureness(price)),),
    )


def sureness(price: Published) -> int:
    """1 − half-width ÷ price, parts per billion, rounded down and never below zero.

    >>> sureness(Published(price=100, confidence=1, observed_ms=0, published_ms=0, used=()))
    990000000
    """
    return max(0, RATIO_ONE - divide(price.confidence * RATIO_ONE, price.price, Rounding.UP))


def keep(venue: Venue, coin: int, seen: Observation) -> None:
    """Let a feed be what it has become, and tell of a price or of a refusal."""
    venue.feeds[coin] = seen.feed
    outcome = seen.outcome
    if isinstance(outcome, Published):
        venue.effects.append(
            PricePublished(
                coin=coin,
                price=outcome.price,
                confidence=outcome.confidence,
                observed_ms=outcome.observed_ms,
                used=outcome.used,
                rejected=outcome.rejected,
                dropped=seen.dropped,
            )
        )
    elif isinstance(outcome, Refusal):
        venue.effects.append(
            PriceRefused(
                coin=coin,
                reason=outcome.reason,
                rejected=outcome.rejected,
                dropped=seen.dropped,
            )
        )


def tells_for_an_oracle(venue: Venue, event: Priced) -> bool:
    """Whether a tick names the price of a coin that has an oracle: nobody may go around it."""
    oracle, coins = venue.rulebook.oracle, venue.catalogue.coins
    if not oracle:
        return False
    told = (coin for coin, _ in (*event.price, *event.confidence))
    return any(0 <= coin < len(coins) and coins[coin].id in oracle for coin in told)


def change_rules(venue: Venue) -> None:
    """Forget the feeds of coins that have no oracle any more."""
    ids = [coin.id for coin in venue.catalogue.coins]
    venue.feeds = {c: feed for c, feed in venue.feeds.items() if ids[c] in venue.rulebook.oracle}
