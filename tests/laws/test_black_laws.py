import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.pricing import black_greeks, black_price, implied_volatility

forwards = st.floats(0.01, 200_000)
ratios = st.floats(0.2, 5.0)
volatilities = st.floats(0.02, 3.0)
years_left = st.floats(1e-5, 3.0)
discounts = st.floats(0.5, 1.0)
markets = st.tuples(forwards, ratios, volatilities, years_left, discounts)


@settings(max_examples=300, deadline=None)
@given(markets)
def test_call_less_put_is_the_discounted_forward_less_strike(market):
    forward, ratio, volatility, years, discount = market
    strike = forward * ratio
    call = black_price(forward, strike, volatility, years, discount, True)
    put = black_price(forward, strike, volatility, years, discount, False)
    assert abs(call - put - discount * (forward - strike)) <= 4e-15 * max(forward, strike)


@settings(max_examples=300, deadline=None)
@given(markets, st.booleans())
def test_a_price_stays_inside_its_bounds(market, is_call):
    forward, ratio, volatility, years, discount = market
    strike = forward * ratio
    price = black_price(forward, strike, volatility, years, discount, is_call)
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    assert discount * intrinsic <= price <= discount * (forward if is_call else strike)


@settings(max_examples=200, deadline=None)
@given(markets, st.booleans())
def test_a_price_rises_with_volatility_and_time_and_is_convex_in_the_forward(market, is_call):
    forward, ratio, volatility, years, discount = market
    strike = forward * ratio
    slack = 4e-15 * max(2 * forward, strike)
    more = volatility * np.linspace(1, 2, 9)
    assert (np.diff(black_price(forward, strike, more, years, discount, is_call)) >= -slack).all()
    longer = years * np.linspace(1, 2, 9)
    prices = black_price(forward, strike, volatility, longer, discount, is_call)
    assert (np.diff(prices) >= -slack).all()
    ladder = forward * np.linspace(0.5, 2, 61)
    prices = black_price(ladder, strike, volatility, years, discount, is_call)
    assert (np.diff(prices, 2) >= -4 * slack).all()
    assert ((np.diff(prices) >= -slack) if is_call else (np.diff(prices) <= slack)).all()


@settings(max_examples=100, deadline=None)
@given(
    st.floats(100, 100_000),
    st.floats(0.7, 1.4),
    st.floats(0.2, 2.0),
    st.floats(0.02, 2.0),
    st.floats(0.0, 0.1),
    st.booleans(),
)
def test_greeks_are_the_slopes_of_the_price(forward, ratio, volatility, years, rate, is_call):
    strike = forward * ratio

    def price(f=forward, v=volatility, t=years):
        return float(black_price(f, strike, v, t, float(np.exp(-rate * t)), is_call))

    greeks = black_greeks(forward, strike, volatility, years, float(np.exp(-rate * years)), is_call)
    h = 1e-4
    step = forward * h
    delta = (price(f=forward + step) - price(f=forward - step)) / (2 * step)
    gamma = (price(f=forward + step) - 2 * price() + price(f=forward - step)) / step**2
    vega = (price(v=volatility + h) - price(v=volatility - h)) / (2 * h)
    theta = -(price(t=years * (1 + h)) - price(t=years * (1 - h))) / (2 * h * years)
    # Central differences err by h² times third derivatives, and by rounding ÷ h² for gamma.
    assert abs(greeks.delta - delta) <= 2e-6
    assert abs(greeks.gamma - gamma) * forward <= 1e-4
    assert abs(greeks.vega - vega) <= 1e-5 * forward
    assert abs(greeks.theta - theta) <= 1e-5 * forward / years


@settings(max_examples=300, deadline=None)
@given(markets, st.booleans())
def test_implied_volatility_gives_the_price_back(market, is_call):
    forward, ratio, volatility, years, discount = market
    strike = forward * ratio
    price = black_price(forward, strike, volatility, years, discount, is_call)
    implied = implied_volatility(price, forward, strike, years, discount, is_call)
    time_value = price / discount - max(forward - strike if is_call else strike - forward, 0.0)
    room = (forward if is_call else strike) - price / discount
    if min(time_value, room) <= 1e-12 * max(forward, strike):
        return  # The volatility is lost in the rounding of the price.
    again = black_price(forward, strike, implied, years, discount, is_call)
    assert abs(again - price) <= 1e-14 * max(forward, strike)
    vega = float(black_greeks(forward, strike, volatility, years, discount, is_call).vega)
    assert abs(implied - volatility) <= 1e-13 * volatility + 2e-14 * max(forward, strike) / vega


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(markets, st.booleans()), min_size=1, max_size=40))
def test_a_row_of_a_batch_has_the_bits_of_the_option_alone(rows):
    columns = [np.array(column) for column in zip(*(market for market, _ in rows), strict=True)]
    flags = np.array([is_call for _, is_call in rows])
    batch = black_price(*columns, flags)
    for i, (market, is_call) in enumerate(rows):
        assert batch[i] == black_price(*market, is_call)
