"""The live monitor against itself built anew, against exact verdicts, and against a napkin."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seawall.engine import Engine
from seawall.engine.effect import OrderWanted
from seawall.engine.event import Deposited, Listed, Opened, Priced, Started, Traded, Withdrawn
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT, OUTSIDE
from seawall.market import Instrument
from seawall.portfolio.account import Account, Trials, with_prices
from seawall.service.monitor import (
    AssumptionError,
    Assumptions,
    Follower,
    Monitor,
    moment_of,
    read_assumptions,
)
from seawall.service.monitor.moment import Moment
from seawall.service.turns import Turns
from seawall.simulation.path import opening, ticks
from seawall.simulation.population import generate
from seawall.simulation.replay import Replay, Stage

CRASH = Path(__file__).parents[2] / "examples" / "crash-2024-08-05" / "scenario.toml"
RULES = """
format = 1
name = "two"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8, haircut = 0.05 }]
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.05, maintenance = 0.025 }]
"""
WITHIN = 0.45  # Lines end 60 % from the price of their last full scan, which may drift by 15 %.


class Crash:
    """The crash of August 2024 with few accounts, options included, and what people do in it."""

    def __init__(self, accounts: int) -> None:
        replay = Replay(CRASH, None, accounts=accounts)
        self.engine = engine = Engine()
        self.replay, self.stage = replay, Stage(engine, replay.course, replay.book, None)
        first = opening(replay.bars)
        price = tuple(price for _, price in replay.course.prices(first))
        people = generate(
            replay.scenario, replay.catalogue, price, replay.rulebook.haircuts, FIRST_ACCOUNT
        )
        book = self.stage.book.step(replay.course.marks(first), self.stage.thinness(first.time_ms))
        priced = replay.course.priced(first, book.standing(with_options=True))
        engine.apply(Started(time_ms=first.time_ms, rulebook=replay.rulebook.canonical()))
        for event in replay.course.opening_events(people, priced):
            engine.apply(event)
        path = ticks(replay.bars, replay.scenario.path.order, replay.scenario.path.offsets_s)
        self.ticks = (tick for tick in path if tick.time_ms > engine.time_ms)

    def tick(self) -> None:
        """The market moves on; orders are answered."""
        tick, stage = next(self.ticks), self.stage
        thinness = stage.thinness(tick.time_ms)
        standing = stage.book.step(self.replay.course.marks(tick), thinness).standing()
        priced = self.replay.course.priced(tick, standing)
        stage.book = stage.book.observe(dict(priced.mark), thinness, priced.depth)
        self.engine.apply(priced)
        while orders := self.engine.venue.orders:
            number, order = min(orders.items())
            wanted = OrderWanted(
                order=number,
                account=order.account,
                instrument=order.instrument,
                lots=order.lots,
                limit=order.limit,
            )
            fill = stage.answer(wanted)
            assert stage.answered is not None
            self.engine.apply(fill)
            stage.book = stage.answered[1]

    def anything(self, dice: random.Random) -> None:
        """One thing that a person, or a market without its book, may do."""
        engine, now = self.engine, self.engine.time_ms
        venue = engine.venue
        users = np.flatnonzero(venue.method >= 0).tolist()
        one, other = dice.sample(users, 2)
        match dice.randrange(6):
            case 0:
                engine.apply(Deposited(time_ms=now, account=one, coin=0, atoms=10**9))
            case 1:
                engine.apply(Withdrawn(time_ms=now, account=one, coin=0, atoms=10**8))
            case 2:
                number = dice.randrange(len(venue.catalogue.instruments))
                engine.apply(
                    Traded(
                        time_ms=now,
                        instrument=number,
                        buyer=one,
                        seller=other,
                        lots=dice.randint(1, 50),
                        price=venue.mark(number),
                    )
                )
            case 3:
                name = f"new-{engine.sequence}"
                engine.apply(Opened(time_ms=now, names=(name,), methods=("cross",)))
                number = venue.number[name]
                engine.apply(Deposited(time_ms=now, account=number, coin=0, atoms=10**10))
            case 4:
                coin = dice.choice([1, 2])
                price = round(venue.snapshot.price[coin] * dice.uniform(0.985, 1.015))
                engine.apply(Priced(time_ms=now + 1, price=((coin, price),)))
            case _:
                self.tick()


def near(column: np.ndarray, price: float) -> np.ndarray:
    """What lies within reach of both; NaN elsewhere."""
    return np.where(np.abs(column / price - 1.0) < WITHIN, column, np.nan)


@pytest.mark.parametrize(("seed", "tolerance"), [(1, 0.0), (3, 0.0005)])
def test_the_followed_lines_are_those_of_a_fresh_build(seed: int, tolerance: float) -> None:
    crash, dice = Crash(300), random.Random(seed)
    by = Assumptions(tolerance=tolerance)
    follower, before = Follower(by), None
    asked = []
    for look in range(9):
        for _ in range(dice.randint(0, 8)):
            crash.anything(dice)
        before = moment_of(crash.engine, before)
        assert before is not None
        found = follower.follow(before)
        asked.append(found.asked)
        if look % 3 != 2:
            continue
        alone, fresh = Follower(by), moment_of(crash.engine, None)
        assert fresh is not None
        expected = alone.follow(fresh)
        assert fresh.rows.start.size == before.rows.start.size
        for (coin, side), line in follower.lines.of.items():
            other, price = alone.lines.of[coin, side], float(before.price[coin])
            for name in ("closes", "fails"):
                mine, theirs = near(getattr(line, name), price), near(getattr(other, name), price)
                if not tolerance:
                    np.testing.assert_array_equal(mine, theirs, f"{coin} {side} {name}")
                # Twice: what fails may move by a little more than what closes.
                worst = np.nanmax(np.abs(mine - theirs), initial=0.0) / price
                assert worst <= 2 * tolerance
            if not tolerance:
                same = np.isfinite(near(line.closes, price))
                np.testing.assert_array_equal(line.units[same], other.units[same])
        _same_reading(found.sides, expected.sides, exact=not tolerance)
        for mine, theirs in zip(found.system, expected.system, strict=True):
            assert mine.by_law == pytest.approx(theirs.by_law, rel=0.05, abs=1e-9)
    assert asked[0] > 250
    assert min(asked[1:]) < 150, "it asked everybody every time"


def _same_reading(mine: Any, theirs: Any, *, exact: bool) -> None:
    for coin, pair in mine.items():
        for one, other in zip(pair, theirs[coin], strict=True):
            for law, under in one.under.items():
                fall, expected = under.reading.cascade, other.under[law].reading.cascade
                if exact:
                    assert fall == expected
                else:
                    assert fall.final == pytest.approx(expected.final, rel=2e-3)


def test_a_line_ends_where_the_exact_verdict_turns() -> None:
    crash = Crash(400)
    for _ in range(20):
        crash.tick()
    engine, follower = crash.engine, Follower(Assumptions())
    moment = moment_of(engine, None)
    assert moment is not None
    follower.refresh(moment)
    venue, checked = engine.venue, 0
    linear = {venue.rulebook.method_names.index(name) for name in ("cross", "isolated")}
    for (coin, side), line in follower.lines.of.items():
        sign = 1 if side == "long" else -1
        price = venue.snapshot.price[coin]
        for number in np.flatnonzero(np.isfinite(line.closes)).tolist()[::7]:
            # Only accounts of the contracts, which are linear but for their tiers.
            assets = [asset for asset, _ in venue.open_contracts(number)]
            kinds = {venue.catalogue.assets[asset].kind.name for asset in assets}
            closes = line.closes[number] * moment.venue.catalogue.numeraire.one
            if int(venue.method[number]) not in linear or kinds != {"LINEAR"} or closes == price:
                continue
            name = venue.rulebook.method_names[int(venue.method[number])]
            trials = Trials(Account("one", venue, tuple(venue.rows(number)), name))
            for away, stands in ((1.002, sign > 0), (0.998, sign < 0)):
                there = with_prices(venue.catalogue, venue.snapshot, {coin: round(closes * away)})
                need = trials.judge(there)
                if round(closes * away) * sign < price * sign:  # Else it is before today's price.
                    assert (need.margin_equity >= need.maintenance) == stands, (number, side, away)
                    checked += 1
    assert checked > 40


class Source:
    """An engine as the monitor sees the writer."""

    def __init__(self, engine: Engine) -> None:
        self.turns, self._engine = Turns(), engine
        self.breaks = False

    def read(self, ask: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.breaks:
            future.set_exception(ValueError("nobody there"))
        else:
            future.set_result(ask(self._engine))
        return future


def test_the_thread_publishes_fails_and_heals() -> None:
    crash = Crash(200)
    source = Source(crash.engine)
    monitor = Monitor(source, every_s=0.01)
    heard = threading.Event()
    monitor.listen(heard.set)
    assert monitor.systemic_shown()["state"] == "waiting"
    assert monitor.ladder_shown("BTC") is None
    monitor.start()
    try:
        assert heard.wait(60)
        shown = monitor.systemic_shown()
        assert (shown["state"], shown["sequence"]) == ("live", crash.engine.sequence)
        assert [one["coin"] for one in shown["coins"]] == list(monitor.coins) == ["BTC", "ETH"]
        assert [law["law"] for law in shown["coins"][0]["fall"]["by_law"]] == [
            "no impact", "linear", "exponential", "sqrt", "constant_product",
        ]  # fmt: skip
        head = monitor.headline_shown()
        assert head["system"]["fall"]["r0"] == shown["system"]["fall"]["r0"]
        assert (
            head["coins"][1]["rise"]["to_empty_fund"]
            == (shown["coins"][1]["rise"]["to_empty_fund"])
        )
        source.breaks = True
        _until(lambda: monitor.systemic_shown()["state"] == "failed")
        assert "nobody there" in monitor.systemic_shown()["failure"]
        source.breaks = False
        crash.tick()
        _until(lambda: monitor.systemic_shown()["sequence"] == crash.engine.sequence)
        assert monitor.systemic_shown()["state"] == "live"
    finally:
        began = time.monotonic()
        monitor.stop()
    assert time.monotonic() - began < 5


def _until(true: Any) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_before_the_first_price_there_is_no_moment() -> None:
    engine = Engine()
    assert moment_of(engine, None) is None
    rules = read(RULES)
    engine.apply(Started(time_ms=1, rulebook=rules.canonical()))
    assert moment_of(engine, None) is None


def test_an_empty_venue_is_read_and_then_followed() -> None:
    engine, follower = Engine(), Follower(Assumptions())
    engine.apply(Started(time_ms=1, rulebook=read(RULES).canonical()))
    engine.apply(Priced(time_ms=1, price=((0, 10**10), (1, 60_000 * 10**10))))
    nothing = moment_of(engine, None)
    assert nothing is not None
    assert follower.follow(nothing).sides == {}
    perpetual = Instrument(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
        lot=10**5, tick=10**9,
    )  # fmt: skip
    engine.apply(Listed(time_ms=1, instruments=(perpetual,)))
    listed = moment_of(engine, nothing)
    assert listed is not None
    fall, rise = follower.follow(listed).sides[1]
    assert (fall.ladder.closing.account.size, rise.ladder.closing.account.size) == (0, 0)
    assert fall.under["linear"].here == 0.0
    # 10 million of depth are assumed: 166.67 coins at 60,000.
    assert fall.depth == (False, pytest.approx(10_000_000 / 60_000), 0.01)
    engine.apply(Opened(time_ms=1, names=("ann", "ben"), methods=("cross", "cross")))
    for name, dollars in (("ann", 1_000), ("ben", 100_000)):
        number = engine.account(name)
        engine.apply(Deposited(time_ms=1, account=number, coin=0, atoms=dollars * 10**6))
    engine.apply(
        Traded(
            time_ms=1,
            instrument=0,
            buyer=engine.account("ann"),
            seller=engine.account("ben"),
            lots=100,
            price=60_000 * 10**10,
        )
    )
    traded = moment_of(engine, listed)
    assert traded is not None
    fall, rise = follower.follow(traded).sides[1]
    # 0.1 coins: 1,000 + 0.1·(p − 60,000) is above 0.0025·p down to 5,000 ÷ 0.0975.
    assert fall.ladder.price.tolist() == [pytest.approx(5_000 / 0.0975, rel=1e-7)]
    assert fall.ladder.failing.key.tolist() == [pytest.approx(50_000, rel=1e-7)]
    assert rise.ladder.closing.account.size == 0


def test_rows_that_did_not_change_are_not_copied() -> None:
    crash = Crash(200)
    first = moment_of(crash.engine, None)
    now = crash.engine.time_ms
    crash.engine.apply(Priced(time_ms=now, price=((0, crash.engine.snapshot.price[0]),)))
    second = moment_of(crash.engine, first)
    assert isinstance(first, Moment)
    assert isinstance(second, Moment)
    assert second.rows is first.rows
    assert second.sequence == first.sequence + 1
    number = FIRST_ACCOUNT
    crash.engine.apply(Deposited(time_ms=now, account=number, coin=0, atoms=1))
    third = moment_of(crash.engine, second)
    assert isinstance(third, Moment)
    assert third.rows is not first.rows
    from seawall.service.monitor.moment import changed

    assert np.flatnonzero(changed(second, third)).tolist() == [OUTSIDE, number]


def test_assumptions_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "assumed.toml"
    file.write_text("notional = 5_000_000\nlaw = 'sqrt'\n")
    assert read_assumptions(file) == Assumptions(notional=5e6, law="sqrt")
    for text, said in (
        ("wdith = 0.1", "wdith"),
        ("width = 0", "width"),
        ("width = 'a'", r"\$.width"),
        ("=", "assumed.toml"),
    ):
        file.write_text(text)
        with pytest.raises(AssumptionError, match=said):
            read_assumptions(file)
    with pytest.raises(AssumptionError, match=r"nowhere\.toml: No such file"):
        read_assumptions(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"within": 0.0}, "within"), ({"notional": 0.0}, "notional"), ({"tolerance": -1.0}, "tol"),
     ({"law": "cubic"}, "law"), ({"fall_most": 1.0}, "fall_most")],
)  # fmt: skip
def test_an_assumption_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AssumptionError, match=said):
        Assumptions(**wrong)
