"""Compiled pricing of coin-settled options, and of grids that say more than moves and one shock.

The same arithmetic in the same order as `seawall.pricing._kernels`, which keeps the plain case: an
option settled in cash under a plain grid has the same bits from both.
"""

from __future__ import annotations

import numpy as np

from seawall._jit import kernel
from seawall.pricing._kernels import _black, inlined, logarithm

_LINEAR, _ABSOLUTE = 1.0, 2.0  # As `seawall.pricing.table`.


@kernel
def tilt_volatilities(forward, strike, volatility, years, bend, linear, absolute):  # type: ignore[no-untyped-def]
    """Tilted volatilities; `bend` holds the fields of `Tilt` in their order, as ratios."""
    for i in range(volatility.size):
        root = np.sqrt(years[i])
        full = max(bend[0], root * bend[1] * (bend[2] + bend[3] * root))
        k = logarithm(strike[i] / forward[i])
        cap = bend[4] + bend[5] * root
        tilt = k * cap / full
        tilt = min(tilt, cap) if k >= 0.0 else max(tilt, -cap)
        linear[i] = volatility[i] * max(0.0, 1.0 + tilt)
        cap = bend[6] + bend[7] * root
        absolute[i] = volatility[i] * max(0.0, 1.0 + min(abs(k) * cap / full, cap))


@inlined
def _shocked(volatility, shock, factor, floor, fall_floor, relative):  # type: ignore[no-untyped-def]
    """A floor lifts a rise to itself; one for falls stops a fall, but never turns it to a rise."""
    step = volatility * (shock * factor) if relative else shock * factor
    least = floor if shock > 0.0 else min(fall_floor, volatility)
    return max(volatility + step, least)


@kernel
def change_options(  # type: ignore[no-untyped-def]
    forward, strike, volatility, years, discount, is_call, factor, model, mark, numerator,
    denominator, value, coin, in_coin, one, linear, absolute, growth, shock, tilt, weight, floor,
    fall_floor, relative, in_settlement, row, change
):  # fmt: skip
    """Weighted change of value in each scenario; `row[i]` is the option's row of `change`."""
    for i in range(mark.size):
        sign = 1.0 if is_call[i] else -1.0
        root = np.sqrt(years[i])
        f, k, v, d = forward[i], strike[i], volatility[i], discount[i]
        base, basis, up, down = value[i], mark[i] - model[i], numerator[i], denominator[i]
        scale, c, turned, bowed = factor[i], coin[i], linear[i], absolute[i]
        inside = in_coin[i]
        moves = inside and not in_settlement  # Whether the currency of the price moves as well.
        target = change[row[i]]
        for s in range(weight.size):
            sigma = _shocked(v, shock[c, s], scale, floor, fall_floor, relative)
            sigma = turned if tilt[s] == _LINEAR else sigma
            sigma = bowed if tilt[s] == _ABSOLUTE else sigma
            moved = f * growth[c, s]
            price = d * _black(moved, k, sigma * root, sign) * (one / moved if inside else 1.0)
            price = max(price + basis, 0.0) * (growth[c, s] if moves else 1.0)
            target[s] = np.rint((price * up / down - base) * weight[s])
