"""What a share of a liquidity pool is worth at prices from outside the pool.

Σ reserve × price ÷ supply can be moved by whoever trades against the pool for one block. The fair
value asks instead what the pool would hold if its own price were the outside one; a trade along the
curve leaves that unchanged, and fees can only raise it. It is the least that the naive sum can be
over the curve.

Sources: makerdao/univ2-lp-oracle, commit 874a59d (wad); Alpha Homora v2, commit f74fc46 (2^112),
whose weighted pools use Balancer's fixed-point power series; Uniswap v3 whitepaper, §2 and §6.
"""

from __future__ import annotations

from seawall.money import Rounding, square_root

WAD = 10**18
Q112 = 2**112
_HALF_Q112 = 2**56
_SERIES_END = WAD // 10**10  # The series stops at the first term below this.
_BASE_MAX = 2 * WAD - 1


def fair_value(value0: int, value1: int) -> int:
    """Fair value of a constant-product pool of which reserve i is worth value_i: 2 · √(v0 · v1).

    Rounded down, in the unit of the values. Never more than value0 + value1.

    >>> fair_value(1_000_000, 1_000_000), fair_value(4_000_000, 250_000)
    (2000000, 2000000)
    """
    return square_root(4 * value0 * value1, Rounding.DOWN)


def pair_price_wad(
    reserve0: int,
    reserve1: int,
    price0: int,
    price1: int,
    supply: int,
    decimals0: int = 18,
    decimals1: int = 18,
) -> int:
    """Dollars in wads of one share of a Uniswap v2 pair, as Maker's oracle rounds it.

    2 · √(value0 · value1) ÷ supply, with value_i = price_i · reserve_i ÷ 10^decimals_i. Reserves
    and supply in atoms, prices in wads.
    """
    value0 = price0 * reserve0 // 10**decimals0
    value1 = price1 * reserve1 // 10**decimals1
    return 2 * WAD * square_root(value0 * value1, Rounding.DOWN) // supply


def pair_price_q112(reserve0: int, reserve1: int, price0: int, price1: int, supply: int) -> int:
    """Price in 2^-112 of one atom of a Uniswap v2 pair, as Alpha Homora v2 rounds it.

    2 · √(reserve0 · reserve1) ÷ supply · √price0 · √price1; prices in 2^-112 for each atom.
    """
    root = square_root(reserve0 * reserve1, Rounding.DOWN) * Q112 // supply
    half = 2 * root * square_root(price0, Rounding.DOWN) // _HALF_Q112
    return half * square_root(price1, Rounding.DOWN) // _HALF_Q112


def weighted_pair_price_q112(
    reserve0: int,
    reserve1: int,
    price0: int,
    price1: int,
    weight0: int,
    weight1: int,
    supply: int,
) -> int:
    """Price in 2^-112 of one atom of a Balancer pair, as Alpha Homora v2 rounds it.

    Σ fair_i · price_i ÷ supply, where fair0 = reserve0 · (r1 ÷ r0)^weight1 and fair1 = reserve1 ·
    (r0 ÷ r1)^weight0, r0 = reserve0 ÷ reserve1, r1 = weight0 · price1 ÷ (weight1 · price0). Weights
    in wads, Σ = 1.
    """
    held = _over(reserve0, reserve1)
    wanted = _over(_times(weight0, price1), _times(weight1, price0))
    low, high = min(held, wanted), max(held, wanted)
    ratio = _over(low, high)
    power0, power1 = _power(ratio, weight1), _power(ratio, weight0)
    if held > wanted:
        fair0, fair1 = _times(reserve0, power0), _over(reserve1, power1)
    else:
        fair0, fair1 = _over(reserve0, power0), _times(reserve1, power1)
    return (fair0 * price0 + fair1 * price1) // supply


def range_value(liquidity: int, root: int, lower_root: int, upper_root: int, one: int) -> int:
    """Fair value of a position in a concentrated-liquidity range, in atoms of token 1, down.

    With s = √price from outside, a and b the roots of the range's ends, and s held inside a … b for
    the amounts:
    amount1 = liquidity · (s − a),  amount0 = liquidity · (b − s) ÷ (s · b),
    value = amount1 + amount0 · price. Roots are integers of scale `one`. Below the range all is
    token 0, above it all is token 1.

    >>> range_value(1_000_000, 100, 100, 200, 100)
    500000
    """
    assert 0 < lower_root < upper_root, "a range has two ends"
    assert root > 0, "a price is positive"
    inside = min(max(root, lower_root), upper_root)
    amount1 = liquidity * (inside - lower_root) // one
    value0 = liquidity * (upper_root - inside) * root**2 // (inside * upper_root * one)
    return amount1 + value0


def _times(left: int, right: int) -> int:
    """Product of two wads, half up."""
    return (left * right + WAD // 2) // WAD


def _over(left: int, right: int) -> int:
    """Ratio of two wads, half up."""
    return (left * WAD + right // 2) // right


def _power(base: int, exponent: int) -> int:
    """base^exponent in wads, 0 < base < 2: whole powers by squaring, the rest by binomial series.

    (1 + x)^a = Σ over k of (a · (a − 1) ⋯ (a − k + 1) ÷ k!) · x^k, every step rounded half up. The
    sum stops after the first term below 10^-10.
    """
    if not 0 < base <= _BASE_MAX:
        raise ValueError(f"base must lie in 0 … 2, not {base} wads")
    whole, part = divmod(exponent, WAD)
    result = _whole_power(base, whole)
    if not part:
        return result
    step, positive = abs(base - WAD), True
    term = total = WAD
    number = 0
    while term >= _SERIES_END:
        factor = part - number * WAD
        number += 1
        term = _over(_times(term, _times(abs(factor), step)), number * WAD)
        if (base < WAD) != (factor < 0):
            positive = not positive
        if not term:
            break
        total += term if positive else -term
    return _times(result, total)


def _whole_power(base: int, exponent: int) -> int:
    """base^exponent in wads by repeated squaring, each product half up."""
    result = base if exponent % 2 else WAD
    while exponent := exponent // 2:
        base = _times(base, base)
        if exponent % 2:
            result = _times(result, base)
    return result
