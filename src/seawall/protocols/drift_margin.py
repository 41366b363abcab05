"""Drift v2: margin of an account of deposits, borrows and perpetual positions, to the last atom.

Integers only: prices and quote in millionths, base in 10^-9, ratios and weights in parts per
10,000, the size factor in parts per million. Divisions truncate towards zero; a negative token
value floors. Not known here: liquidation, oracles' validity, liquidity shares.
Source: drift-labs/protocol-v2@0ae3e3b1db, programs/drift/src/math/margin.rs.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

PRICE_ONE = QUOTE_ONE = IMF_ONE = 1_000_000
BASE_ONE = 1_000_000_000
RATIO_ONE = 10_000  # A margin ratio or a weight of 1.
OPEN_ORDER_CHARGE = QUOTE_ONE // 100  # For every open order, whatever its size.
INITIAL_PROFIT_MAX = 100 * QUOTE_ONE  # Of one position, in initial margin.


class MarginType(enum.IntEnum):
    """Which of the three margins; FILL lies half way between the others."""

    INITIAL = 0
    FILL = 1
    MAINTENANCE = 2


class SpotMarket(NamedTuple):
    """A coin that can be deposited and borrowed; number 0 is the quote coin."""

    number: int
    decimals: int
    initial_asset_weight: int
    maintenance_asset_weight: int
    initial_liability_weight: int
    maintenance_liability_weight: int
    imf_factor: int = 0  # Parts per million; 0 is no charge for size.
    oracle_price: int = PRICE_ONE
    twap_price: int = 0  # Of five minutes; used in strict mode only.
    scale_start: int = 0  # Quote atoms of deposits above which the weight falls; 0 is never.
    total_deposits: int = 0  # Token atoms.


class PerpMarket(NamedTuple):
    """A perpetual contract."""

    number: int
    initial_ratio: int
    maintenance_ratio: int
    imf_factor: int = 0
    initial_profit_weight: int = 0
    maintenance_profit_weight: int = 0
    profit_imf_factor: int = 0
    oracle_price: int = 0
    liquidator_fee: int = 0  # Parts per million, as is the next.
    insurance_fee: int = 0
    size_step: int = 1
    high_leverage_initial: int = 0
    high_leverage_maintenance: int = 0
    predicts: bool = False  # A price between 0 and 1; a short risks 1 − price.
    settles: bool = False
    expiry_price: int = 0
    quote_market: int = 0


class SpotPosition(NamedTuple):
    """A deposit, or a borrow where the amount is negative, with its open orders."""

    market: int
    amount: int  # Token atoms.
    open_orders: int = 0
    open_bids: int = 0
    open_asks: int = 0  # Not above 0.


class PerpPosition(NamedTuple):
    """A perpetual position with its open orders."""

    market: int
    base: int
    quote: int
    open_orders: int = 0
    open_bids: int = 0
    open_asks: int = 0  # Not above 0.
    custom_ratio: int = 0
    isolated: bool = False
    isolated_collateral: int = 0  # Atoms of the quote coin.
    entry: int | None = None  # Quote atoms at entry, without fees.
    break_even: int | None = None


class Account(NamedTuple):
    """Everything that one margin call looks at."""

    spot: tuple[SpotPosition, ...] = ()
    perp: tuple[PerpPosition, ...] = ()
    custom_ratio: int = 0  # The user's own floor, in initial margin only.
    high_leverage: bool = False


class Markets(NamedTuple):
    """Markets by number."""

    spot: dict[int, SpotMarket]
    perp: dict[int, PerpMarket]


class Terms(NamedTuple):
    """How an account is looked at."""

    margin_type: MarginType
    strict: bool = False  # The worse of the oracle and its five-minute average.
    buffer: int = 0  # Parts per 10,000 of liabilities and losses that a liquidation must restore.
    override: int = 0  # A floor of every ratio, whatever the margin type.


class Margin(NamedTuple):
    """Sums of one account or of one isolated position, quote atoms."""

    requirement: int = 0
    collateral: int = 0
    requirement_with_buffer: int = 0
    collateral_with_buffer: int = 0
    tracked: int = 0  # The part of requirement from the market asked about.

    def shortage(self) -> int:
        """What is missing to end a liquidation."""
        return max(0, self.requirement_with_buffer - self.collateral_with_buffer)


class AccountMargin(NamedTuple):
    """Cross margin, and each isolated position by market."""

    cross: Margin
    isolated: dict[int, Margin]


class PerpMargin(NamedTuple):
    """One perpetual position."""

    requirement: int
    weighted_pnl: int
    liability_value: int


class _Strict(NamedTuple):
    """The lower and the higher of a price and its average."""

    low: int
    high: int


def truncated(numerator: int, denominator: int) -> int:
    """A quotient towards zero.

    >>> truncated(-7, 2)
    -3
    """
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def power_of_ten(exponent: int) -> int:
    """10^exponent; 1 where the exponent is negative."""
    return int(10 ** max(exponent, 0))


def size_premium(base: int, imf_factor: int, weight: int, bounded: bool = True) -> int:
    """Ratio or liability weight of a size: max(w, 0.8·w + imf·√base); unbounded: without the max.

    >>> size_premium(1_000 * BASE_ONE, 100_000, 11_000)  # 0.88 + 0.1 · √1000
    40422
    """
    if imf_factor == 0:
        return weight
    root = math.isqrt(base * 10 + 1)  # Of 10^10 parts of a coin: 10^5 parts of its root.
    grown = weight - weight // 5 + root * imf_factor // (100_000 * IMF_ONE // RATIO_ONE)
    return max(weight, grown) if bounded else grown


def size_discount(base: int, imf_factor: int, weight: int) -> int:
    """Asset weight of a size: min(w, 1.1 / (1 + imf·√base))."""
    if imf_factor == 0:
        return weight
    root = math.isqrt(base * 10 + 1)
    shrunk = IMF_ONE * 11 // 10 * RATIO_ONE // (IMF_ONE + root * imf_factor // 100_000)
    return min(weight, shrunk)


def scaled_asset_weight(market: SpotMarket) -> int:
    """Initial asset weight · start / deposits, once all deposits of the coin exceed the start."""
    if market.scale_start == 0:
        return market.initial_asset_weight
    deposits = market.total_deposits * market.oracle_price // power_of_ten(market.decimals)
    if deposits < market.scale_start:
        return market.initial_asset_weight
    return market.initial_asset_weight * market.scale_start // deposits


def asset_weight(market: SpotMarket, amount: int, margin_type: MarginType) -> int:
    """Weight of a deposit, parts per 10,000."""
    weight = _of_type(scaled_asset_weight(market), market.maintenance_asset_weight, margin_type)
    return size_discount(_in_base(market, amount), market.imf_factor, weight)


def liability_weight(market: SpotMarket, amount: int, margin_type: MarginType) -> int:
    """Weight of a borrow, parts per 10,000."""
    weight = _of_type(
        market.initial_liability_weight, market.maintenance_liability_weight, margin_type
    )
    return size_premium(_in_base(market, amount), market.imf_factor, weight)


def perp_ratio(
    market: PerpMarket, base: int, margin_type: MarginType, high_leverage: bool = False
) -> int:
    """Margin ratio of a position of a size, parts per 10,000.

    A high-leverage user's initial ratio climbs from its own to the ordinary one as fast as the
    ordinary one's premium climbs from 0.8 to 1 times that ratio.
    """
    if market.settles:
        return 0
    ordinary = _of_type(market.initial_ratio, market.maintenance_ratio, margin_type)
    if not (high_leverage and market.high_leverage_initial and market.high_leverage_maintenance):
        return size_premium(base, market.imf_factor, ordinary)
    ratio = _of_type(market.high_leverage_initial, market.high_leverage_maintenance, margin_type)
    if margin_type == MarginType.MAINTENANCE or market.imf_factor == 0:
        return size_premium(base, market.imf_factor, ratio)
    grown = size_premium(base, market.imf_factor, ordinary, bounded=False)
    if grown >= ordinary:
        return grown
    climbed = 1_000_000 - (ordinary - grown) * 1_000_000 // (ordinary // 5)
    return ratio + max(ordinary - ratio, 1) * climbed // 1_000_000


def perp_value(base: int, price: int, predicts: bool = False) -> int:
    """Liability of a position; a short on a prediction risks what is left to 1."""
    risked = max(PRICE_ONE - price, 0) if predicts and base < 0 else max(price, 0)
    return abs(base) * risked // BASE_ONE


def worst_base(position: PerpPosition, market: PerpMarket, price: int) -> int:
    """Position after all bids or all asks, whichever is the larger liability."""
    bids, asks = position.base + position.open_bids, position.base + position.open_asks
    return max((asks, bids), key=lambda base: perp_value(base, price, market.predicts))


def perp_pnl(position: PerpPosition, price: int) -> int:
    """Value at the oracle plus quote."""
    value = abs(position.base) * max(price, 0) // BASE_ONE
    return (value if position.base > 0 else -value) + position.quote


def perp_margin(
    position: PerpPosition,
    market: PerpMarket,
    quote: SpotMarket,
    terms: Terms,
    custom_ratio: int = 0,
    high_leverage: bool = False,
) -> PerpMargin:
    """Requirement |worst base| · P · ratio + $0.01 per order, and weighted profit or loss."""
    price = market.expiry_price if market.settles else market.oracle_price
    strict = _strict(quote, terms.strict)
    base = worst_base(position, market, price)
    liability = perp_value(base, price, market.predicts) * strict.high // PRICE_ONE
    ratio = max(custom_ratio, perp_ratio(market, abs(base), terms.margin_type, high_leverage))
    requirement = 0 if market.settles else liability * ratio // RATIO_ONE
    pnl = perp_pnl(position, price)
    weighted = truncated(pnl * _profit_weight(market, pnl, terms.margin_type), RATIO_ONE)
    worse = strict.low if pnl > 0 else strict.high
    weighted = truncated(weighted * worse, PRICE_ONE)
    if terms.margin_type == MarginType.INITIAL:
        weighted = min(weighted, INITIAL_PROFIT_MAX)
    return PerpMargin(requirement + position.open_orders * OPEN_ORDER_CHARGE, weighted, liability)


def account_margin(
    account: Account, markets: Markets, terms: Terms, track: int | None = None
) -> AccountMargin:
    """Requirement and collateral over everything held; `track` names one perpetual market."""
    custom = account.custom_ratio if terms.margin_type == MarginType.INITIAL else 0
    floor = max(custom, terms.override)
    cross = Margin()
    isolated: dict[int, Margin] = {}
    for spot in account.spot:
        cross = _with_spot(cross, spot, markets.spot[spot.market], terms, floor)
    for perp in account.perp:
        own = perp.custom_ratio if terms.margin_type == MarginType.INITIAL else 0
        market = markets.perp[perp.market]
        quote = markets.spot[market.quote_market]
        found = perp_margin(perp, market, quote, terms, max(own, floor), account.high_leverage)
        tracked = found.requirement if perp.market == track else 0
        start = Margin() if perp.isolated else cross
        if perp.isolated:
            deposit = token_value(perp.isolated_collateral, quote, _strict(quote, terms.strict))
            start = _with_collateral(start, deposit, terms)
        start = _with_liability(start, found.requirement, found.liability_value, terms)
        start = _with_collateral(start, found.weighted_pnl, terms)
        start = start._replace(tracked=start.tracked + tracked)
        if perp.isolated:
            isolated[perp.market] = start
        else:
            cross = start
    return AccountMargin(cross, isolated)


def token_value(amount: int, market: SpotMarket, price: _Strict) -> int:
    """Quote atoms: a deposit at the lower price, a borrow at the higher, floored."""
    return amount * (price.low if amount > 0 else price.high) // power_of_ten(market.decimals)


def _with_spot(
    margin: Margin, position: SpotPosition, market: SpotMarket, terms: Terms, floor: int
) -> Margin:
    price = _strict(market, terms.strict)
    value = token_value(position.amount, market, price)
    if market.number == 0:
        if position.amount >= 0:
            return _with_collateral(margin, value, terms)
        return _with_liability(margin, -value, -value, terms)
    orders, worth, weighted = _worst_fill(position, market, price, terms, floor)
    margin = _with_liability(margin, position.open_orders * OPEN_ORDER_CHARGE, 0, terms)
    for counted, plain in ((weighted, worth), (orders, orders)):
        if plain > 0:
            margin = _with_collateral(margin, counted, terms)
        elif plain < 0:
            margin = _with_liability(margin, -counted, -plain, terms)
    return margin


def _worst_fill(
    position: SpotPosition, market: SpotMarket, price: _Strict, terms: Terms, floor: int
) -> tuple[int, int, int]:
    """Value of the orders, of the coins after them, and that value weighted: the worse side."""
    value = token_value(position.amount, market, price)
    sides = []
    for opened in (position.open_asks, position.open_bids):  # On a tie the asks count.
        orders = -opened * price.high // power_of_ten(market.decimals)
        after = position.amount + opened
        weighted = _weighted(after, value - orders, market, terms.margin_type)
        sides.append((weighted + orders, after, orders, value - orders, weighted))
    _, after, orders, worth, weighted = min(sides, key=lambda side: side[0])
    if floor and weighted < 0:
        weight = max(liability_weight(market, abs(after), MarginType.INITIAL), floor + RATIO_ONE)
        weighted = truncated(worth * weight, RATIO_ONE)
    elif floor and weighted > 0:
        weight = asset_weight(market, abs(after), MarginType.INITIAL)
        weighted = worth * min(weight, max(RATIO_ONE - floor, 0)) // RATIO_ONE
    return orders, worth, weighted


def _weighted(amount: int, value: int, market: SpotMarket, margin_type: MarginType) -> int:
    weight = asset_weight if value > 0 else liability_weight
    return truncated(value * weight(market, abs(amount), margin_type), RATIO_ONE)


def _with_liability(margin: Margin, requirement: int, value: int, terms: Terms) -> Margin:
    buffered = requirement + value * terms.buffer // RATIO_ONE
    return margin._replace(
        requirement=margin.requirement + requirement,
        requirement_with_buffer=margin.requirement_with_buffer + buffered,
    )


def _with_collateral(margin: Margin, value: int, terms: Terms) -> Margin:
    buffered = value + (truncated(value * terms.buffer, RATIO_ONE) if value < 0 else 0)
    return margin._replace(
        collateral=margin.collateral + value,
        collateral_with_buffer=margin.collateral_with_buffer + buffered,
    )


def _profit_weight(market: PerpMarket, pnl: int, margin_type: MarginType) -> int:
    if pnl <= 0:
        return RATIO_ONE
    if margin_type == MarginType.MAINTENANCE:
        return market.maintenance_profit_weight
    return size_discount(pnl * 1_000, market.profit_imf_factor, market.initial_profit_weight)


def _of_type(initial: int, maintenance: int, margin_type: MarginType) -> int:
    if margin_type == MarginType.FILL:
        return (initial + maintenance) // 2
    return initial if margin_type == MarginType.INITIAL else maintenance


def _in_base(market: SpotMarket, amount: int) -> int:
    """Token atoms in 10^-9."""
    return amount * BASE_ONE // power_of_ten(market.decimals)


def _strict(market: SpotMarket, strict: bool) -> _Strict:
    price, average = market.oracle_price, market.twap_price
    other = average if strict else price
    return _Strict(min(price, other), max(price, other))
