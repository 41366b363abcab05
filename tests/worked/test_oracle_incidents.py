"""What moved a price in 2022, 2025 and 2026, under the old rule and under this one.

Incident figures as in public post-mortems; where only the wrong number is known, the honest ones
beside it are ours and said to be.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from seawall.market.oracle import (
    CappedRate,
    Feed,
    GrowthCap,
    Mean,
    OracleRefusal,
    Policy,
    Pool,
    Published,
    Refusal,
    Rejection,
    Report,
    SnapshotRefusedError,
    Trading,
    capped_rate,
    cost_to_move,
    cost_to_move_median,
    cost_to_move_twap,
    observe,
    permissions,
    publish,
    with_rate,
)
from seawall.money import parse_atoms

SECOND, MINUTE = 1_000, 60_000
POLICY = Policy(
    sources_min=3,
    age_max_ms=30 * SECOND,
    outlier_ratio=Decimal("0.02"),
    confidence_ratio_max=Decimal("0.01"),
    deviation_ratio_max=Decimal("0.2"),
    deviation_window_ms=MINUTE,
    liquidation_age_max_ms=5 * MINUTE,
    withdrawal_age_max_ms=MINUTE,
)
OWN_BOOK = Policy(  # The old rule: the venue's own book is the price.
    age_max_ms=30 * SECOND,
    outlier_ratio=Decimal(1),
    confidence_ratio_max=Decimal(1),
    liquidation_age_max_ms=5 * MINUTE,
    withdrawal_age_max_ms=MINUTE,
)


def dollars(text: str) -> int:
    return parse_atoms(text, 10)


def told(**prices: str) -> list[Report]:
    width = dollars("0.0005")
    return [Report(name, dollars(text), width, 0) for name, text in prices.items()]


def test_a_depeg_on_one_venue_moves_nothing() -> None:
    # 10 October 2025: USDe at 0.65 on one venue's own book, redeemable near one.
    alone = publish(OWN_BOOK, told(own="0.65"), None, 0)
    assert isinstance(alone, Published)
    assert alone.price == dollars("0.65")
    # The prices of the other venues are ours; the incident says near par.
    several = publish(POLICY, told(own="0.65", b="0.9985", c="0.999", d="0.998"), None, 0)
    assert isinstance(several, Published)
    # Middle of the four: (0.998 + 0.9985) / 2 = 0.99825; 0.65 lies 35 % from it.
    assert several.rejected == (("own", Rejection.OUTLIER),)
    assert several.price == dollars("0.9985")
    assert several.confidence == dollars("0.0005")
    # With one other venue nobody knows which of the two is wrong.
    pair = publish(POLICY, told(own="0.65", b="0.9985"), None, 0)
    both = (("b", Rejection.OUTLIER), ("own", Rejection.OUTLIER))
    assert pair == Refusal(OracleRefusal.TOO_FEW, both)


def test_a_depeg_everywhere_is_a_price() -> None:
    feed = observe(POLICY, Feed(), told(a="0.999", b="0.999", c="0.998"), 0).feed
    fallen = [
        Report(name, dollars(text), dollars("0.0005"), 10 * SECOND)
        for name, text in (("a", "0.66"), ("b", "0.65"), ("c", "0.655"))
    ]
    # 34 % in ten seconds is refused, and nobody is liquidated on it …
    first = observe(POLICY, feed, fallen, 10 * SECOND)
    assert first.outcome == Refusal(OracleRefusal.DEVIATING, (), dollars("0.655"))
    frozen = permissions(POLICY, first.feed, 10 * SECOND)
    assert (frozen.liquidate, frozen.withdraw, frozen.trade) == (False, False, Trading.REDUCE_ONLY)
    # … but a minute after the last sound price it is what all of them still say.
    still = [Report(report.source, report.price, report.confidence, MINUTE) for report in fallen]
    later = observe(POLICY, first.feed, still, MINUTE)
    assert isinstance(later.outcome, Published)
    assert later.outcome.price == dollars("0.655")
    assert permissions(POLICY, later.feed, MINUTE).liquidate


def test_a_feed_that_stopped_lends_nothing() -> None:
    # May 2022: LUNA's feed stopped near 0.10 while it traded near 0.01, and 11.2 million dollars
    # were borrowed against it elsewhere. The minutes are ours.
    feed = observe(POLICY, Feed(), told(a="0.10", b="0.10", c="0.10"), 0).feed
    assert permissions(POLICY, feed, 0).withdraw
    stopped = observe(POLICY, feed, [], 30 * SECOND + 1)
    assert stopped.outcome == Refusal(
        OracleRefusal.STALE, tuple((name, Rejection.STALE) for name in "abc")
    )
    assert permissions(POLICY, stopped.feed, 30 * SECOND + 1) == (
        False, False, Trading.REDUCE_ONLY, 10**9
    )  # fmt: skip
    # Even if nobody lets time pass at the oracle, age alone ends it: withdrawals first.
    assert [permissions(POLICY, feed, age).withdraw for age in (MINUTE, MINUTE + 1)] == [
        True,
        False,
    ]
    assert [permissions(POLICY, feed, age * MINUTE + 1).liquidate for age in (4, 5)] == [
        True,
        False,
    ]


@pytest.mark.parametrize("reducer", ["median", "weighted_median", "weighted_mean", "vote"])
def test_one_bad_tick_moves_nothing(reducer: str) -> None:
    # LINK at 0.0001; the honest prices are ours.
    alone = publish(OWN_BOOK, [Report("own", dollars("0.0001"), 0, 0)], None, 0)
    assert isinstance(alone, Published)
    assert alone.price == 1_000_000
    policy = Policy(
        sources_min=3,
        reducer=reducer,  # type: ignore[arg-type]
        age_max_ms=30 * SECOND,
        outlier_ratio=Decimal("0.02"),
        confidence_ratio_max=Decimal("0.01"),
        liquidation_age_max_ms=5 * MINUTE,
        withdrawal_age_max_ms=MINUTE,
    )
    several = publish(policy, told(own="0.0001", b="17.50", c="17.50", d="17.50"), None, 0)
    assert isinstance(several, Published)
    assert several.price == dollars("17.50")
    assert several.rejected == (("own", Rejection.OUTLIER),)


def test_a_ceiling_under_the_rate_is_an_alarm_and_not_a_price() -> None:
    # 10 March 2026: the rate stepped to 1.1919 alone, its time to seven days ago; live 1.2282.
    week, now = 7 * 86_400, 10**9
    live = Fraction("1.2282")
    # 968 basis points a year are an assumption: 1.1919 · (1 + 0.0968 · 7 / 365) = 1.194112689.
    wrong = GrowthCap(Fraction("1.1919"), now - week, 968, Fraction("0.005"))
    assert round(wrong.ceiling(now), 9) == Fraction("1.194112689")
    silent = min(live, wrong.ceiling(now))  # The old rule: 2.8 % under the market, and no word.
    assert silent < live * Fraction("0.973")
    found = capped_rate(wrong, live, now)
    # (1.2282 − 1.194112689) / 1.2282 = 2.7754 %
    assert found == CappedRate(None, OracleRefusal.CAP_BINDING, 1 - silent / live)
    assert round(found.excess, 6) == Fraction("0.027754")
    base = Published(dollars("2000"), dollars("1"), 0, 0, ("a", "b", "c"))
    assert with_rate(base, found) == Refusal(OracleRefusal.CAP_BINDING)
    # The step that made it so would not have been taken.
    before = GrowthCap(Fraction("1.1572"), now - 200 * 86_400, 968, Fraction("0.005"))
    with pytest.raises(SnapshotRefusedError, match=r"^snapshot would put the ceiling under"):
        before.moved(Fraction("1.1919"), now - week, live, now)
    with pytest.raises(SnapshotRefusedError, match=r"^snapshot_s lies ahead"):
        before.moved(live, now + 1, live, now)
    # Both parts together: the live rate of now, from now on.
    both = before.moved(Fraction("1.2282"), now, live, now)
    priced = with_rate(base, capped_rate(both, live, now))
    assert isinstance(priced, Published)
    assert priced.price == dollars("2456.4")  # 2000 · 1.2282
    assert priced.confidence == dollars("1.2282")


def test_a_donated_rate_is_no_price_either() -> None:
    cap = GrowthCap(Fraction("1.2282"), 0, 968, Fraction("0.005"))
    hour = capped_rate(cap, Fraction("1.60"), 3_600)
    assert hour.refusal is OracleRefusal.CAP_BINDING
    # 1.2282 · (1 + 0.0968 / 8760) = 1.228213572; a rate 0.1 % above counts as the ceiling.
    slight = capped_rate(cap, Fraction("1.2294"), 3_600)
    assert slight.rate == cap.ceiling(3_600)
    assert round(cap.ceiling(3_600), 9) == Fraction("1.228213572")


def test_a_ceiling_may_bind_by_its_tolerance_to_the_digit() -> None:
    # Nothing grows; 1.25 is 20 % above the ceiling of 1 in shares of itself.
    cap = GrowthCap(Fraction(1), 0, 0, Fraction("0.2"))
    assert capped_rate(cap, Fraction("1.25"), 1) == CappedRate(Fraction(1), None, Fraction("0.2"))
    beyond = capped_rate(cap, Fraction("1.250000001"), 1)
    assert beyond.refusal is OracleRefusal.CAP_BINDING
    # 3 · 1/2 = 1.5 goes to the even 2, half a width of 1/2 up to 1.
    base = Published(3, 1, 0, 0, ("a",))
    priced = with_rate(base, CappedRate(Fraction(1, 2), None, Fraction(0)))
    assert isinstance(priced, Published)
    assert (priced.price, priced.confidence) == (2, 1)


def test_a_window_that_is_not_whole_is_no_mean() -> None:
    # 2 April 2022: a 30-minute window fell back to the last price; the coin had risen fiftyfold.
    mean = Mean(30 * MINUTE).observed(dollars("100"), 0)
    spoofed = mean.observed(dollars("5000"), MINUTE)
    assert spoofed.price(MINUTE + 12 * SECOND) is None
    # An hour later one block of it makes (1788 + 12 · 50) / 1800 = 1.3267 of a plain mean.
    full = mean.observed(dollars("5000"), 60 * MINUTE)
    found = full.price(60 * MINUTE + 12 * SECOND)
    assert found is not None
    assert found == round(Fraction(1788 + 12 * 50, 1800) * dollars("100"))


def test_moving_a_geometric_mean() -> None:
    # +20 % over 150 blocks: 1.2^150 = 7.5e11 in one block, 1.2^30 = 237.4 in five.
    pool = Pool(Decimal(1_000), Decimal(2_000_000))
    one = cost_to_move_twap(pool, Decimal("0.2"), 150, 1)
    five = cost_to_move_twap(pool, Decimal("0.2"), 150, 5)
    assert f"{one.spot_factor:.2e}" == "7.54e+11"
    assert round(five.spot_factor, 3) == Decimal("237.376")
    # √237.376 = 15.4070; a move pays 2e6 · 14.4070 and gets goods worth 2e6 · (1 − 1/15.4070).
    # So it loses 2e6 · (15.4070 − 2 + 0.0649) = 26,943,8xx, five times.
    root = five.spot_factor.sqrt()
    once = 2_000_000 * (root - 2 + 1 / root)
    assert abs(five.loss - 5 * once) < Decimal("1e-9")
    assert round(five.loss, -6) == Decimal("135000000")
    assert abs(five.capital - (2_000_000 * (root - 1) + 4 * once)) < Decimal("1e-9")


def test_a_proposer_loses_only_the_fees() -> None:
    # Fourfold in one block of one, fee 20 %: 2e6 of quote are paid for 500 of base, worth 1e6; the
    # fees are a quarter of each: 500,000 and 125 of base, worth 250,000.
    pool = Pool(Decimal(1_000), Decimal(2_000_000), Decimal("0.2"))
    alone = cost_to_move_twap(pool, Decimal(3), 1, 1, is_proposer=True)
    assert abs(alone.loss - 750_000) < Decimal("1e-30")
    assert abs(alone.capital - 2_500_000) < Decimal("1e-30")
    free = pool._replace(fee=Decimal(0))
    assert cost_to_move_twap(free, Decimal(3), 150, 5, is_proposer=True).loss == 0


def test_moving_a_pool_and_a_median() -> None:
    pool = Pool(Decimal(1_000), Decimal(2_000_000))
    # Factors 1.2, 2 and 10 as in public arithmetic: 16,632.088371, 242,640.687119, 2,957,010.85237.
    losses = [cost_to_move(pool, Decimal(factor)).loss for factor in ("1.2", "2", "10")]
    assert [round(loss, 5) for loss in losses] == [
        Decimal("16632.08837"), Decimal("242640.68712"), Decimal("2957010.85237")
    ]  # fmt: skip
    # A fall to a quarter sells as much base as a fourfold rise buys: 2e6 · (2 − 1) − 2e6 · (1 − ½).
    assert cost_to_move(pool, Decimal("0.25")).loss == cost_to_move(pool, Decimal(4)).loss == 10**6
    small = Pool(Decimal(10), Decimal(20_000))
    # Of three sources two must move: the small one at 10,000 and one of the large at 1,000,000.
    found = cost_to_move_median([pool, small, pool], Decimal(4))
    assert (found.moved, found.loss) == (2, 1_010_000)
    assert cost_to_move_median([pool] * 4, Decimal(4)).loss == 3_000_000
    with pytest.raises(ValueError, match="needs a source"):
        cost_to_move_median([], Decimal(4))
