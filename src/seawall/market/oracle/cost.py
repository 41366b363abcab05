"""What it costs to move an oracle: a time-weighted mean of a pool, and a median of several.

Pools are constant-product over the whole range; the mean is geometric, as a mean of ticks is.
Decimals of 50 digits: these are estimates for people who choose parameters, and no verdict reads
them. Source: Uniswap v3 core, `OracleLibrary.consult`; the costs are our own arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import NamedTuple

TICK_BASE = Decimal("1.0001")
DIGITS = Context(prec=50)
ZERO, ONE = Decimal(0), Decimal(1)


class TwapShift(NamedTuple):
    """How far the mean shall move, and how far spot must for it."""

    mean_ticks: Decimal
    spot_ticks: Decimal
    spot_factor: Decimal  # Spot price after ÷ before.


class PoolMove(NamedTuple):
    """What moving a pool's price costs."""

    quote_in: Decimal
    base_out: Decimal
    loss: Decimal  # Quote; if others trade the price back at once.


class Pool(NamedTuple):
    """A constant-product pool; its price is quote ÷ base."""

    base: Decimal
    quote: Decimal
    fee: Decimal = ZERO  # Of what is paid in.


class Cost(NamedTuple):
    """What an attack needs and what it loses, in quote."""

    spot_factor: Decimal  # The price that a moved pool shows ÷ the true one.
    moved: int  # Pools to move, or blocks to hold one.
    capital: Decimal  # To have at hand, valued at the true price.
    loss: Decimal  # What others earn by trading it back, fees included.


def spot_move_needed(mean_shift: Decimal, window_blocks: int, held_blocks: int) -> TwapShift:
    """Move of spot that, held for some blocks, shifts a window's mean price by a share.

    mean_ticks = ln(1 + mean_shift) / ln(1.0001), spot_ticks = mean_ticks · window / held, and the
    spot price moves by the factor (1 + mean_shift)^(window / held).
    """
    ratio = DIGITS.divide(Decimal(window_blocks), Decimal(held_blocks))
    logarithm = DIGITS.ln(DIGITS.add(ONE, mean_shift))
    mean = DIGITS.divide(logarithm, DIGITS.ln(TICK_BASE))
    factor = DIGITS.exp(DIGITS.multiply(logarithm, ratio))
    return TwapShift(mean, DIGITS.multiply(mean, ratio), factor)


def full_range_move(
    base: Decimal, quote: Decimal, price_factor: Decimal, fee: Decimal = ZERO
) -> PoolMove:
    """What a trade pays and gets that moves the price of a pool by a factor.

    quote_in = quote · (√factor − 1) / (1 − fee), base_out = base · (1 − 1/√factor), and the loss
    is quote_in − base_out at the price before.
    """
    root = DIGITS.sqrt(price_factor)
    quote_in = DIGITS.divide(
        DIGITS.multiply(quote, DIGITS.subtract(root, ONE)), DIGITS.subtract(ONE, fee)
    )
    base_out = DIGITS.multiply(base, DIGITS.subtract(ONE, DIGITS.divide(ONE, root)))
    worth = DIGITS.multiply(base_out, DIGITS.divide(quote, base))
    return PoolMove(quote_in, base_out, DIGITS.subtract(quote_in, worth))


def cost_to_move(pool: Pool, price_factor: Decimal) -> Cost:
    """What one move of a pool needs and loses, up or down.

    A fall by f is a rise of the quote in units of the base by 1/f; both sides of a pool are worth
    the same, so the amounts carry over.

    >>> print(cost_to_move(Pool(Decimal(1000), Decimal(2_000_000)), Decimal(4)).loss)
    1000000.0
    """
    factor = price_factor if price_factor >= 1 else DIGITS.divide(ONE, price_factor)
    move = full_range_move(pool.quote, pool.quote, factor, pool.fee)
    return Cost(price_factor, 1, move.quote_in, move.loss)


def cost_to_move_twap(
    pool: Pool,
    mean_shift: Decimal,
    window_blocks: int,
    held_blocks: int,
    *,
    is_proposer: bool = False,
) -> Cost:
    """What it needs and loses to shift a window's mean price by a share, holding some blocks.

    Spot moves by (1 + mean_shift)^(window / held). In each held block others trade it back and the
    attacker moves it again, so loss = held · loss of one move; the capital is one move and what
    the earlier blocks lost, what a move bought being sold again between them. Who proposes all
    the blocks moves it once and back, and loses the fee of both ways alone:
    fee / (1 − fee) · (quote · (√factor − 1) + worth of the base bought).
    """
    factor = spot_move_needed(mean_shift, window_blocks, held_blocks).spot_factor
    once = cost_to_move(pool, factor)
    if is_proposer:
        paid = DIGITS.multiply(once.capital, DIGITS.subtract(ONE, pool.fee))
        worth = DIGITS.subtract(once.capital, once.loss)
        share = DIGITS.divide(pool.fee, DIGITS.subtract(ONE, pool.fee))
        fees = DIGITS.multiply(share, DIGITS.add(paid, worth))
        return Cost(factor, held_blocks, once.capital, fees)
    before = DIGITS.multiply(Decimal(held_blocks - 1), once.loss)
    return Cost(
        factor, held_blocks, DIGITS.add(once.capital, before), DIGITS.add(once.loss, before)
    )


def cost_to_move_median(pools: Sequence[Pool], price_factor: Decimal) -> Cost:
    """What it needs and loses to move a median of k sources by a factor, each of which has a pool.

    The cheapest ⌊k/2⌋ + 1 are moved: with fewer, an honest source still stands in the middle, or
    is half of it. All in one moment; a source that has no pool cannot be moved by money.
    """
    if not pools:
        raise ValueError("a median needs a source")
    each = sorted((cost_to_move(pool, price_factor) for pool in pools), key=lambda cost: cost.loss)
    chosen = each[: len(pools) // 2 + 1]
    return Cost(
        price_factor,
        len(chosen),
        _sum(cost.capital for cost in chosen),
        _sum(cost.loss for cost in chosen),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = DIGITS.add(total, amount)
    return total


class TwapRow(NamedTuple):
    """One line of the table of `cost_to_move_twap`."""

    mean_shift: Decimal
    window_blocks: int
    cost: Cost
    proposer_loss: Decimal  # Of an attacker who proposes the held blocks.


class MedianRow(NamedTuple):
    """One line of the table of `cost_to_move_median`, all sources alike."""

    sources: int
    price_factor: Decimal
    cost: Cost


def twap_table(
    pool: Pool, mean_shifts: Iterable[Decimal], window_blocks: int, held_blocks: Sequence[int]
) -> tuple[TwapRow, ...]:
    """The costs of every shift, held for every number of blocks."""
    rows = []
    for shift in mean_shifts:
        for held in held_blocks:
            cost = cost_to_move_twap(pool, shift, window_blocks, held)
            alone = cost_to_move_twap(pool, shift, window_blocks, held, is_proposer=True)
            rows.append(TwapRow(shift, window_blocks, cost, alone.loss))
    return tuple(rows)


def median_table(
    pool: Pool, price_factors: Iterable[Decimal], sources: Sequence[int]
) -> tuple[MedianRow, ...]:
    """The costs of every factor for every number of sources with such a pool each."""
    return tuple(
        MedianRow(count, factor, cost_to_move_median([pool] * count, factor))
        for factor in price_factors
        for count in sources
    )
