"""Implied volatility, many options side by side: a good first guess, then steps of fourth order.

Every option is turned into the out-of-the-money call of strike 1 on a forward `ratio` ≤ 1, whose
σ√T = s is sought. Below the inflection √(2 |ln ratio|) the search goes in 1 ÷ √(−ln price), above
it in ln(ratio − price): both are nearly straight there. Source of the two scales and of the third
derivatives: Jäckel, Let's be rational (2015).

Loops are free of branches, so that they vectorise; each option has its own arithmetic, so its bits
do not depend on its neighbours.
"""

from __future__ import annotations

import numpy as np

from seawall._jit import kernel
from seawall.pricing._kernels import _ROOT_2PI, _black, exponential, inlined, logarithm

SIDE = 512  # Options side by side.
STEPS = 3  # Nearly all are there by then; the rest goes on alone.
NEAR = 1e-5  # After a relative step so small one more is taken, and it is the last.
WIDEST = 80.0
LEAST = 1e-300
MOST = 100
NONE, SEEKING, CLOSE, FOUND = -1.0, 0.0, 1.0, 2.0
PRICE, RATIO, MONEYNESS, WANTED, BELOW, LOW, HIGH, HERE, DONE = range(9)


@inlined
def _scaled(price, ratio, below):  # type: ignore[no-untyped-def]
    """Return the price on the scale of its side, and the depth below 0 of its logarithm."""
    rest = price if below else ratio - price
    depth = -logarithm(rest if rest > LEAST else LEAST)
    return 1.0 / np.sqrt(depth) if below else -depth, depth


@inlined
def _householder(short, speed, bend, twist):  # type: ignore[no-untyped-def]
    """Step of order four: `short` ÷ `speed` with the second and third derivative ÷ `speed`."""
    newton = short / speed
    over = 1.0 + newton * (bend + newton * twist / 6.0)
    better = newton * (1.0 + 0.5 * bend * newton) / over
    return better if over > 0.25 else newton


@inlined
def _curve(s, x, slope, rest, depth, below):  # type: ignore[no-untyped-def]
    """First derivative of the scaled price at s, and its second and third divided by the first."""
    speed = (slope if below else -slope) / rest
    along = x / s
    bend = along * along / s - 0.25 * s
    twist = bend * bend - 3.0 * (along / s) * (along / s) - 0.25
    twist = twist - 3.0 * speed * bend + 2.0 * speed * speed
    bend = bend - speed
    inverse = 1.0 / depth if below else 0.0
    twist += speed * inverse * (3.75 * speed * inverse + 4.5 * bend)
    bend += 1.5 * speed * inverse
    return speed * (0.5 * inverse * np.sqrt(inverse) if below else 1.0), bend, twist


@inlined
def _first(price, ratio, x):  # type: ignore[no-untyped-def]
    """First guess, which side of the inflection it lies on, and the price on that side's scale."""
    inflection = np.sqrt(-2.0 * x)
    border = _black(ratio, 1.0, inflection, 1.0)
    below = price < border and inflection > 0.0
    wanted, _ = _scaled(price, ratio, below)
    known, depth = _scaled(border, ratio, below)
    rest = max(border if below else ratio - border, LEAST)
    slope = ratio / _ROOT_2PI
    place = max(inflection, 1e-150)
    speed, bend, twist = _curve(place, x, slope, rest, depth, below)
    above = inflection + _householder(wanted - known, speed, bend, twist)
    # Below: a cubic of the scaled price from 0, where s = |x| · price ÷ √2, to the inflection.
    share = wanted / known
    start, end = -x * 0.7071067811865476 * known, known / speed
    a = start + end - 2.0 * inflection
    b = 3.0 * inflection - 2.0 * start - end
    under = share * (start + share * (b + share * a))
    return (under if below else above), below, inflection, wanted


@inlined
def _advance(s, price, ratio, x, wanted, below, low, high):  # type: ignore[no-untyped-def]
    """One step inside its bracket; whether it was the last."""
    here = _black(ratio, 1.0, s, 1.0)
    low = s if here < price else low
    high = high if here < price else s
    d1 = x / s + 0.5 * s
    slope = ratio * exponential(-0.5 * d1 * d1) / _ROOT_2PI
    rest = here if below else ratio - here
    told = rest > LEAST
    rest = rest if told else 1.0
    scaled, depth = _scaled(here, ratio, below)
    speed, bend, twist = _curve(s, x, slope, rest, depth, below)
    step = _householder(wanted - scaled, speed, bend, twist)
    last = told and abs(step) <= NEAR * s
    following = s + step
    inside = told and following > low and following < high
    following = following if inside or last else 0.5 * (low + high)
    last = last or high - low <= 2e-16 * s
    return following, low, high, last


@kernel
def _open(price, forward, strike, discount, is_call, first, count, work):  # type: ignore[no-untyped-def]
    """Write normalised options and first guesses; one without a volatility is done, and NaN."""
    for i in range(count):
        at = first + i
        ratio = forward[at] / strike[at]
        sign = 1.0 if is_call[at] else -1.0
        value = price[at] / discount[at]
        inside = max(sign * (forward[at] - strike[at]), 0.0)
        ceiling = forward[at] if is_call[at] else strike[at]
        # Parity turns any option into the out-of-the-money one of the pair; a put of it is, with
        # forward and strike exchanged, a call.
        scale = strike[at] if ratio <= 1.0 else forward[at]
        normal = (value - inside) / scale
        ratio = ratio if ratio <= 1.0 else strike[at] / forward[at]
        fine = (value > inside) & (value < ceiling) & (normal > LEAST) & (normal < ratio)
        normal = normal if fine else 0.5 * ratio
        x = logarithm(ratio)
        guess, below, inflection, wanted = _first(normal, ratio, x)
        low = 0.0 if below else inflection
        high = inflection if below else WIDEST
        work[PRICE, i] = normal
        work[RATIO, i] = ratio
        work[MONEYNESS, i] = x
        work[WANTED, i] = wanted
        work[BELOW, i] = 1.0 if below else 0.0
        work[LOW, i] = low
        work[HIGH, i] = high
        inner = (guess > low) & (guess < high)
        work[HERE, i] = guess if inner else (0.5 * inflection if below else inflection + 0.5)
        work[DONE, i] = SEEKING if fine else NONE


@inlined
def _move(work, i):  # type: ignore[no-untyped-def]
    s, done = work[HERE, i], work[DONE, i]
    following, low, high, last = _advance(
        s,
        work[PRICE, i],
        work[RATIO, i],
        work[MONEYNESS, i],
        work[WANTED, i],
        work[BELOW, i] > 0.0,
        work[LOW, i],
        work[HIGH, i],
    )
    work[HERE, i] = following if (done == SEEKING) | ((done == CLOSE) & last) else s
    work[LOW, i], work[HIGH, i] = low, high
    work[DONE, i] = FOUND if done == CLOSE else CLOSE if (done == SEEKING) & last else done


@kernel
def _move_all(work, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        _move(work, i)


@kernel
def implied_volatility(price, forward, strike, years, discount, is_call, out):  # type: ignore[no-untyped-def]
    """NaN where the price is not strictly inside its no-arbitrage bounds."""
    work = np.empty((9, SIDE))
    for first in range(0, out.size, SIDE):
        count = min(SIDE, out.size - first)
        _open(price, forward, strike, discount, is_call, first, count, work)
        for _ in range(STEPS):
            _move_all(work, count)
        for i in range(count):
            steps = 0
            while SEEKING <= work[DONE, i] < FOUND and steps < MOST:
                _move(work, i)
                steps += 1
            found = work[HERE, i] / np.sqrt(years[first + i])
            out[first + i] = found if work[DONE, i] != NONE else np.nan
