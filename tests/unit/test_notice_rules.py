"""Notices beside events: what is written, when it is due, and what two stores agree on.

Accounts are long 0.1 of BTC from 60,000 with 1,000 dollars, under 10 % and 5 % and ten minutes of
grace: 53,000 is a warning, 52,500 a call. No service runs here; the journal and its database do.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Event,
    Filled,
    Listed,
    Opened,
    Overridden,
    Priced,
    Started,
    Traded,
)
from seawall.engine.history.journal import Journal, JournalError
from seawall.engine.history.standby import Primary
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.money import RATIO_ONE
from seawall.portfolio.account import Account
from seawall.portfolio.liquidation_price import liquidation_price
from seawall.service.notices.crossings import Standing, crossed
from seawall.service.notices.delivery import LANES, PLACES, pause_s
from seawall.service.notices.kinds import EVENT_KINDS, SEVERITY
from seawall.service.notices.notices import Notices
from seawall.service.notices.rules import Rule, Rules, silence_ends
from seawall.service.notices.tables import Outcome
from seawall.service.notices.wire import (
    Escalation,
    RatioBelow,
    RuleAsked,
    SigmasBelow,
    Silence,
    TargetAsked,
)
from seawall.service.words.problem import Problem

RULES = """
format = 1
name = "notices"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
call = { grace_ms = { patient = 600_000 } }
operators = ["ann", "ben"]

[margin.patient]
method = "tiered"
[margin.patient.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
NOW = 1_767_225_600_000  # 1 January 2026, midnight in UTC.
MINUTE = 60_000
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
    lot=100_000, tick=1,
)  # fmt: skip
MAKER, FIRST = 6, 7


def priced(dollars: int, time_ms: int = NOW) -> Priced:
    told = dollars * 10**10
    return Priced(
        time_ms=time_ms,
        price=((0, 10**10), (1, told)),
        mark=((0, told),),
        depth=((0, 10**6, 10**6),),
    )


def birth(accounts: int) -> list[Event]:
    names = ("maker", *(f"a{number}" for number in range(accounts)))
    events: list[Event] = [
        Started(time_ms=NOW, rulebook=read(RULES).canonical()),
        Opened(time_ms=NOW, names=names, methods=("patient",) * len(names)),
        Listed(time_ms=NOW, instruments=(PERPETUAL,)),
        priced(60_000),
        Deposited(time_ms=NOW, account=MAKER, coin=0, atoms=10**15),
    ]
    for account in range(FIRST, FIRST + accounts):
        events.append(Deposited(time_ms=NOW, account=account, coin=0, atoms=1000 * 10**6))
        events.append(
            Traded(
                time_ms=NOW, instrument=0, buyer=account, seller=MAKER, lots=100,
                price=60_000 * 10**10,
            )
        )  # fmt: skip
    return events


class Room:
    """A journal with notices beside it; a log is its one target."""

    def __init__(self, url: str, accounts: int = 1, *, begun: bool = False) -> None:
        self.url = url
        if not begun:
            Journal.create(url).close()
        self.notices = Notices(url, clock="told")
        self.open()
        if not begun:
            for event in birth(accounts):
                self.primary.submit(event)
            self.target = self.log("log")

    def open(self) -> None:
        self.primary = Primary.open(self.url, durability="normal")
        self.primary.beside = self.notices.begin(self.primary.engine)
        engine = self.primary.engine
        self.primary.after = lambda kept: self.notices.happened(engine, kept)

    def log(self, name: str) -> str:
        asked = TargetAsked(name=name, kind="log")
        return self.notices.add_target(asked, "test", name).id

    def rule(self, **asked: Any) -> str:
        rule = RuleAsked(**{"targets": (self.target,), **asked})
        return self.notices.add_rule(rule, "test", repr(asked)).id

    def do(self, *events: Event) -> None:
        self.primary.submit_all([(None, event) for event in events])

    def kinds(self, **chosen: str) -> list[str]:
        return [one.kind for one in self.notices.notices(0, 500, **chosen).notices]

    def close(self) -> None:
        self.primary.close()
        self.notices.stop()


Begin = Callable[..., Room]


@pytest.fixture(params=["sqlite", "postgresql"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """The same on both databases."""
    if request.param == "sqlite":
        room = Room(f"sqlite:///{tmp_path / 'venue.db'}")
    else:
        room = Room(request.getfixturevalue("postgresql_schema"))
    yield room
    room.close()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    rooms: list[Room] = []

    def make(accounts: int = 1) -> Room:
        rooms.append(Room(f"sqlite:///{tmp_path / f'{len(rooms)}.db'}", accounts))
        return rooms[-1]

    yield make
    for room in rooms:
        room.close()


def test_a_notice_is_kept_with_its_event_or_not_at_all(room: Room) -> None:
    room.rule(on=("warned",))
    beside = room.primary.beside
    assert beside is not None

    def full(connection: Any, happened: Any) -> None:
        beside(connection, happened)
        raise JournalError("the disk is full")

    room.primary.beside = full
    with pytest.raises(JournalError):
        room.do(priced(53_000))
    room.primary.close()
    assert room.kinds() == []
    room.open()  # As the writer does after a failure; nobody remembers what was not kept.
    room.do(priced(53_000))
    assert room.kinds() == ["warned"]
    (told,) = room.notices.notices(0, 10).notices
    assert told.sequence == room.primary.engine.sequence


def test_each_crossing_is_told_once_also_by_the_next_process(room: Room) -> None:
    room.rule(ratio=RatioBelow(below="1.9"))
    room.do(priced(55_000))  # 500 ÷ 275 = 1.82.
    room.primary.close()
    room.notices.stop()
    again = Room(room.url, begun=True)
    again.do(priced(54_900))
    assert again.kinds() == ["ratio"]
    again.do(priced(56_000))  # 600 ÷ 280 = 2.14, and 1.9 · 1.05 = 1.995.
    assert again.kinds() == ["ratio", "ratio_recovered"]
    again.close()


def test_only_what_is_over_and_old_is_forgotten(room: Room) -> None:
    day = 1440 * MINUTE
    boss = Escalation(after_minutes=1, target=room.log("boss"))
    room.rule(on=("warned",))
    room.rule(on=("call",), escalation=boss)
    room.do(priced(53_000))
    room.do(priced(52_500, NOW + day))
    store = room.notices._store
    assert store.counts() == {"pending": 2}
    assert store.forget(NOW + 9 * day, 10) == 0  # Both are still to go out.
    rows = store.notices(0, 10)
    store.settle([Outcome(row.number, "sent", 0, NOW, None) for row in rows])
    assert store.forget(NOW, 10) == 0
    assert store.forget(NOW + 1, 10) == 1
    assert room.kinds() == ["call"]
    assert store.forget(NOW + 9 * day, 10) == 0  # It may still be escalated.
    room.notices.acknowledge(rows[1].id, "test")
    assert store.forget(NOW + 9 * day, 10) == 0  # Its number is the last that was given.
    room.do(priced(60_000, NOW + 2 * day), priced(53_000, NOW + 2 * day))
    assert store.forget(NOW + 9 * day, 10) == 1
    (told,) = store.notices(0, 10)
    assert (told.kind, told.number) == ("warned", rows[1].number + 1)


def test_the_same_events_under_the_same_rule_have_the_same_ids(begin: Begin) -> None:
    events = [priced(p) for p in (55_000, 53_000, 52_500, 58_000)]
    rule = Rule.of("r1", RuleAsked(on=EVENT_KINDS, ratio=RatioBelow(below="1.9"), targets=("t1",)))
    told, states = [], set()
    for rules in (Rules([rule]), Rules([rule]), Rules()):
        room = begin()
        room.notices._rules = rules
        for event in events:
            room.do(event)
        states.add(room.primary.engine.state_hash())
        told.append([(one.id, one.body) for one in room.notices.notices(0, 500).notices])
    assert told[0] == told[1]
    assert told[2] == []
    kinds = [body["kind"] for _, body in told[0]]
    assert kinds == ["ratio", "warned", "call", "call_withdrawn", "ratio_recovered"]
    assert len({id for id, _ in told[0]}) == 5
    assert len(states) == 1  # Whoever watches moves nothing.


def test_events_that_no_rule_asks_for_write_nothing(begin: Begin) -> None:
    room = begin()
    room.rule(account="a0", on=("bankrupt",), ratio=RatioBelow(below="1.1"))
    statements: list[str] = []
    raw = room.primary.journal._store.connection.connection.dbapi_connection
    assert raw is not None
    raw.set_trace_callback(statements.append)
    room.do(priced(59_000))
    room.do(Elapsed(time_ms=NOW))
    raw.set_trace_callback(None)
    written = [one for one in statements if "service_notice" in one and "SELECT" not in one]
    assert written == []


def test_rules_of_an_account_stand_in_the_place_of_those_for_all(begin: Begin) -> None:
    room = begin(2)
    own, everybody = room.log("own"), room.log("everybody")
    room.rule(on=("warned", "call"), targets=(everybody,))
    room.rule(account="a1", on=("call",), targets=(own,))
    room.do(priced(53_000), priced(52_500))
    told = [(n.account, n.kind, n.target) for n in room.notices.notices(0, 99).notices]
    assert told == [
        ("a0", "warned", everybody),
        ("a0", "call", everybody),
        ("a1", "call", own),
    ]


@given(price=st.integers(50_500, 70_000), below=st.integers(1_000_000_000, 4_000_000_000))
def test_a_line_of_health_is_the_exact_one(price: int, below: int) -> None:
    """Below where equity · 10⁹ < maintenance · line, in integers, and nowhere else."""
    engine = Engine()
    for event in birth(1):
        engine.apply(event)
    engine.apply(priced(price))
    text = f"{below // RATIO_ONE}.{below % RATIO_ONE:09d}"
    rule = Rule.of("r", RuleAsked(ratio=RatioBelow(below=text), targets=("t",)))
    found = crossed(engine.venue, Rules([rule]), Standing(), None)
    # Equity 1,000 + 0.1 · (price − 60,000); maintenance 0.05 · 0.1 · price; in tenths of a dollar.
    equity, maintenance = 10_000 + price - 60_000, price / 20
    is_below = equity * 20 * RATIO_ONE < price * below
    assert [one.account for one in found] == ([FIRST] if is_below else []), (equity, maintenance)


def test_a_line_of_health_is_not_below_itself(begin: Begin) -> None:
    """At 57,000 equity is 700 and maintenance 285; 700 ÷ 285 has no end, 55,000 gives 500 ÷ 275."""
    room = begin()
    for price, health in ((60_000, "3.333333333"), (50_000, "0")):
        engine = room.primary.engine
        rule = Rule.of("r", RuleAsked(ratio=RatioBelow(below="2"), targets=("t",)))
        room.do(priced(price))
        found = crossed(engine.venue, Rules([rule]), Standing(), None)
        assert bool(found) == (health == "0")
    # 1,000 + 0.1 · (p − 60,000) = 2 · 0.005 · p at p = 55,555.55…; whole dollars on either side.
    for price, is_below in ((55_555, True), (55_556, False)):
        engine = Engine()
        for event in [*birth(1), priced(price)]:
            engine.apply(event)
        assert bool(crossed(engine.venue, Rules([rule]), Standing(), None)) is is_below


@settings(max_examples=12)
@given(price=st.integers(53_000, 70_000))
def test_sigmas_are_those_of_the_liquidation_price(price: int) -> None:
    """Where `liquidation_price` sees the call n sigmas away, n + ε is below and n − ε is not."""
    engine = Engine()
    for event in birth(1):
        engine.apply(event)
    engine.apply(priced(price))
    venue = engine.venue
    account = Account("a0", venue, tuple(venue.ledger.rows(FIRST)), "patient")
    told = liquidation_price(account, {"BTC": 0.6}).find("sigma", "called", "down")
    assert told.at is not None
    away = -told.at  # Millionths of a sigma.
    # 1,000 + 0.1 · (p − 60,000) < 0.005 · p below p = 52,631.58.
    by_hand = math.log(price / (5000 / 0.095)) / (0.6 / math.sqrt(365))
    assert abs(away / 1e6 - by_hand) < 1e-5
    for step, is_below in ((1, True), (-1, False)):
        text = f"{(away + step) / 1e6:.6f}"
        if away + step <= 0 or away + step > 10**7:
            continue
        line = SigmasBelow(below=text, recovers_at=text, volatilities={"BTC": "0.6"})
        rule = Rule.of("r", RuleAsked(sigmas=line, targets=("t",)))
        assert bool(crossed(venue, Rules([rule]), Standing(), {FIRST})) is is_below


def test_ten_thousand_accounts_have_few_exact_verdicts(begin: Begin) -> None:
    """Only whoever crossed is judged; the others are vouched for by the screen."""
    room = begin(50)
    engine = room.primary.engine
    rule = Rule.of("r", RuleAsked(ratio=RatioBelow(below="1.9"), targets=("t",)))
    standing = Standing()
    judged: list[int] = []
    venue = engine.venue
    room.do(priced(55_000))
    assert len(crossed(venue, Rules([rule]), standing, None)) == 50
    method = venue.methods[0]
    original = type(method).requirement_exact

    def counting(self: Any, rows: Any, table: Any) -> Any:
        judged.append(1)
        return original(self, rows, table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(method), "requirement_exact", counting)
        assert crossed(venue, Rules([rule]), standing, None) == []
    assert judged == []


# -- silence ---------------------------------------------------------------------------------------

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("begins", "ends", "at_hour", "left_hours"),
    [
        ("22:00", "07:00", 21, None),
        ("22:00", "07:00", 22, 9),
        ("22:00", "07:00", 3, 4),
        ("22:00", "07:00", 7, None),
        ("09:00", "17:00", 9, 8),
        ("09:00", "17:00", 17, None),
        ("09:00", "09:00", 9, None),
    ],
)
def test_silence_ends(begins: str, ends: str, at_hour: int, left_hours: int | None) -> None:
    silence = Silence(begins=begins, ends=ends, zone="UTC")
    at = NOW + at_hour * HOUR
    assert silence_ends(silence, at) == (0 if left_hours is None else at + left_hours * HOUR)


def test_a_night_in_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    """In Berlin on 29 March 2026 the hour from 2:00 to 3:00 is left out."""
    silence = Silence(begins="22:00", ends="07:00", zone="Europe/Berlin")
    evening = 1_774_731_600_000  # 28 March 2026, 21:00 UTC: 22:00 in Berlin.
    assert silence_ends(silence, evening) - evening == 8 * HOUR
    with pytest.raises(Problem, match="no time zone"):
        Rule.of("r", RuleAsked(on=("call",), targets=("t",), silence=Silence(
            begins="22:00", ends="07:00", zone="Europe/Atlantis")))  # fmt: skip


@pytest.mark.parametrize(
    ("through", "held"),
    [("call", {"warned"}), ("liquidation", {"warned", "call"}), ("warning", set()),
     ("nothing", {"warned", "call"})],
)  # fmt: skip
def test_silence_holds_what_is_less_grave(begin: Begin, through: Any, held: set[str]) -> None:
    room = begin()
    silence = Silence(begins="00:00", ends="07:00", zone="UTC", through=through)
    room.rule(on=("warned", "call"), silence=silence)
    room.do(priced(53_000), priced(52_500))
    told = room.notices.notices(0, 9).notices
    assert {one.kind for one in told if one.state == "silenced"} == held
    assert {one.held_until_ms for one in told} <= {None, NOW + 7 * HOUR}


def wait(found: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_was_held_goes_out_when_silence_is_over(begin: Begin) -> None:
    room = begin()
    room.rule(on=("warned",), silence=Silence(begins="00:00", ends="07:00", zone="UTC"))
    room.notices.start()
    room.do(priced(53_000))
    time.sleep(0.4)
    assert [one.state for one in room.notices.notices(0, 9).notices] == ["silenced"]
    room.do(Elapsed(time_ms=NOW + 7 * HOUR))  # The venue tells the time here.
    wait(lambda: [one.state for one in room.notices.notices(0, 9).notices] == ["sent"])


# -- escalation ------------------------------------------------------------------------------------


def escalating(room: Room) -> str:
    boss = room.log("boss")
    room.rule(on=("call",), escalation=Escalation(after_minutes=5, target=boss))
    room.notices.start()
    return boss


def test_a_call_that_nobody_acknowledged_is_told_to_another(room: Room) -> None:
    boss = escalating(room)
    room.do(priced(52_500))
    room.do(Elapsed(time_ms=NOW + 5 * MINUTE - 1))
    time.sleep(0.4)
    assert room.kinds(target=boss) == []
    room.do(Elapsed(time_ms=NOW + 5 * MINUTE))
    wait(lambda: room.kinds(target=boss, state="sent") == ["call"])
    (first,) = room.notices.notices(0, 9, target=room.target).notices
    (further,) = room.notices.notices(0, 9, target=boss).notices
    assert further.body["escalated_from"] == first.id
    assert further.id != first.id
    room.do(Elapsed(time_ms=NOW + 9 * MINUTE))
    time.sleep(0.4)
    assert room.kinds(target=boss) == ["call"]
    room.notices.acknowledge(further.id, "ann")  # One of them is all of them.
    assert room.notices.notice(first.id).acknowledged_by == "ann"


def test_nobody_else_is_told_of_what_was_acknowledged_or_is_over(begin: Begin) -> None:
    for is_over in (False, True):
        room = begin()
        boss = escalating(room)
        room.do(priced(52_500))
        if is_over:
            room.do(priced(60_000))
        else:
            room.notices.acknowledge(room.notices.notices(0, 9).notices[0].id, "ann")
        room.do(Elapsed(time_ms=NOW + 6 * MINUTE))
        time.sleep(0.4)
        assert room.kinds(target=boss) == []


# -- laws and kinds --------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.integers(53_000, 64_000), max_size=12), st.integers(19, 26), st.integers(0, 5))
def test_lines_are_crossed_as_fractions_say(prices: list[int], below: int, wider: int) -> None:
    """Told once below, once at the second line, whatever happens between them."""
    engine = Engine()
    for event in birth(2):
        engine.apply(event)
    line, back = Fraction(below, 10), Fraction(below + wider, 10)
    asked = RatioBelow(below=str(float(line)), recovers_at=str(float(back)))
    rules = Rules([Rule.of("r", RuleAsked(ratio=asked, targets=("t",)))])
    standing, expected, is_below = Standing(), [], False
    found = []
    for price in prices:
        engine.apply(priced(price))
        found += [(one.account, one.kind) for one in crossed(engine.venue, rules, standing, None)]
        health = Fraction(10_000 + price - 60_000, 10) / Fraction(price, 200)
        if is_below != (health < (back if is_below else line)):
            is_below = not is_below
            kind = "ratio" if is_below else "ratio_recovered"
            expected += [(FIRST, kind), (FIRST + 1, kind)]
    assert found == expected


@settings(max_examples=30)
@given(st.data())
def test_rules_that_come_and_go_tell_what_one_by_one_they_would(data: st.DataObject) -> None:
    """Against a dictionary: (rule, account) is below or not; who lost the rule is forgotten."""
    engine = Engine()
    for event in birth(3):
        engine.apply(event)
    rules: list[Rule] = []
    standing, expected = Standing(), set[tuple[str, int]]()
    accounts = [FIRST, FIRST + 1, FIRST + 2]
    for step in range(data.draw(st.integers(1, 12))):
        action = data.draw(st.sampled_from(["price", "price", "add", "remove", "open", "deposit"]))
        touched: set[int] | None = None
        if action == "add":
            name = data.draw(st.sampled_from([None, "a0", "a1"]))
            line = RatioBelow(below=str(data.draw(st.sampled_from([1.5, 2.0, 2.5]))))
            asked = RuleAsked(account=name, ratio=line, targets=("t",))
            rules.append(Rule.of(f"r{step}", asked))
        elif action == "remove" and rules:
            rules.pop(data.draw(st.integers(0, len(rules) - 1)))
        elif action == "open":
            opened = Opened(time_ms=NOW, names=(f"new{step}",), methods=("patient",))
            engine.apply(opened)
        elif action == "deposit":
            account = data.draw(st.sampled_from(accounts))
            touched = {account}
            engine.apply(Deposited(time_ms=NOW, account=account, coin=0, atoms=200 * 10**6))
        else:
            engine.apply(priced(data.draw(st.integers(54_000, 62_000))))
        venue, all_rules = engine.venue, Rules(rules)
        told = crossed(venue, all_rules, standing, touched)
        wanted = set()
        members = {
            (rule.id, number): rule
            for rule in rules
            for number in range(MAKER, len(venue.names))
            if rule in all_rules.for_account(venue.names[number])
        }
        expected &= members.keys()
        for (id, number), rule in members.items():
            if touched is not None and number not in touched:
                continue
            assert rule.ratio is not None
            need = venue.judge(number)
            at = rule.ratio.recovers if (id, number) in expected else rule.ratio.below
            if (need.margin_equity * RATIO_ONE < need.maintenance * at) != (
                (id, number) in expected
            ):
                wanted.add((id, number))
        assert {(one.rule.id, one.account) for one in told} == wanted
        expected ^= wanted


def test_a_ruin_and_a_halt_are_told_step_by_step(begin: Begin) -> None:
    """Of 100 lots 60 are sold; at 45,000 nobody takes the rest but who was deleveraged."""
    room = begin()
    room.rule(on=EVENT_KINDS)
    late = NOW + 10 * MINUTE
    room.do(priced(50_500), Elapsed(time_ms=late))
    (number,) = room.primary.engine.venue.orders
    room.do(Filled(time_ms=late, order=number, lots=60, price=50_500 * 10**10))
    room.do(priced(45_000, late))
    told = [(one.account, one.kind) for one in room.notices.notices(0, 99).notices]
    assert told == [
        ("a0", "call"),
        ("a0", "liquidation_started"),
        ("a0", "liquidation_step"),
        ("a0", "deleveraged"),
        ("maker", "deleveraged"),
        ("a0", "liquidation_done"),
    ]
    before = len(told)
    halted = Overridden(
        time_ms=late, scope=Scope.VENUE, mode=Mode.HALTED, first="ann", second="ben", reason="test"
    )
    room.do(halted, msgspec.structs.replace(halted, mode=Mode.OPEN))
    last = room.notices.notices(0, 99).notices[before:]
    assert [(one.account, one.kind, one.text) for one in last] == [
        (None, "breaker_tripped", "breaker venue: halted"),
        (None, "breaker_released", "breaker venue: open again"),
    ]


# -- the rest --------------------------------------------------------------------------------------


def test_every_kind_has_a_severity_and_pauses_double() -> None:
    assert set(EVENT_KINDS) < set(SEVERITY)
    for failures, most in ((1, 1.0), (2, 2.0), (5, 16.0), (40, 300.0)):
        drawn = [pause_s(1.0, failures) for _ in range(200)]
        assert most / 2 <= min(drawn) <= max(drawn) <= most
    assert LANES < PLACES


def test_lines_in_sigmas_are_few(begin: Begin) -> None:
    """Each number asks for two markets at every tick; those that others have cost nothing more."""
    room = begin()
    volatilities = {"BTC": "0.6"}
    for number in range(15):  # With the 10 at which all recover there are sixteen.
        below = f"{1 + number / 2}"
        room.rule(sigmas=SigmasBelow(below=below, recovers_at="10", volatilities=volatilities))
    again = SigmasBelow(below="1.0", recovers_at="1.5", volatilities=volatilities)
    room.rule(account="a0", sigmas=again)
    with pytest.raises(Problem, match="16 different lines"):
        room.rule(sigmas=SigmasBelow(below="1", recovers_at="9.9", volatilities=volatilities))


def test_a_removed_target_leaves_dead_letters(begin: Begin) -> None:
    room = begin()
    rule = room.rule(on=("warned",))
    room.do(priced(53_000))
    room.notices.remove_rule(rule, "test")
    room.notices.remove_target(room.target, "test")
    room.notices.start()
    wait(lambda: room.kinds(state="dead") == ["warned"])
    (dead,) = room.notices.notices(0, 9).notices
    assert dead.error == "its target is gone"


def test_the_body_says_who_what_and_why(begin: Begin) -> None:
    room = begin()
    rule = room.rule(on=("call",))
    room.do(priced(52_500))
    (told,) = room.notices.notices(0, 9).notices
    effect = told.body.pop("effect")
    assert told.body == {
        "id": told.id, "kind": "call", "severity": "call", "account": "a0",
        "text": "a0: margin call 1, 275 USD by 2026-01-01 00:10:00 UTC",
        "sequence": room.primary.engine.sequence, "time_ms": NOW, "rule": rule,
    }  # fmt: skip
    assert (effect["amount"], effect["deadline_ms"]) == ("275", NOW + 600_000)
    assert json.loads(json.dumps(effect)) == effect
