"""Black-76 and the elementary functions against 40 digits, and the bits of a million prices."""

import hashlib

import mpmath
import numpy as np
import pytest

from seawall.pricing import (
    DomainError,
    black_greeks,
    black_price,
    exponential,
    implied_volatility,
    logarithm,
    normal_cumulative,
    power,
)

MASK = 2**64 - 1


def splitmix64(seed: int, count: int) -> np.ndarray:
    """Integers from Steele, Lea, Flood (2014), the same everywhere. [count] uint64"""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = state + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, count: int) -> np.ndarray:
    """Numbers in [0, 1): 53 bits scaled by a power of two, which is exact."""
    return (splitmix64(seed, count) >> np.uint64(11)).astype(np.float64) / 2.0**53


def golden_market(count: int) -> tuple[np.ndarray, ...]:
    forward = 1.0 + 100_000.0 * uniform(1, count)
    strike = forward * (0.25 + 3.0 * uniform(2, count))
    volatility = 0.05 + 2.0 * uniform(3, count)
    years = 1e-5 + 2.0 * uniform(4, count)
    discount = 0.75 + 0.25 * uniform(5, count)
    return forward, strike, volatility, years, discount, uniform(6, count) < 0.5


def exact_price(forward, strike, volatility, years, discount, is_call):
    f, k, v, t, d = (mpmath.mpf(float(x)) for x in (forward, strike, volatility, years, discount))
    sign = 1 if is_call else -1
    s = v * mpmath.sqrt(t)
    d1 = mpmath.log(f / k) / s + s / 2
    return d * sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))


def test_splitmix64_gives_the_published_first_number():
    # Seed 0 of the reference implementation begins with 0xE220A8397B1DCDAF.
    assert int(splitmix64(0, 1)[0]) == 0xE220A8397B1DCDAF


def test_a_million_prices_have_the_pinned_bits():
    prices = black_price(*golden_market(1_000_000))
    digest = hashlib.sha256(prices.astype("<f8").tobytes()).hexdigest()
    assert digest == "28905744d0b29203441947fc9d464bf442bc1e5c6fb5fd95c644fa69bf3efdbc"


def test_kernels_hold_no_fused_multiply_and_no_library_call():
    import numba

    from seawall.pricing import _kernels

    fresh = numba.njit(fastmath=False, error_model="numpy")(_kernels.black_price.py_func)
    fresh(*(np.ones(9) for _ in range(5)), np.ones(9, np.bool_), np.empty(9))
    assembly = "\n".join(fresh.inspect_asm().values())
    assert "sqrt" in assembly
    for fused in ("vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmla"):
        assert fused not in assembly


@pytest.mark.parametrize("years", [1 / 525_600, 1 / 8_760, 1 / 365, 30 / 365, 1.0, 5.0])
@pytest.mark.parametrize("volatility", [0.01, 0.6, 3.0])
def test_price_is_within_1e_14_of_the_forward(years, volatility):
    forward = 60_000.0
    deviation = volatility * years**0.5
    with mpmath.workdps(50):
        for wing in np.linspace(-8, 8, 33):
            strike = forward * float(mpmath.exp(wing * min(deviation, 1.0)))
            for is_call in (True, False):
                got = float(black_price(forward, strike, volatility, years, 0.97, is_call))
                exact = exact_price(forward, strike, volatility, years, 0.97, is_call)
                # A put far above the forward is worth many forwards: its own rounding is larger.
                unit = forward if strike <= 8 * forward else strike
                assert abs(got - exact) <= 1e-14 * unit


def test_no_time_and_no_volatility_leave_the_intrinsic_value():
    assert black_price(110, 100, 0.5, 0.0, 0.5) == 5.0
    assert black_price(110, 100, 0.0, 1.0, 0.5, False) == 0.0
    assert black_price(90, 100, 0.0, 0.0, 1.0, False) == 10.0


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, -float("inf")])
def test_what_is_not_a_market_is_refused(place, wrong):
    given = [60_000.0, 60_000.0, 0.5, 0.1, 1.0]
    given[place] = wrong
    for price in (black_price, black_greeks):
        with pytest.raises(DomainError):
            price(*given)
        columns = [np.array([1.0, x, 1.0]) for x in given]
        with pytest.raises(DomainError):
            price(*columns)


@pytest.mark.parametrize("place", [0, 1, 4])
def test_zero_forward_strike_or_discount_is_refused(place):
    given = [60_000.0, 60_000.0, 0.5, 0.1, 1.0]
    given[place] = 0.0
    with pytest.raises(DomainError, match=r"is 0\.0, not between"):
        black_price(*given)


def test_scalars_and_arrays_broadcast():
    strikes = np.array([[50_000.0], [70_000.0]])
    prices = black_price(60_000, strikes, 0.6, 0.1, 1.0, [True, False])
    assert prices.shape == (2, 2)
    assert prices[1, 0] == black_price(60_000, 70_000, 0.6, 0.1, 1.0, True)


def test_implied_volatility_is_nan_outside_the_bounds_and_an_error_for_nan():
    prices = [10_000.0, 9_999.0, 60_000.0, 70_000.0, -1.0]
    # A call on 60,000 struck at 50,000 is worth more than 10,000 and less than 60,000.
    assert np.isnan(implied_volatility(prices, 60_000, 50_000, 0.1)).all()
    with pytest.raises(DomainError):
        implied_volatility(float("nan"), 60_000, 50_000, 0.1)


def test_elementary_functions_against_forty_digits():
    x = np.concatenate([np.linspace(-700, 700, 701), np.linspace(-1, 1, 301)])
    y = np.concatenate([1 + np.linspace(-0.3, 0.5, 401), 2.0 ** np.linspace(-900, 900, 301)])
    z = np.linspace(-38, 38, 761)
    with mpmath.workdps(40):
        for got, given in zip(exponential(x), x, strict=True):
            exact = mpmath.exp(mpmath.mpf(float(given)))
            assert abs(got - exact) <= 2.3e-16 * exact
        for got, given in zip(logarithm(y), y, strict=True):
            exact = mpmath.log(mpmath.mpf(float(given)))
            assert abs(got - exact) <= 2.3e-16 * abs(exact)
        for got, given in zip(normal_cumulative(z), z, strict=True):
            assert abs(got - mpmath.ncdf(mpmath.mpf(float(given)))) <= 1e-15
        for days in (1, 7, 29, 30, 365):
            exact = (mpmath.mpf(30) / days) ** mpmath.mpf(0.3)
            assert abs(float(power(30 / days, 0.3)) - exact) <= 1e-15 * exact
