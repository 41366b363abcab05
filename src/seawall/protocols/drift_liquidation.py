"""Drift v2: what a liquidator may take, and at which fee.

Integers in the scales of `drift_margin`; fee rates in parts per million. Not known here: how
margin is computed, which `drift_margin` says, and who bears a loss, which `drift_bankruptcy` says.
Source: drift-labs/protocol-v2@0ae3e3b1db, programs/drift/src/{math,controller}/liquidation.rs.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from seawall.protocols.drift_margin import (
    BASE_ONE,
    PRICE_ONE,
    QUOTE_ONE,
    RATIO_ONE,
    Account,
    Margin,
    MarginType,
    Markets,
    PerpMarket,
    PerpPosition,
    Terms,
    account_margin,
    perp_ratio,
    power_of_ten,
)

FEE_ONE = 1_000_000
SHARE_ONE = 10_000  # Of a shortage that may be covered so far.
SMALL = 50 * QUOTE_ONE  # A shortage below, or a position up to this, goes at once.
GRACE_SLOTS = 1_500
FEE_MULTIPLE_MAX = 3


class DriftRefusal(enum.IntEnum):
    """Why a liquidation is refused, in order of precedence."""

    ENOUGH_COLLATERAL = 1
    NO_POSITION = 2
    SIZE_BELOW_STEP = 3
    LIMIT_PRICE = 4
    LIQUIDATOR_LACKS_MARGIN = 5


class Liquidation(NamedTuple):
    """One call of a liquidator."""

    market: int
    base_max: int
    limit_price: int | None = None
    buffer: int = 0  # Parts per 10,000.
    initial_share: int = SHARE_ONE
    duration_slots: int = 150
    slot: int = 0
    last_active_slot: int = 0
    margin_freed: int = 0  # Quote atoms, by earlier calls.
    under_way: bool = False


class Outcome(NamedTuple):
    """Accounts after a call that was not refused."""

    user: Account
    liquidator: Account
    base: int  # Taken over.
    insurance_fee: int  # Quote atoms.
    margin_freed: int
    last_active_slot: int
    still_liquidated: bool


def base_to_cover(
    shortage: int,
    ratio: int,
    liquidator_fee: int,
    insurance_fee: int,
    price: int,
    quote_price: int = PRICE_ONE,
) -> int | None:
    """Shortage / (P · (ratio − f_liquidator) − P · f_insurance); None is without limit."""
    rate = ratio * (FEE_ONE // RATIO_ONE)
    if price == 0 or rate <= liquidator_fee:
        return None
    freed = price * quote_price // PRICE_ONE * (rate - liquidator_fee) // FEE_ONE
    freed -= price * insurance_fee // FEE_ONE
    return shortage * BASE_ONE // freed if freed > 0 else None


def perp_insurance_fee(
    shortage: int,
    base: int,
    ratio: int,
    liquidator_fee: int,
    price: int,
    fee_max: int,
    quote_price: int = PRICE_ONE,
) -> int:
    """min(max, 0.95 · (ratio − f_liquidator − shortage / notional)), not below 0.

    >>> perp_insurance_fee(20_000_000, 10 * BASE_ONE, 500, 10_000, 100_000_000, 50_000)
    19000
    """
    rate = ratio * (FEE_ONE // RATIO_ONE)
    value = price * quote_price // PRICE_ONE
    if value == 0 or base == 0 or rate <= liquidator_fee:
        return 0
    missing = shortage * BASE_ONE // base * PRICE_ONE // value
    return min(fee_max, max(0, rate - liquidator_fee - missing) * 19 // 20)


def spot_insurance_fee(
    shortage: int,
    amount: int,
    asset: tuple[int, int],
    liability: tuple[int, int],
    decimals: int,
    price: int,
    fee_max: int,
) -> int:
    """Headroom of a borrow of `amount`; `asset` and `liability` are (weight, multiplier).

    min(max, (w_liability − w_asset · m_asset / m_liability − shortage / value) / w_liability).
    """
    if asset[0] >= liability[0] or 0 in (price, amount, liability[1]):
        return 0
    owed, held = (weight * (FEE_ONE // RATIO_ONE) for weight in (liability[0], asset[0]))
    left = max(0, owed - held * asset[1] // liability[1])
    left -= shortage * FEE_ONE * power_of_ten(decimals) // amount // price
    return min(fee_max, max(0, left) * FEE_ONE // owed)


def fee_ramp(
    fee: int, fee_max: int, slots: int, grace: int = GRACE_SLOTS, increase: int = 1
) -> int:
    """Liquidator's fee after some slots: from the grace period on, `increase` for every slot."""
    return fee if slots < grace else min(fee + slots * increase, fee_max)


def share_allowed(
    shortage: int, freed: int, slots: int, initial_share: int, duration_slots: int
) -> int:
    """Share of what would cover the shortage that a call may take, parts per 10,000."""
    if shortage < SMALL:
        return SHARE_ONE
    grown = slots * SHARE_ONE // duration_slots if duration_slots else SHARE_ONE
    total = (shortage + freed) * min(SHARE_ONE, grown + initial_share) // SHARE_ONE
    return max(0, total - freed) * SHARE_ONE // shortage


def liability_to_cover(
    shortage: int,
    asset: tuple[int, int],
    liability: tuple[int, int],
    decimals: int,
    price: int,
    insurance_fee: int,
) -> int | None:
    """Tokens of a borrow whose repayment covers a shortage; pairs are (weight, multiplier).

    shortage / (P · (w_liability − w_asset · m_asset / m_liability) − P · f · w_liability).
    """
    held = asset[0] * 10 * asset[1] // liability[1]
    if asset[0] >= liability[0] or held >= liability[0] * 10:
        return None
    freed = price * (liability[0] * 10 - held)
    freed -= price * insurance_fee // FEE_ONE * liability[0] * 10
    if freed <= 0:
        return None
    up, down = power_of_ten(decimals - 6), power_of_ten(6 - decimals)
    return max(1, shortage * up * PRICE_ONE * RATIO_ONE * 10 // freed // down)


class Leg(NamedTuple):
    """One side of a swap of a borrow for a deposit."""

    decimals: int
    price: int
    multiplier: int  # Parts per million.


def liability_for_asset(amount: int, asset: Leg, liability: Leg) -> int:
    """Tokens of the borrow that a deposit of `amount` repays, rounded up."""
    up = power_of_ten(liability.decimals - asset.decimals)
    down = power_of_ten(asset.decimals - liability.decimals)
    value = amount * up * asset.price * liability.multiplier
    repaid = -(-value // (liability.price * asset.multiplier))
    return -(-repaid // down)


def asset_for_liability(amount: int, held: int, asset: Leg, liability: Leg) -> int:
    """Tokens of the deposit for a borrow of `amount`; all that is held if within one dollar."""
    up = power_of_ten(asset.decimals - liability.decimals)
    down = power_of_ten(liability.decimals - asset.decimals)
    value = amount * up * liability.price * asset.multiplier
    taken = max(1, value // (asset.price * liability.multiplier) // down)
    # The source scales the difference by decimals − 6 the wrong way; so do we.
    apart = abs(taken - held) * asset.price // PRICE_ONE
    apart = apart * power_of_ten(asset.decimals - 6) // power_of_ten(6 - asset.decimals)
    return held if apart < QUOTE_ONE else taken


def liquidate(
    user: Account, liquidator: Account, markets: Markets, call: Liquidation
) -> Outcome | DriftRefusal:
    """Cancel the user's orders; then hand what covers the shortage to the liquidator, at a fee."""
    market = markets.perp[call.market]
    before = _margin(user, markets, call)
    same = Outcome(
        user, liquidator, 0, 0, call.margin_freed, call.last_active_slot, still_liquidated=True
    )
    if not call.under_way and before.collateral >= before.requirement:
        return DriftRefusal.ENOUGH_COLLATERAL
    if call.under_way and before.shortage() == 0:
        return same._replace(still_liquidated=False, margin_freed=0)
    if all(position.market != call.market for position in user.perp):
        return DriftRefusal.NO_POSITION
    if not call.under_way:
        same = same._replace(last_active_slot=call.slot, margin_freed=0)
    user = _without_orders(user, call.market)
    now = _margin(user, markets, call)
    same = same._replace(
        user=user, margin_freed=same.margin_freed + max(0, before.shortage() - now.shortage())
    )
    if now.shortage() == 0:
        return same._replace(still_liquidated=False, margin_freed=0)
    position = _position(user, call.market)
    if position.base == 0:
        return same
    if call.base_max < market.size_step:
        return DriftRefusal.SIZE_BELOW_STEP
    return _transfer(same, markets, call, now)


def _transfer(
    same: Outcome, markets: Markets, call: Liquidation, now: Margin
) -> Outcome | DriftRefusal:
    user, market = same.user, markets.perp[call.market]
    position, shortage = _position(user, call.market), now.shortage()
    ratio = perp_ratio(market, abs(position.base), MarginType.MAINTENANCE, user.high_leverage)
    ratio += call.buffer
    price = market.expiry_price if market.settles else market.oracle_price
    quote_price = markets.spot[market.quote_market].oracle_price
    slots = call.slot - same.last_active_slot
    fee_rate = _fee_rate(market, user.high_leverage, slots)
    mine = shortage * now.tracked // now.requirement if now.requirement else 0
    size = abs(position.base)
    insurance_rate = perp_insurance_fee(
        mine, size, ratio, fee_rate, price, market.insurance_fee, quote_price
    )
    cover = base_to_cover(shortage, ratio, fee_rate, insurance_rate, price, quote_price)
    cover = None if cover is None else _step_up(cover, market.size_step)
    share = share_allowed(
        shortage, same.margin_freed, slots, call.initial_share, call.duration_slots
    )
    if position.isolated:  # An isolated position is not spread over time.
        share = SHARE_ONE
    allowed = size if cover is None else cover * share // SHARE_ONE
    if allowed == 0:
        return same
    if size * price // BASE_ONE <= SMALL:
        allowed = max(allowed, size)
    most = call.base_max - call.base_max % market.size_step
    base = _step_up(min(size, most, allowed), market.size_step)
    long = position.base > 0
    if call.limit_price is not None:
        fee = price * fee_rate // FEE_ONE
        if (price - fee > call.limit_price) if long else (price + fee < call.limit_price):
            return DriftRefusal.LIMIT_PRICE
    value = base * price // BASE_ONE
    fee, insurance = value * fee_rate // FEE_ONE, value * insurance_rate // FEE_ONE
    sold = _filled(position, -base if long else base, value if long else -value)
    bought = _filled(
        _position(same.liquidator, call.market),
        base if long else -base,
        -value if long else value,
    )
    after = _with_position(user, _paid(sold, -fee - insurance))
    taker = _with_position(same.liquidator, _paid(bought, fee))
    initial = account_margin(taker, markets, Terms(MarginType.INITIAL)).cross
    if initial.collateral < initial.requirement:
        return DriftRefusal.LIQUIDATOR_LACKS_MARGIN
    freed = max(0, shortage - _margin(after, markets, call).shortage())
    ended = cover is not None and base >= cover
    total = 0 if ended else same.margin_freed + freed
    return Outcome(after, taker, base, insurance, total, same.last_active_slot, not ended)


def _margin(account: Account, markets: Markets, call: Liquidation) -> Margin:
    terms = Terms(MarginType.MAINTENANCE, buffer=call.buffer)
    found = account_margin(account, markets, terms, track=call.market)
    return found.isolated.get(call.market, found.cross)


def _position(account: Account, market: int) -> PerpPosition:
    for position in account.perp:
        if position.market == market:
            return position
    return PerpPosition(market, 0, 0)


def _with_position(account: Account, position: PerpPosition) -> Account:
    rest = tuple(held for held in account.perp if held.market != position.market)
    return account._replace(perp=(*rest, position))


def _without_orders(account: Account, market: int) -> Account:
    """A cross liquidation cancels every order, an isolated one those of its market."""
    isolated = _position(account, market).isolated
    perp = tuple(
        held
        if isolated and held.market != market
        else held._replace(open_orders=0, open_bids=0, open_asks=0)
        for held in account.perp
    )
    spot = (
        account.spot
        if isolated
        else tuple(held._replace(open_orders=0, open_bids=0, open_asks=0) for held in account.spot)
    )
    return account._replace(perp=perp, spot=spot)


def _filled(position: PerpPosition, base: int, quote: int) -> PerpPosition:
    """A position after a fill; a reduction takes its share of entry and break-even with it."""
    entry = position.quote if position.entry is None else position.entry
    even = position.quote if position.break_even is None else position.break_even
    held, grown = position.base, position.base + base
    if held == 0 or (held > 0) == (base > 0):
        entry, even = entry + quote, even + quote
    elif abs(base) <= abs(held):
        entry -= _part(entry, base, held)
        even -= _part(even, base, held)
    else:  # Through zero: what is beyond the old size was entered by this fill.
        entry = even = quote - _part(quote, held, base)
    return position._replace(base=grown, quote=position.quote + quote, entry=entry, break_even=even)


def _part(amount: int, size: int, whole: int) -> int:
    part = abs(amount) * abs(size) // abs(whole)
    return part if amount > 0 else -part


def _paid(position: PerpPosition, quote: int) -> PerpPosition:
    even = position.quote if position.break_even is None else position.break_even
    return position._replace(quote=position.quote + quote, break_even=even + quote)


def _fee_rate(market: PerpMarket, high_leverage: bool, slots: int) -> int:
    """Ramp to min(3 · fee, maintenance); high leverage starts at most at 0.8 of maintenance."""
    fee = market.liquidator_fee
    most = min(fee * FEE_MULTIPLE_MAX, market.maintenance_ratio * (FEE_ONE // RATIO_ONE))
    if high_leverage and market.high_leverage_initial and market.high_leverage_maintenance:
        ratio = market.high_leverage_maintenance * (FEE_ONE // RATIO_ONE)
        fee = min(fee, ratio - ratio // 5)
    return fee_ramp(fee, most, slots)


def _step_up(base: int, step: int) -> int:
    return -(-base // step) * step
