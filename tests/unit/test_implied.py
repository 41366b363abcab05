"""Implied volatility against forty digits, in the wings, at the edges and side by side."""

import mpmath
import numpy as np
import pytest

from seawall.pricing import black_price, implied_volatility

DEVIATIONS = (1e-3, 0.01, 0.1, 0.4, 1.0, 3.0)  # σ√T
DISTANCES = (-6.0, -2.5, -1.0, -0.1, -1e-6, 0.0, 1e-6, 0.1, 1.0, 2.5, 6.0)  # In deviations.


def exact_call(ratio: float, deviation: float) -> mpmath.mpf:
    """Undiscounted call of strike 1 on a forward `ratio`."""
    f, s = mpmath.mpf(ratio), mpmath.mpf(deviation)
    d1 = mpmath.log(f) / s + s / 2
    return f * mpmath.ncdf(d1) - mpmath.ncdf(d1 - s)


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_the_deviation_of_an_exact_price_comes_back(deviation: float) -> None:
    """A price rounded to 53 bits of the larger of forward and strike moves it by that ÷ vega."""
    with mpmath.workdps(50):
        for distance in DISTANCES:
            ratio = float(mpmath.exp(distance * deviation))
            call = exact_call(ratio, deviation)
            is_call = ratio <= 1.0
            price = float(call if is_call else call - (mpmath.mpf(ratio) - 1))
            found = float(implied_volatility(price, ratio, 1.0, 1.0, 1.0, is_call))
            d1 = mpmath.log(mpmath.mpf(ratio)) / deviation + mpmath.mpf(deviation) / 2
            vega = float(ratio * mpmath.npdf(d1))
            assert abs(found - deviation) <= 4e-16 * max(ratio, 1.0) / vega + 2e-15 * deviation


def test_a_price_of_many_orders_below_the_forward_is_read() -> None:
    """Far down the wing only the relative error of Black-76 itself is left."""
    for price in (1e-3, 1e-20, 1e-100, 1e-250):
        found = float(implied_volatility(price, 100.0, 150.0, 0.25, 1.0, True))
        assert float(black_price(100.0, 150.0, found, 0.25)) == pytest.approx(price, rel=1e-9)


def test_prices_next_to_their_bounds_are_read() -> None:
    for price in (1e-12, 1.0, 50.0, 99.0, 99.999999):
        found = implied_volatility(price, 100.0, 100.0, 1.0)
        assert float(black_price(100.0, 100.0, found, 1.0)) == pytest.approx(price, abs=1e-13)


def test_a_row_of_a_batch_has_the_bits_of_the_option_alone() -> None:
    """700 options are more than stand side by side at once, in every order."""
    rng = np.random.default_rng(11)
    strike = 100.0 * np.exp(rng.normal(0, 0.5, 700))
    years, volatility = rng.uniform(0.001, 2, 700), rng.uniform(0.05, 3, 700)
    is_call = rng.random(700) < 0.5
    price = black_price(100.0, strike, volatility, years, 0.9, is_call)
    price[::50] = -1.0  # Without a volatility.
    batch = implied_volatility(price, 100.0, strike, years, 0.9, is_call)
    assert np.isnan(batch[::50]).all()
    back = implied_volatility(price[::-1], 100.0, strike[::-1], years[::-1], 0.9, is_call[::-1])
    assert batch.tobytes() == np.ascontiguousarray(back[::-1]).tobytes()
    for i in range(0, 700, 7):
        alone = implied_volatility(price[i], 100.0, strike[i], years[i], 0.9, is_call[i])
        assert np.float64(alone).tobytes() == batch[i].tobytes()
