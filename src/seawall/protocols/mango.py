"""Mango v4: initial health of an account of tokens, resting spot orders and a perpetual position.

Pure fractions. Source: blockworks-foundation/mango-v4@1303a4a162, programs/mango-v4/src/health.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

ZERO = Fraction(0)


class Bank(NamedTuple):
    """How much of a token all accounts together hold and owe; a start of 0 is no limit."""

    deposits: Fraction = ZERO
    deposit_start: Fraction = ZERO  # Dollars of deposits above which the asset weight falls.
    borrows: Fraction = ZERO
    borrow_start: Fraction = ZERO
    in_orders: Fraction = ZERO  # Tokens that resting spot orders could deposit.


class Token(NamedTuple):
    """A token and the account's balance of it."""

    balance: Fraction
    price: Fraction
    asset_weight: Fraction
    liability_weight: Fraction
    bank: Bank = Bank()
    stable_price: Fraction | None = None  # The worse of it and the price counts.


class SpotOrders(NamedTuple):
    """Funds in resting orders of one spot market."""

    base_token: int
    quote_token: int
    base: Fraction
    quote: Fraction
    lowest_ask: Fraction | None = None
    highest_bid: Fraction | None = None


class Perp(NamedTuple):
    """A perpetual position with its orders."""

    settle_token: int
    price: Fraction
    base_lot: Fraction
    lots: Fraction
    quote: Fraction
    bid_lots: Fraction
    ask_lots: Fraction
    asset_weight: Fraction
    liability_weight: Fraction
    overall_asset_weight: Fraction  # Of a profit, after its base was weighted.


class _Side(NamedTuple):
    """What one unit of a token adds when held, and takes when owed, in dollars."""

    held: Fraction
    owed: Fraction


def scaled_asset_weight(token: Token) -> Fraction:
    """W · start / value of all deposits, once that value exceeds the start."""
    bank = token.bank
    value = (bank.deposits + bank.in_orders) * token.price
    limited = bank.deposit_start > 0 and value > bank.deposit_start
    return token.asset_weight * bank.deposit_start / value if limited else token.asset_weight


def scaled_liability_weight(token: Token) -> Fraction:
    """W · value of all borrows / start, once that value exceeds the start."""
    bank = token.bank
    value = bank.borrows * token.price
    limited = bank.borrow_start > 0 and value > bank.borrow_start
    return token.liability_weight * value / bank.borrow_start if limited else token.liability_weight


def perp_health(perp: Perp) -> Fraction:
    """Worse of all bids and all asks filled at the oracle; a profit counts in part, a loss whole.

    (lots + filled) · lot · P · weight + quote − filled · lot · P, in the settle token.
    """
    cases = []
    for filled in (perp.bid_lots, -perp.ask_lots):
        base = (perp.lots + filled) * perp.base_lot
        weight = perp.asset_weight if base > 0 else perp.liability_weight
        cases.append(base * perp.price * weight + perp.quote - filled * perp.base_lot * perp.price)
    worse = min(cases)
    return worse * perp.overall_asset_weight if worse > 0 else worse


def initial_health(
    tokens: Sequence[Token], orders: Sequence[SpotOrders], perp: Perp | None = None
) -> Fraction:
    """Σ weighted balances, perpetual profit included, plus each market's orders at their worse.

    Funds in an order may end as either token, so they count as the one that adds less; what the
    order could add is an asset as far as it lifts the balance above zero, a repaid debt below.
    """
    balances = [token.balance for token in tokens]
    if perp is not None:
        balances[perp.settle_token] += perp_health(perp)
    sides = [_side(token) for token in tokens]
    reserved = [_reserved(market, tokens) for market in orders]
    most = list(balances)
    for market, (as_base, as_quote) in zip(orders, reserved, strict=True):
        most[market.base_token] += as_base
        most[market.quote_token] += as_quote
    health = ZERO
    for balance, side in zip(balances, sides, strict=True):
        health += balance * (side.held if balance > 0 else side.owed)
    for market, (as_base, as_quote) in zip(orders, reserved, strict=True):
        base = _effect(as_base, most[market.base_token], sides[market.base_token])
        quote = _effect(as_quote, most[market.quote_token], sides[market.quote_token])
        health += min(base, quote)
    return health


def _side(token: Token) -> _Side:
    low, high = _prices(token)
    return _Side(scaled_asset_weight(token) * low, scaled_liability_weight(token) * high)


def _prices(token: Token) -> tuple[Fraction, Fraction]:
    """Price of what is held and of what is owed."""
    stable = token.price if token.stable_price is None else token.stable_price
    return min(token.price, stable), max(token.price, stable)


def _reserved(market: SpotOrders, tokens: Sequence[Token]) -> tuple[Fraction, Fraction]:
    """All funds of a market as base, and as quote: at the oracle or at the worse limit price."""
    base_low, base_high = _prices(tokens[market.base_token])
    quote_low, quote_high = _prices(tokens[market.quote_token])
    sold, bought = base_low / quote_high, quote_low / base_high
    if market.lowest_ask:
        sold = min(sold, market.lowest_ask)
    if market.highest_bid:
        bought = min(bought, 1 / market.highest_bid)
    return market.base + market.quote * bought, market.quote + market.base * sold


def _effect(added: Fraction, most: Fraction, side: _Side) -> Fraction:
    """What `added` tokens of a balance of at most `most` are worth."""
    asset = max(ZERO, min(added, most))
    return asset * side.held + (added - asset) * side.owed
