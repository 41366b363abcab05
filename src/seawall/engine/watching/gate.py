"""The gate: what oracles and circuit breakers let an account do now.

An account answers for every coin that it is exposed to: what it holds, what its contracts are on
and what they settle in, because its equity rests on all of their prices. Where one of them may not
convict, the account is neither called nor liquidated; where one may not pay, nothing leaves. A
venue without oracles and with nothing shut is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from seawall.engine.effect import Reason
from seawall.engine.event import Traded
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.state import Venue
from seawall.engine.watching import breakers
from seawall.margin import ExactRequirement
from seawall.market import Kind
from seawall.market.oracle import Feed, Permissions, Trading, aged, permissions
from seawall.money import RATIO_ONE

EVERYTHING = Permissions(liquidate=True, withdraw=True, trade=Trading.OPEN)
OF_MODE = {
    Mode.OPEN: EVERYTHING,
    Mode.REDUCE_ONLY: Permissions(liquidate=True, withdraw=False, trade=Trading.REDUCE_ONLY),
    Mode.HALTED: Permissions(liquidate=False, withdraw=False, trade=Trading.HALTED),
}
PRECEDENCE = tuple(Reason)


class Limit(NamedTuple):
    """What one oracle or one scope allows, and what it says where it does not."""

    allowed: Permissions
    reason: Reason
    coin: int = -1  # Whose market it is; -1: it is not a market's.


def may_liquidate(venue: Venue, account: int) -> bool:
    """Whether the account may be called or liquidated now, after all that this event did so far."""
    breakers.see_effects(venue)
    if not _is_watched(venue):
        return True
    coins = exposure(venue, (asset for asset, _ in venue.ledger.rows(account)))
    return all(limit.allowed.liquidate for limit in _limits(venue, account, coins))


def withdrawal_refusal(venue: Venue, account: int, coin: int) -> Reason | None:
    """Why nothing leaves the account now, if nothing does."""
    if not _is_watched(venue):
        return None
    coins = exposure(venue, (asset for asset, _ in venue.ledger.rows(account))) | {coin}
    found = [lim.reason for lim in _limits(venue, account, coins) if not lim.allowed.withdraw]
    return min(found, key=PRECEDENCE.index, default=None)


def trade_refusal(
    venue: Venue, event: Traded, moved: int, *, handed_over: bool = False
) -> Reason | None:
    """Why a trade of so many ledger units may not happen now, if it may not.

    Where the contract's own coins are halted, nobody trades it. A limit on another coin of an
    account only keeps it from taking on more: it may still leave. What a liquidation hands over may
    be taken wherever liquidations go on.
    """
    if not _is_watched(venue):
        return None
    lot_asset = venue.catalogue.lot_asset[event.instrument]
    own = exposure(venue, (lot_asset, venue.catalogue.cash_asset[event.instrument]))
    is_contract = venue.catalogue.assets[lot_asset].kind is not Kind.CURRENCY
    found: list[Reason] = []
    for account, gained in ((event.buyer, moved), (event.seller, -moved)):
        before = venue.ledger.balance(account, lot_asset)
        after = before + gained
        reduces = is_contract and abs(after) < abs(before) and before * after >= 0
        coins = exposure(venue, (asset for asset, _ in venue.ledger.rows(account))) | own
        for limit in _limits(venue, account, coins):
            trade = limit.allowed.trade
            if limit.coin >= 0 and limit.coin not in own:
                trade = max(trade, Trading.REDUCE_ONLY)
            may_grow = trade is Trading.OPEN or (handed_over and limit.allowed.liquidate)
            if trade is Trading.HALTED or not (reduces or may_grow):
                found.append(limit.reason)
    return min(found, key=PRECEDENCE.index, default=None)


def halted_accounts(venue: Venue) -> list[int]:
    """Accounts that stand halted by name: no liquidation of another one trades with them."""
    watch = venue.watch
    return [
        subject
        for scope, subject in sorted(watch.standing)
        if scope is Scope.ACCOUNT and watch.mode(scope, subject, venue.time_ms) is Mode.HALTED
    ]


def is_short(venue: Venue, held: Iterable[int], verdict: ExactRequirement) -> bool:
    """Whether margin equity is below the initial margin at its widest.

    margin_equity × 10⁹ < initial × the greatest `initial_ratio` of the coins of these assets.
    """
    if not venue.rulebook.oracle:
        return verdict.margin_equity < verdict.initial
    allowed = (_oracle(venue, coin) for coin in exposure(venue, held))
    ratio = max((one.allowed.initial_ratio for one in allowed if one), default=RATIO_ONE)
    return verdict.margin_equity * RATIO_ONE < verdict.initial * ratio


def exposure(venue: Venue, held: Iterable[int]) -> set[int]:
    """Coins whose prices move the value of some assets."""
    assets = venue.catalogue.assets
    coins: set[int] = set()
    for asset in held:
        coins.update((assets[asset].coin, assets[asset].currency))
    return coins


def _is_watched(venue: Venue) -> bool:
    return bool(venue.rulebook.oracle or venue.watch.standing)


def _limits(venue: Venue, account: int, coins: Iterable[int]) -> Iterator[Limit]:
    """Every limit that an account with these coins stands under."""
    if venue.watch.standing:
        yield _of(venue, Scope.ALL, breakers.NOBODY)
        yield _of(venue, Scope.VENUE, breakers.NOBODY)
        yield _of(venue, Scope.ACCOUNT, account)
    for coin in sorted(coins):
        if venue.watch.standing:
            yield _of(venue, Scope.MARKET, coin)
        oracle = _oracle(venue, coin)
        if oracle is not None:
            yield oracle


def _of(venue: Venue, scope: Scope, subject: int) -> Limit:
    mode = venue.watch.mode(scope, subject, venue.time_ms)
    reason = Reason.REDUCE_ONLY if mode is Mode.REDUCE_ONLY else Reason.HALTED
    return Limit(OF_MODE[mode], reason, subject if scope is Scope.MARKET else -1)


def _oracle(venue: Venue, coin: int) -> Limit | None:
    """What a coin's oracle allows now. Too old says more than refused, so it is said first."""
    policy = venue.rulebook.oracle.get(venue.catalogue.coins[coin].id)
    if policy is None:
        return None
    feed = venue.feeds.get(coin, Feed())
    allowed = permissions(policy, feed, venue.time_ms)
    if feed.last is None:
        return Limit(allowed, Reason.NO_PRICE, coin)
    age_ms = max(0, venue.time_ms - feed.last.observed_ms)
    is_old = aged(policy, EVERYTHING, age_ms) != EVERYTHING
    return Limit(allowed, Reason.PRICE_TOO_OLD if is_old else Reason.PRICE_REFUSED, coin)
