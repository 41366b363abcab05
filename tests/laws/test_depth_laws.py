"""What a finite book must obey, whatever is asked of it."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from seawall.market import Instrument
from seawall.money import RATIO_ONE
from seawall.simulation.depth import Depth, OptionBook, Profile, recovery_in_step

TICK = 10**9  # 0.1 dollar.
LINEAR = Instrument(
    id="BTC/USDC:USDC",
    type="perpetual",
    base="BTC",
    quote="USDC",
    settle="USDC",
    lot=100_000,
    tick=TICK,
)
INVERSE = Instrument(
    id="BTC/USD:BTC",
    type="perpetual",
    base="BTC",
    quote="USD",
    settle="BTC",
    lot=100 * 10**10,
    tick=TICK,
    inverse=True,
)
OPTION = Instrument(
    id="BTC/USDC:USDC-240809-60000-P",
    type="option",
    base="BTC",
    quote="USDC",
    settle="USDC",
    lot=10**6,
    tick=10**10,
    premium="paid",
    expires_ms=1,
    strike=60_000 * 10**10,
    right="put",
)
PROFILE = Profile(
    bid=((100_000, 643_659 * 10**10), (1_000_000, 8_050_296 * 10**10), (20_000_000, 10**18)),
    ask=((100_000, 699_987 * 10**10), (1_000_000, 20_033_146 * 10**10), (20_000_000, 2 * 10**18)),
)
EMPTY = Depth(
    (LINEAR, INVERSE, OPTION),
    (10**8, 10**8, 10**8),
    {0: PROFILE, 1: PROFILE},
    OptionBook(50_000_000, 500_000, 20),
    RATIO_ONE // 4,
    {},
    {},
    {},
)
FAR = 10**25
marks = st.integers(20_000 * 10**10, 90_000 * 10**10)
numbers = st.sampled_from([0, 1])
sizes = st.integers(1, 3_000_000)


def book(mark: int, thinness: int = RATIO_ONE) -> Depth:
    return EMPTY.step({0: mark, 1: mark}, thinness)


def ask_for(depth: Depth, number: int, lots: int, mark: int, limit: int | None = None):  # type: ignore[no-untyped-def]
    anywhere = FAR if lots > 0 else 1
    return depth.fill(number, lots, anywhere if limit is None else limit, mark, mark)


@given(mark=marks, number=numbers, lots=sizes, sign=st.sampled_from([1, -1]))
def test_nobody_trades_better_than_the_mark(mark: int, number: int, lots: int, sign: int) -> None:
    fill, _ = ask_for(book(mark), number, sign * lots, mark)
    if fill.lots:
        assert sign * (fill.price - mark) >= 0
        assert fill.price % TICK == 0
        # The outermost rung is 2 % away; the price cannot be beyond it by more than a tick.
        assert abs(fill.price - mark) <= mark * 2 // 100 + TICK


@given(mark=marks, number=numbers, lots=sizes, more=sizes, sign=st.sampled_from([1, -1]))
def test_more_costs_more(mark: int, number: int, lots: int, more: int, sign: int) -> None:
    small, _ = ask_for(book(mark), number, sign * lots, mark)
    large, _ = ask_for(book(mark), number, sign * (lots + more), mark)
    assert large.lots >= small.lots
    assert sign * (large.price - small.price) >= 0


@given(
    mark=marks, number=numbers, lots=sizes, sign=st.sampled_from([1, -1]), bps=st.integers(0, 250)
)
def test_a_limit_is_kept_and_filled_up_to(
    mark: int, number: int, lots: int, sign: int, bps: int
) -> None:
    limit = mark + sign * mark * bps // 10_000
    fill, after = ask_for(book(mark), number, sign * lots, mark, limit)
    assert fill.lots <= lots
    if fill.lots:
        assert sign * (limit - fill.price) >= 0
    sides = book(mark).asks if sign > 0 else book(mark).bids
    if fill.lots < min(lots, sides[number].left):
        one_more, _ = ask_for(book(mark), number, sign * (fill.lots + 1), mark)
        assert sign * (one_more.price - limit) > 0
    assert (
        after.available(number, buys=sign > 0, within=RATIO_ONE) == sides[number].left - fill.lots
    )


@given(mark=marks, number=numbers, lots=st.lists(sizes, min_size=1, max_size=5))
def test_lots_are_conserved_and_the_other_side_stands(
    mark: int, number: int, lots: list[int]
) -> None:
    depth = start = book(mark)
    filled = 0
    for count in lots:
        fill, depth = ask_for(depth, number, -count, mark)
        filled += fill.lots
    assert depth.bids[number].taken == filled
    assert filled == min(sum(lots), start.bids[number].left)
    assert depth.asks == start.asks


@given(mark=marks, number=numbers, first=sizes, second=sizes)
def test_in_two_parts_or_at_once_is_the_same_cost(
    mark: int, number: int, first: int, second: int
) -> None:
    side = book(mark).bids[number]
    if first + second > side.left:
        return
    one = Fraction(*side.away(first)) * first
    after = side._replace(taken=first)
    two = Fraction(*after.away(second)) * second
    assert one + two == Fraction(*side.away(first + second)) * (first + second)


@given(mark=marks, lots=sizes, thinness=st.integers(RATIO_ONE // 10, RATIO_ONE))
def test_the_journal_gives_the_book_back(mark: int, lots: int, thinness: int) -> None:
    """What `Priced.depth` and the fills say is all that the book knows."""
    depth = book(mark)
    _, depth = ask_for(depth, 0, -lots, mark)
    _, depth = ask_for(depth, 1, lots, mark)
    after = depth.step({0: mark + TICK, 1: mark + TICK}, thinness)
    again = EMPTY.observe({0: mark + TICK, 1: mark + TICK}, thinness, after.standing())
    assert again == after
    fill, traded = ask_for(after, 0, -lots, mark)
    assert again.take(0, -lots, fill.lots) == traded


@given(mark=marks, lots=sizes)
def test_what_was_taken_comes_back_little_by_little(mark: int, lots: int) -> None:
    _, depth = ask_for(book(mark), 0, -lots, mark)
    taken = [depth.bids[0].taken]
    for _ in range(80):
        depth = depth.step({0: mark, 1: mark}, RATIO_ONE)
        taken.append(depth.bids[0].taken)
    # A quarter comes back each step, rounded in favour of the book.
    assert all(after == before * 3 // 4 for before, after in pairwise(taken))
    assert taken[-1] == 0


@given(mark=marks, bps=st.integers(0, 300), more=st.integers(0, 300))
def test_depth_grows_with_distance(mark: int, bps: int, more: int) -> None:
    depth = book(mark)
    near = depth.available(0, buys=False, within=bps * 100_000)
    far = depth.available(0, buys=False, within=(bps + more) * 100_000)
    assert near <= far <= depth.bids[0].left


@given(mark=marks, thinness=st.integers(1, RATIO_ONE))
def test_a_thin_book_has_its_share(mark: int, thinness: int) -> None:
    # 10^18 atoms are 100 million dollars on the bid side.
    lots = book(mark, thinness).bids[0].left
    exact = Fraction(10**18 * thinness, RATIO_ONE) / Fraction(100_000 * mark, 10**8)
    assert exact - 1 < lots <= exact


@given(mark=st.integers(0, 10**15), wanted=st.integers(1, 50), sign=st.sampled_from([1, -1]))
def test_options_trade_at_their_spread_up_to_their_size(mark: int, wanted: int, sign: int) -> None:
    underlying = 60_000 * 10**10
    fill, after = EMPTY.fill(2, sign * wanted, FAR if sign > 0 else 1, mark, underlying)
    half = -(-mark // 20) + 30 * 10**10  # 5 % of the mark and 0.05 % of the underlying.
    if sign > 0 or mark - half >= OPTION.tick:
        assert fill.lots == min(wanted, 20)
        assert 0 <= sign * (fill.price - mark) - half < OPTION.tick
    else:
        assert fill.lots == 0  # A worthless option has no bid.
    assert after.available(2, buys=sign > 0, within=0) == 20 - fill.lots
    again = EMPTY.fill(2, sign * wanted, 1 if sign > 0 else FAR, mark, underlying)[0]
    assert again.lots == 0


def test_the_average_of_a_linear_ladder_is_known() -> None:
    # 643,659 dollars stand within 1 bp at 50,000: 12,873 lots of 50 dollars. Taking them all on a
    # ladder that rises linearly from 0 costs half a basis point: 50,000 × (1 − 0.00005) = 49,997.5.
    mark = 50_000 * 10**10
    fill, _ = ask_for(book(mark), 0, -12_873, mark)
    assert (fill.lots, fill.price) == (12_873, 499_975 * 10**9)


def test_recovery_follows_its_half_life() -> None:
    # 1 − 2^(−1/2) = 0.292893219 and 1 − 2^(−3) = 0.875.
    assert recovery_in_step(200_000, 100_000) == 292_893_219
    assert recovery_in_step(100_000, 300_000) == 875_000_000
    assert recovery_in_step(1, 10**9) == RATIO_ONE
