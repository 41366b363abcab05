"""Compiled pricing: own exp, log and normal cdf, Black-76, smiles and scenario repricing.

Only + − × ÷ √ and polynomials in a fixed order, so that every machine gives the same bits: no
libm, no contraction, no reduction whose order depends on the length. Loops are free of branches.
Callers have checked that every input is finite and in range; nothing here looks again.
"""

from __future__ import annotations

import functools

import numpy as np

from seawall._jit import kernel

inlined = functools.partial(kernel, forceinline=True)  # LLVM vectorises no loop with a call in it.

_SPLIT = (
    6755399441055744.0  # 1.5 · 2^52: adding it leaves the nearest whole number in the low bits.
)
_WHOLE = 4503599627370496.0  # 2^52, for the way back from bits.
_WHOLE_BITS = 0x4330000000000000
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ONE_OVER_LN2 = 1.4426950408889634
_ROOT_2PI = 2.5066282746310002
_INFINITE = 40.0  # Standard deviations from which a normal tail counts as nothing.
_LEAST_DEVIATION = 1e-150


@inlined
def exponential(x):  # type: ignore[no-untyped-def]
    """e^x for x up to 709; below −708 the result stays at 2^-1021. Error under 1 ulp."""
    x = max(x, -708.0)
    split = x * _ONE_OVER_LN2 + _SPLIT
    n = split - _SPLIT
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    # (e^r − 1 − r) ÷ r² by Chebyshev interpolation on ±0.5001 ln 2: error 1.1e-16.
    q = 2.7620088445409746e-07 + r * 2.510038549551032e-08
    q = 2.7557268459997064e-06 + r * q
    q = 2.4801521295954376e-05 + r * q
    q = 0.00019841269863053618 + r * q
    q = 0.0013888888917213717 + r * q
    q = 0.008333333333330062 + r * q
    q = 0.04166666666662413 + r * q
    q = 0.16666666666666669 + r * q
    q = 0.5000000000000001 + r * q
    exponent = (np.float64(split).view(np.int64) << 52) + (1023 << 52)
    power_of_two = np.int64(exponent).view(np.float64)
    return (1.0 + (r + r * r * q)) * power_of_two


@inlined
def logarithm(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a positive normal x by fdlibm: x = 2^k (1 + f). Error under 1 ulp."""
    bits = np.float64(x).view(np.int64) + (0x3FF0000000000000 - 0x3FE6A09E00000000)
    k = (np.int64((bits >> 52) | _WHOLE_BITS).view(np.float64) - _WHOLE) - 1023.0
    fraction = (bits & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E00000000
    f = np.int64(fraction).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = 2.222219843214978396e-01 + w * 1.531383769920937332e-01
    even = w * (3.999999999940941908e-01 + w * even)
    odd = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    odd = 2.857142874366239149e-01 + w * odd
    odd = z * (6.666666666666735130e-01 + w * odd)
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + (odd + even)) + k * _LN2_LOW)) - f)


@inlined
def _mills(x):  # type: ignore[no-untyped-def]
    """Numerator and denominator of Φ(−x) · e^(x²/2) for x from 0 to 40 (Hart 5666, West 2005)."""
    p = 0.700383064443688 + x * 3.52624965998911e-02
    p = 6.37396220353165 + x * p
    p = 33.912866078383 + x * p
    p = 112.079291497871 + x * p
    p = 221.213596169931 + x * p
    p = 220.206867912376 + x * p
    q = 1.75566716318264 + x * 8.83883476483184e-02
    q = 16.064177579207 + x * q
    q = 86.7807322029461 + x * q
    q = 296.564248779674 + x * q
    q = 637.333633378831 + x * q
    q = 793.826512519948 + x * q
    q = 440.413735824752 + x * q
    return p, q


@inlined
def _limit(x):  # type: ignore[no-untyped-def]
    return min(max(x, -_INFINITE), _INFINITE)


@inlined
def _black(forward, strike, deviation, sign):  # type: ignore[no-untyped-def]
    """Undiscounted Black-76 price; `deviation` = σ√T, `sign` = 1 for a call and −1 for a put."""
    deviation = max(deviation, _LEAST_DEVIATION)
    moneyness = logarithm(forward / strike) / deviation
    d1 = _limit(moneyness + 0.5 * deviation)
    d2 = _limit(moneyness - 0.5 * deviation)
    p1, q1 = _mills(abs(d1))
    p2, q2 = _mills(abs(d2))
    # F φ(d1) = K φ(d2): one exponential serves both tails, one division both rationals.
    share = forward * exponential(-0.5 * d1 * d1) / (q1 * q2)
    tail1 = share * (p1 * q2)
    tail2 = share * (p2 * q1)
    first = forward - tail1 if sign * d1 > 0.0 else tail1
    second = strike - tail2 if sign * d2 > 0.0 else tail2
    return max(sign * (first - second), sign * (forward - strike), 0.0)


@kernel
def elementwise_exponential(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out[i] = exponential(x[i])


@kernel
def elementwise_logarithm(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out[i] = logarithm(x[i])


@kernel
def elementwise_power(base, exponent, out):  # type: ignore[no-untyped-def]
    for i in range(base.size):
        out[i] = exponential(exponent[i] * logarithm(base[i]))


@kernel
def elementwise_normal_cumulative(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        z = _limit(x[i])
        p, q = _mills(abs(z))
        tail = exponential(-0.5 * z * z) * (p / q)
        out[i] = 1.0 - tail if z > 0.0 else tail


@kernel
def all_within(x, low, high):  # type: ignore[no-untyped-def]
    """Whether low ≤ x ≤ high everywhere; a NaN is outside every range."""
    outside = 0
    for i in range(x.size):
        outside += 0 if (x[i] >= low) & (x[i] <= high) else 1
    return outside == 0


@kernel
def black_price(forward, strike, volatility, years, discount, is_call, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        deviation = volatility[i] * np.sqrt(years[i])
        sign = 1.0 if is_call[i] else -1.0
        out[i] = discount[i] * _black(forward[i], strike[i], deviation, sign)


@kernel
def black_greeks(forward, strike, volatility, years, discount, is_call, out):  # type: ignore[no-untyped-def]
    """Rows of `out`: delta, gamma, vega, theta."""
    for i in range(forward.size):
        root = np.sqrt(years[i])
        deviation = max(volatility[i] * root, _LEAST_DEVIATION)
        sign = 1.0 if is_call[i] else -1.0
        moneyness = logarithm(forward[i] / strike[i]) / deviation
        d1 = _limit(moneyness + 0.5 * deviation)
        p, q = _mills(abs(d1))
        bell = exponential(-0.5 * d1 * d1)
        tail = bell * (p / q)
        density = discount[i] * bell / _ROOT_2PI
        price = discount[i] * _black(forward[i], strike[i], deviation, sign)
        rate = -logarithm(discount[i]) / years[i]
        out[0, i] = sign * discount[i] * (1.0 - tail if sign * d1 > 0.0 else tail)
        out[1, i] = density / (forward[i] * deviation)
        out[2, i] = density * forward[i] * root
        out[3, i] = rate * price - 0.5 * density * forward[i] * volatility[i] / root


@inlined
def _total_variance(k, a, b, rho, m, sigma):  # type: ignore[no-untyped-def]
    """SVI total variance, held flat beyond four of its own at-the-money deviations."""
    at_money = max(a + b * (np.sqrt(m * m + sigma * sigma) - rho * m), 0.0)
    edge = 4.0 * np.sqrt(at_money)
    x = min(max(k, -edge), edge) - m
    return max(a + b * (rho * x + np.sqrt(x * x + sigma * sigma)), 0.0)


@inlined
def _variance_a_year(k, smile):  # type: ignore[no-untyped-def]
    """Blend of two fits at fixed k; columns of `smile` as svi.SMILE_COLUMNS."""
    first = _total_variance(k, smile[4], smile[5], smile[6], smile[7], smile[8]) / smile[9]
    if smile[10] == 0.0:
        return first
    second = _total_variance(k, smile[11], smile[12], smile[13], smile[14], smile[15]) / smile[16]
    return (1.0 - smile[10]) * first + smile[10] * second


@kernel
def variance_a_year(k, smile, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = _variance_a_year(k[i], smile)


@kernel
def _place_expiry(years, smile_years, smiles, first, last):  # type: ignore[no-untyped-def]
    """Two slices, the share of the right one, forward ratio and discount at `years`.

    Logarithms of ratio and discount are linear in time from 0 on and go on as straight beyond the
    last slice; `first` to `last` (exclusive) are the slices of one coin by expiry.
    """
    right = first
    while right < last and smile_years[right] < years:
        right += 1
    if right < last and smile_years[right] == years:
        return right, right, 0.0, smiles[right, 2], smiles[right, 3]
    left = right - 1
    if right == first:
        share = years / smile_years[right]
        ratio = exponential(share * logarithm(smiles[right, 2]))
        return right, right, 0.0, ratio, exponential(share * logarithm(smiles[right, 3]))
    if right == last:
        share = years / smile_years[left]
        ratio = exponential(share * logarithm(smiles[left, 2]))
        return left, left, 0.0, ratio, exponential(share * logarithm(smiles[left, 3]))
    share = (years - smile_years[left]) / (smile_years[right] - smile_years[left])
    ratio = (1.0 - share) * logarithm(smiles[left, 2]) + share * logarithm(smiles[right, 2])
    discount = (1.0 - share) * logarithm(smiles[left, 3]) + share * logarithm(smiles[right, 3])
    return left, right, share, exponential(ratio), exponential(discount)


@kernel
def place_expiries(  # type: ignore[no-untyped-def]
    needed, coin, index, years, smile_years, smiles, left, right, share, ratio, discount
):
    """Place each needed expiry that is not over; return the first without a smile, or −1."""
    for e in range(needed.size):
        if not needed[e] or years[e] <= 0.0:
            continue
        first = 0
        while first < smile_years.size and (
            smiles[first, 0] < coin[e] or smile_years[first] <= 0.0
        ):
            first += 1
        last = first
        while last < smile_years.size and smiles[last, 0] == coin[e]:
            last += 1
        if first == last:
            return e
        left[e], right[e], share[e], ratio[e], discount[e] = _place_expiry(
            years[e], smile_years, smiles, first, last
        )
        index[e] *= ratio[e]
    return -1


@kernel
def bound_rows(change, rows, bound):  # type: ignore[no-untyped-def]
    """Raise each row's bound to its largest |change|."""
    for i in range(rows.size):
        largest = bound[i]
        for s in range(change.shape[1]):
            largest = max(largest, abs(change[rows[i], s]))
        bound[i] = largest


@kernel
def scale_shocks(years, days_floor, power_short, power_long, out):  # type: ignore[no-untyped-def]
    """(30 ÷ days)^power of each expiry, rounded to parts per billion."""
    for i in range(years.size):
        days = max(365.0 * years[i], days_floor)
        power = power_short if days < 30.0 else power_long
        out[i] = np.rint(exponential(power * logarithm(30.0 / days)) * 1e9) / 1e9


@kernel
def volatilities(strike, expiry, forward, years, left, right, share, smile_years, smiles, out):  # type: ignore[no-untyped-def]
    """Implied volatility of each option: total variance linear in time at fixed k."""
    for i in range(out.size):
        e = expiry[i]
        if years[e] <= 0.0:
            out[i] = 0.0
            continue
        k = logarithm(strike[i] / forward[e])
        low, high = left[e], right[e]
        variance = _variance_a_year(k, smiles[low])
        if low != high:
            variance *= (1.0 - share[e]) * smile_years[low]
            further = _variance_a_year(k, smiles[high]) * smile_years[high]
            variance = (variance + share[e] * further) / years[e]
        out[i] = np.sqrt(variance)


@kernel
def value_options(  # type: ignore[no-untyped-def]
    forward, strike, volatility, years, discount, is_call, tick, given, model, mark, delta
):
    """Model price, published mark (the given one, else on the tick) and discounted delta."""
    for i in range(mark.size):
        sign = 1.0 if is_call[i] else -1.0
        deviation = max(volatility[i] * np.sqrt(years[i]), _LEAST_DEVIATION)
        price = discount[i] * _black(forward[i], strike[i], deviation, sign)
        d1 = _limit(logarithm(forward[i] / strike[i]) / deviation + 0.5 * deviation)
        p, q = _mills(abs(d1))
        tail = exponential(-0.5 * d1 * d1) * (p / q)
        model[i] = price
        mark[i] = given[i] if given[i] > 0.0 else np.rint(price / tick[i]) * tick[i]
        delta[i] = sign * discount[i] * (1.0 - tail if sign * d1 > 0.0 else tail)


@inlined
def _shocked(volatility, shock, factor, floor, relative):  # type: ignore[no-untyped-def]
    """A floor lifts a rise to itself, and stops a fall, but never turns a fall into a rise."""
    step = volatility * (shock * factor) if relative else shock * factor
    least = floor if shock > 0.0 else min(floor, volatility)
    return max(volatility + step, least)


@kernel
def change_options(  # type: ignore[no-untyped-def]
    forward, strike, volatility, years, discount, is_call, factor, model, mark, numerator,
    denominator, value, coin, growth, shock, weight, floor, relative, row, change
):  # fmt: skip
    """Weighted change of value in each scenario; `row[i]` is the option's row of `change`."""
    for i in range(mark.size):
        sign = 1.0 if is_call[i] else -1.0
        root = np.sqrt(years[i])
        f, k, v, d = forward[i], strike[i], volatility[i], discount[i]
        base, basis, up, down = value[i], mark[i] - model[i], numerator[i], denominator[i]
        scale, c = factor[i], coin[i]
        target = change[row[i]]
        for s in range(shock.size):
            deviation = _shocked(v, shock[s], scale, floor, relative) * root
            price = max(d * _black(f * growth[c, s], k, deviation, sign) + basis, 0.0)
            target[s] = np.rint((price * up / down - base) * weight[s])
