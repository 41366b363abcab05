"""Each refusal, each rejection, each boundary of publishing a price."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from seawall.market.oracle import (
    Feed,
    LastGood,
    NotDue,
    OracleRefusal,
    Outcome,
    Policy,
    PolicyError,
    Published,
    Refusal,
    Rejection,
    Report,
    ReportError,
    Source,
    Status,
    observe,
    publish,
)

NOW = 1_000_000
DOLLAR = 10**10


def policy(**changed: Any) -> Policy:
    rules: dict[str, Any] = {
        "sources_min": 1,
        "age_max_ms": 60_000,
        "future_tolerance_ms": 1_000,
        "outlier_ratio": Decimal("0.05"),
        "confidence_ratio_max": Decimal("0.02"),
        "deviation_ratio_max": Decimal("0.1"),
        "deviation_window_ms": 10_000,
        "liquidation_age_max_ms": 600_000,
        "withdrawal_age_max_ms": 300_000,
    }
    return Policy(**(rules | changed))


def report(source: str, dollars: int = 100, age_ms: int = 0, **changed: Any) -> Report:
    told = Report(source, dollars * DOLLAR, DOLLAR // 10, NOW - age_ms)
    return msgspec.structs.replace(told, **changed)


def published(dollars: int = 100, age_ms: int = 5_000) -> Published:
    return Published(dollars * DOLLAR, DOLLAR // 10, NOW - age_ms, NOW - age_ms, ("a",))


def reason(outcome: Outcome) -> OracleRefusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def price(outcome: Outcome) -> int:
    assert isinstance(outcome, Published), outcome
    return outcome.price


def faulty(faults: frozenset[OracleRefusal]) -> Outcome:
    """Six sources of six that are asked for; each fault of a source falls on another one."""
    reports = {name: report(name, age_ms=1_000) for name in "abcdef"}
    last = published()
    if OracleRefusal.TOO_FEW in faults:
        del reports["a"]
    if OracleRefusal.HALTED in faults:
        reports["b"] = report("b", status=Status.HALTED)
    if OracleRefusal.STALE in faults:
        reports["c"] = report("c", age_ms=60_001)
    if OracleRefusal.FUTURE_DATED in faults:
        reports["d"] = report("d", age_ms=-1_001)
    if OracleRefusal.OUTLIER in faults:
        reports["e"] = report("e", 106)
    if OracleRefusal.TOO_WIDE in faults:
        reports["f"] = report("f", confidence=2 * DOLLAR + 1)
    if OracleRefusal.DEVIATING in faults:
        last = last._replace(price=80 * DOLLAR)
    if OracleRefusal.NON_MONOTONE in faults:
        last = last._replace(observed_ms=NOW)
    return publish(policy(sources_min=6), reports.values(), last, NOW)


FEED_REFUSALS = tuple(OracleRefusal)[:8]  # The ninth is a capped rate's.


def test_without_a_fault_there_is_a_price() -> None:
    assert price(faulty(frozenset())) == 100 * DOLLAR


@pytest.mark.parametrize("fault", FEED_REFUSALS, ids=lambda fault: fault.name)
def test_each_fault_is_told(fault: OracleRefusal) -> None:
    assert reason(faulty(frozenset({fault}))) is fault


def test_of_several_faults_the_first_in_order_is_told() -> None:
    for count in range(2, len(FEED_REFUSALS) + 1):
        for faults in itertools.combinations(FEED_REFUSALS, count):
            assert reason(faulty(frozenset(faults))) is min(faults), faults


def test_of_several_faults_of_one_source_the_first_in_order_is_told() -> None:
    worst = report("d", 1, age_ms=70_000, status=Status.HALTED)
    good = [report(name) for name in "abc"]
    stale = msgspec.structs.replace(worst, status=Status.TRADING)
    outlying = report("d", 1, confidence=90 * DOLLAR)
    named = policy(sources=tuple(Source(id=name) for name in "abc"))
    told = [
        publish(policy(), [*good, worst], None, NOW),
        publish(policy(), [*good, stale], None, NOW),
        publish(policy(), [*good, outlying], None, NOW),
        publish(named, [*good, worst], None, NOW),
    ]
    wanted = [Rejection.HALTED, Rejection.STALE, Rejection.OUTLIER, Rejection.UNLISTED]
    assert [outcome.rejected for outcome in told] == [(("d", why),) for why in wanted]
    assert {price(outcome) for outcome in told} == {100 * DOLLAR}


@pytest.mark.parametrize(
    ("at_the_edge", "beyond"),
    [
        (report("a", age_ms=60_000), report("a", age_ms=60_001)),
        (report("a", age_ms=-1_000), report("a", age_ms=-1_001)),
        (report("a", 105), report("a", 105, price=105 * DOLLAR + 1)),
        (report("a", confidence=2 * DOLLAR), report("a", confidence=2 * DOLLAR + 1)),
    ],
)
def test_a_source_at_the_edge_still_counts(at_the_edge: Report, beyond: Report) -> None:
    others = [report(name) for name in "bcde"]
    kept = publish(policy(), [at_the_edge, *others], None, NOW)
    gone = publish(policy(), [beyond, *others], None, NOW)
    assert isinstance(kept, Published)
    assert isinstance(gone, Published)
    assert "a" in kept.used
    assert gone.used == ("b", "c", "d", "e")


def test_two_sources_that_disagree_are_both_outliers() -> None:
    # 90 and 110 lie 10 from their middle; so does nobody know which of the two is wrong.
    outcome = publish(policy(), [report("a", 90), report("b", 110)], None, NOW)
    assert reason(outcome) is OracleRefusal.OUTLIER
    assert len(outcome.rejected) == 2
    # 95 and 105 lie 5 % from theirs, which is allowed to the atom.
    wide = policy(confidence_ratio_max=Decimal("0.05"))
    assert price(publish(wide, [report("a", 95), report("b", 105)], None, NOW)) == 100 * DOLLAR


def test_a_halted_source_does_not_stand_in_the_median() -> None:
    # With the two frozen ones the median would be 60, and the two that trade were the outliers.
    frozen = [report(name, 60, status=Status.HALTED) for name in "abc"]
    outcome = publish(policy(), [*frozen, report("d"), report("e")], None, NOW)
    assert price(outcome) == 100 * DOLLAR
    by_rule = policy(sources=(Source(id="a", halted=True), Source(id="b")))
    assert price(publish(by_rule, [report("a", 60), report("b")], None, NOW)) == 100 * DOLLAR


@pytest.mark.parametrize("worthless", [0, -5])
def test_a_price_that_is_not_positive_is_too_wide(worthless: int) -> None:
    told = Report("a", worthless, 0, NOW)
    assert reason(publish(policy(), [told], None, NOW)) is OracleRefusal.TOO_WIDE


def test_sources_apart_make_a_result_too_wide() -> None:
    # Quartiles of 96, 98, 102, 104 are 98 and 102: 2 of 100 apart from the middle.
    told = [report(name, dollars) for name, dollars in zip("abcd", (96, 98, 102, 104), strict=True)]
    sure = publish(policy(), told, None, NOW)
    assert isinstance(sure, Published)
    assert (sure.price, sure.confidence) == (100 * DOLLAR, 2 * DOLLAR)
    assert (sure.owned_price, sure.owed_price) == (98 * DOLLAR, 102 * DOLLAR)
    strict = publish(policy(confidence_ratio_max=Decimal("0.019")), told, None, NOW)
    assert strict == Refusal(OracleRefusal.TOO_WIDE, (), 100 * DOLLAR)


def test_the_last_price_is_a_witness_for_a_while() -> None:
    rules = policy(deviation_window_ms=10_000)
    for_90 = [report("a", 90)]
    assert price(publish(rules, for_90, published(100), NOW)) == 90 * DOLLAR  # 10 % exactly.
    assert reason(publish(rules, for_90, published(101), NOW)) is OracleRefusal.DEVIATING
    assert price(publish(rules, for_90, published(101, age_ms=10_000), NOW)) == 90 * DOLLAR
    confirmed = publish(rules, for_90, published(101, age_ms=10_000), NOW, confirmed_ms=NOW - 1)
    assert reason(confirmed) is OracleRefusal.DEVIATING


def test_reducers_are_chosen_by_name() -> None:
    told = [report("a", 100), report("b", 101), report("c", 104)]
    named = tuple(Source(id=name, weight=weight) for name, weight in (("a", 1), ("b", 1), ("c", 6)))
    wide = Decimal("0.05")
    found = {
        name: price(publish(policy(sources=named, reducer=name, confidence_ratio_max=wide),
                            told, None, NOW))
        for name in ("median", "weighted_median", "weighted_mean", "vote")
    }  # fmt: skip
    # (100 + 101 + 6 · 104) / 8 = 103.125; the middle of nine votes is 101.
    assert found == {
        "median": 101 * DOLLAR,
        "weighted_median": 104 * DOLLAR,
        "weighted_mean": 103_125 * DOLLAR // 1000,
        "vote": 101 * DOLLAR,
    }


def test_a_price_is_published_on_a_move_or_a_heartbeat() -> None:
    rules = policy(heartbeat_ms=60_000, trigger_ratio=Decimal("0.005"))
    half = report("a", price=1_005 * DOLLAR // 10)
    assert price(publish(rules, [half], published(), NOW)) == half.price
    under = report("a", price=half.price - 1)
    assert publish(rules, [under], published(), NOW) == NotDue(under.price, DOLLAR // 10)
    assert price(publish(rules, [under], published(age_ms=60_000), NOW)) == under.price
    assert price(publish(rules, [under], None, NOW)) == under.price


def test_a_quiet_feed_still_sees_a_jump() -> None:
    # Confirmed once a second for 30 s without being published; then 40 % in a second is refused.
    rules = policy(heartbeat_ms=60_000, trigger_ratio=Decimal("0.005"))
    feed = Feed()
    for second in range(31):
        told = [report("a", published_ms=NOW + 1_000 * second)]
        feed = observe(rules, feed, told, NOW + 1_000 * second).feed
    assert feed.last is not None
    assert (feed.last.published_ms, feed.confirmed_ms) == (NOW, NOW + 30_000)
    fallen = report("a", 60, published_ms=NOW + 31_000)
    outcome = observe(rules, feed, [fallen], NOW + 31_000)
    assert reason(outcome.outcome) is OracleRefusal.DEVIATING
    assert outcome.feed.refusal is OracleRefusal.DEVIATING
    assert outcome.feed.last == feed.last
    # Ten seconds after the last confirmation it is the new price.
    assert price(observe(rules, outcome.feed, [], NOW + 40_000).outcome) == 60 * DOLLAR


def test_a_feed_remembers_what_each_source_said() -> None:
    rules = policy(sources_min=2)
    first = observe(rules, Feed(), [report("a")], NOW)
    assert reason(first.outcome) is OracleRefusal.TOO_FEW
    second = observe(rules, first.feed, [report("b", 102)], NOW)
    assert price(second.outcome) == 101 * DOLLAR
    later = observe(rules, second.feed, [], NOW + 60_001)
    assert reason(later.outcome) is OracleRefusal.STALE
    assert later.feed.last == second.feed.last


def test_a_feed_drops_what_is_older_or_contradicts_itself() -> None:
    feed = observe(policy(), Feed(), [report("a", 100)], NOW).feed
    older = observe(policy(), feed, [report("a", 99, age_ms=1)], NOW)
    same = observe(policy(), feed, [report("a", 100)], NOW)
    rival = observe(policy(), feed, [report("a", 99)], NOW)
    two = observe(policy(), Feed(), [report("a", 100), report("a", 101)], NOW)
    newest = observe(policy(), feed, [report("a", 102, published_ms=NOW + 1), report("a", 99)], NOW)
    dropped = (("a", Rejection.NON_MONOTONE),)
    assert [o.dropped for o in (older, same, rival, two, newest)] == [
        dropped, (), dropped, dropped, ()
    ]  # fmt: skip
    assert price(older.outcome) == price(same.outcome) == price(rival.outcome) == 100 * DOLLAR
    assert reason(two.outcome) is OracleRefusal.TOO_FEW
    assert price(newest.outcome) == 102 * DOLLAR


def test_a_price_is_as_old_as_the_middle_of_its_reports() -> None:
    ages = {"a": 9_000, "b": 50_000, "c": 1_000, "d": 0}
    told = [report(name, age_ms=age) for name, age in ages.items()]
    four, three = publish(policy(), told, None, NOW), publish(policy(), told[:3], None, NOW)
    assert isinstance(four, Published)
    assert isinstance(three, Published)
    assert four.observed_ms == three.observed_ms == NOW - 9_000  # The older of the middle two.


def test_a_price_is_as_unsure_as_the_middle_of_its_sources() -> None:
    told = [report("a", confidence=1), report("b", confidence=3)]
    outcome = publish(policy(), told, None, NOW)
    assert isinstance(outcome, Published)
    assert outcome.confidence == 3  # The wider of the middle two.


def test_a_stamp_from_the_future_does_not_silence_a_source() -> None:
    ahead = report("a", 90, age_ms=-(10**12))
    first = observe(policy(), Feed(), [ahead], NOW)
    assert reason(first.outcome) is OracleRefusal.FUTURE_DATED
    assert price(observe(policy(), first.feed, [report("a")], NOW).outcome) == 100 * DOLLAR
    assert price(observe(policy(), Feed(), [ahead, report("a")], NOW).outcome) == 100 * DOLLAR
    feed = observe(policy(), Feed(), [report("a")], NOW).feed
    second = observe(policy(), feed, [ahead, report("a", 99, age_ms=1)], NOW)
    assert second.dropped == (("a", Rejection.FUTURE_DATED),)
    assert price(second.outcome) == 100 * DOLLAR
    # Within the tolerance it counts, but nothing is observed after it is published.
    near = publish(policy(), [report("a", age_ms=-1_000)], None, NOW)
    assert isinstance(near, Published)
    assert near.observed_ms == NOW


def test_a_sound_price_ends_a_refusal() -> None:
    rules = policy(heartbeat_ms=300_000, trigger_ratio=Decimal("0.005"))
    feed = observe(rules, Feed(), [report("a")], NOW).feed
    stale = observe(rules, feed, [], NOW + 60_001).feed
    assert stale.refusal is OracleRefusal.STALE
    assert stale.confirmed_ms == NOW
    again = observe(rules, stale, [report("a", published_ms=NOW + 70_000)], NOW + 70_000)
    assert isinstance(again.outcome, NotDue)
    assert again.feed.refusal is None
    assert again.feed.last == feed.last


def test_a_clock_that_runs_back_publishes_nothing() -> None:
    last = published(age_ms=0)._replace(observed_ms=NOW - 5_000)
    outcome = publish(policy(), [report("a", published_ms=NOW - 2_000)], last, NOW - 1)
    assert reason(outcome) is OracleRefusal.NON_MONOTONE


def test_a_report_that_nobody_can_mean_is_an_error() -> None:
    with pytest.raises(ReportError, match=r"^confidence of a must lie in 0"):
        report("a", confidence=-1)
    with pytest.raises(ReportError, match=r"^price of a does not fit"):
        report("a", price=2**63)
    with pytest.raises(ReportError, match=r"^reports name a twice"):
        publish(policy(), [report("a"), report("a")], None, NOW)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sources_min": 0}, "sources_min must be at least 1"),
        ({"sources_min": 2, "sources": (Source(id="a"),)}, "sources_min of 2, but only 1"),
        ({"sources": (Source(id="a"), Source(id="a"))}, "sources names one of them twice"),
        ({"sources": (Source(id="a", weight=0),)}, "sources: a weight must be positive"),
        ({"outlier_ratio": Decimal("-0.1")}, "outlier_ratio must not be negative"),
        ({"trigger_ratio": Decimal("1e-10")}, "trigger_ratio: 1E-10 has more than 9 decimals"),
        ({"age_max_ms": -1}, "age_max_ms must not be negative"),
        ({"withdrawal_age_max_ms": 600_001}, "withdrawal_age_max_ms must lie in 0"),
        ({"heartbeat_ms": 300_001}, "heartbeat_ms of 300001 is longer"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_an_error(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=f"^{message}"):
        policy(**changed)


def test_a_report_fits_in_an_event() -> None:
    told = report("a", status=Status.HALTED)
    wire = msgspec.msgpack.encode(told)
    assert msgspec.msgpack.decode(wire, type=Report) == told
    assert msgspec.json.decode(msgspec.json.encode(told)) == [
        "a", 100 * DOLLAR, DOLLAR // 10, NOW, 1
    ]  # fmt: skip


def test_a_policy_is_read_from_a_rulebook() -> None:
    told = {
        "sources": [{"id": "kraken"}, {"id": "coinbase", "weight": 2}],
        "sources_min": 2,
        "age_max_ms": 5_000,
        "outlier_ratio": Decimal("0.03"),
        "confidence_ratio_max": Decimal("0.01"),
        "liquidation_age_max_ms": 60_000,
        "withdrawal_age_max_ms": 20_000,
        "on_refusal": {"rule": "last_good", "within_ms": 10_000, "widening_ratio": Decimal("0.5")},
    }
    read = msgspec.convert(told, Policy)
    assert read.sources[1] == Source(id="coinbase", weight=2)
    assert read.on_refusal == LastGood(within_ms=10_000, widening_ratio=Decimal("0.5"))
    with pytest.raises(
        msgspec.ValidationError, match=r"within_ms must not be negative.*on_refusal"
    ):
        msgspec.convert(told | {"on_refusal": {"rule": "last_good", "within_ms": -1}}, Policy)
