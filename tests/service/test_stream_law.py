"""A law: a snapshot and the updates after it are what a fresh look shows, after every action.

A real writer with a real engine and journal does random things; a client applies what the tapes
say, and now and then begins anew with a snapshot. Compared is with the answers of the same name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seawall.engine import Engine
from seawall.engine.event import (
    AuctionTaken,
    Deposited,
    Event,
    Filled,
    Listed,
    Observed,
    Opened,
    Overridden,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT, INSURANCE_FUND
from seawall.market import Instrument
from seawall.market.oracle import Report
from seawall.service.client.stream import Snapshot, State, Update
from seawall.service.live import Live
from seawall.service.live import live as publisher
from seawall.service.live.overview import overview_shown
from seawall.service.shown import losses_views, venue_views, views
from seawall.service.writer import Writer

PEOPLE = 12
ONE, NOW = 10**10, 1_767_225_600_000
KEYED = ("prices", "calls", "liquidations", "orders", "auctions", "breakers", "funds")
WHOLE = ("overview", "accounts/p3", "accounts/p7", "deleveraging/BTC/USDC:USDC")
Built = Callable[[Engine, int], Event]


def perpetual(coin: str) -> Instrument:
    return Instrument(
        id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
        lot=10**5, tick=ONE // 10,
    )  # fmt: skip


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    """All channels, without their pace: each look shows this very moment."""
    for name, number in (("REST", 0.0), ("ROUND_S", 60.0), ("KEYED_S", 0.0), ("PRICES_S", 0.0),
                         ("WHOLE_S", 0.0), ("QUEUE_S", 0.0)):  # fmt: skip
        monkeypatch.setattr(publisher, name, number)
    return Live()


@pytest.fixture
def writer(tmp_path: Path, rules: str, live: Live) -> Iterator[Writer]:
    """A venue with two markets, where ETH is auctioned and BTC is asked for on a book."""
    where = tmp_path / "venue.db"
    Journal.create(where).close()
    clock = iter(range(NOW, NOW + 10**9, 1_000))
    writer = Writer(lambda: Primary.open(where), now_ms=lambda engine: next(clock))
    writer.publish_to(live)
    writer.start()
    while writer.state != "ready":
        pass
    people = tuple(f"p{n}" for n in range(PEOPLE))
    methods = tuple("patient" if n % 2 else "cross" for n in range(PEOPLE))
    for event in (
        Started(time_ms=NOW, rulebook=read(rules).canonical()),
        Opened(time_ms=NOW, names=people, methods=methods),
        Listed(time_ms=NOW, instruments=(perpetual("BTC"), perpetual("ETH"))),
        Priced(
            time_ms=NOW,
            price=tuple((coin, ONE if not coin else 60_000 * ONE) for coin in range(5)),
            mark=((0, 60_000 * ONE), (1, 60_000 * ONE)),
            depth=((0, 5_000, 5_000), (1, 5_000, 5_000)),
        ),
        Deposited(time_ms=NOW, account=INSURANCE_FUND, coin=1, atoms=10**9),
        Observed(time_ms=NOW, coin=5, reports=tuple(Report(s, 20 * ONE, 0, NOW) for s in "abc")),
    ):
        writer.submit(lambda engine, time_ms, event=event: event, None).result(30)
    yield writer
    writer.stop()


def an_action(dice: random.Random) -> Built:
    """Something that people, markets, operators or takers do."""
    one, other = dice.sample(range(FIRST_ACCOUNT, FIRST_ACCOUNT + PEOPLE), 2)
    chosen, dollars = dice.random(), dice.randint(57_000, 63_000)
    instrument, lots = dice.randrange(2), dice.randint(1, 400)

    def build(engine: Engine, time_ms: int) -> Event:
        venue = engine.venue
        if venue.orders and dice.random() < 0.3:
            number, order = dice.choice(sorted(venue.orders.items()))
            part = dice.randint(0, abs(order.lots))
            price = venue.mark(order.instrument)
            return Filled(time_ms=time_ms, order=number, lots=part, price=price)
        if venue.offers.open and dice.random() < 0.3:
            number = dice.choice(sorted(venue.offers.open))
            return AuctionTaken(
                time_ms=time_ms, auction=number, account=one, lots=lots, limit=10**15
            )
        if chosen < 0.25:
            return Deposited(time_ms=time_ms, account=one, coin=0, atoms=lots * 3_000_000)
        if chosen < 0.45:  # All that may be taken: the initial margin is left.
            need = venue.judge(one)
            free = max(1, (need.margin_equity - need.initial) // 10**4)
            return Withdrawn(time_ms=time_ms, account=one, coin=0, atoms=free)
        if chosen < 0.7:
            price = venue.mark(instrument) // (ONE // 10) * (ONE // 10)
            return Traded(
                time_ms=time_ms, instrument=instrument, buyer=one, seller=other, lots=lots,
                price=price,
            )  # fmt: skip
        if chosen < 0.73:
            mode = dice.choice((Mode.OPEN, Mode.REDUCE_ONLY, Mode.HALTED))
            return Overridden(
                time_ms=time_ms, scope=Scope.ACCOUNT, mode=mode, first="ann", second="ben",
                reason="a drill", subject=FIRST_ACCOUNT,
            )  # fmt: skip
        return tick(time_ms, instrument, dollars)

    return build


def a_fall() -> Iterator[Built]:
    """Three are long 0.1 at 60,000 with 1,000 dollars; at 52,000 they have 200 and need 260.

    Then p1 is called, p2 is asked for on the book, p4 is auctioned; p6 was on the other side.
    """
    for place, atoms in ((1, 10**9), (2, 10**9), (4, 10**9), (6, 10**12)):
        yield lambda engine, time_ms, place=place, atoms=atoms: Deposited(
            time_ms=time_ms, account=FIRST_ACCOUNT + place, coin=0, atoms=atoms
        )
    for place, instrument in ((1, 0), (2, 0), (4, 1)):
        yield lambda engine, time_ms, place=place, instrument=instrument: Traded(
            time_ms=time_ms, instrument=instrument, buyer=FIRST_ACCOUNT + place,
            seller=FIRST_ACCOUNT + 6, lots=100, price=60_000 * ONE,
        )  # fmt: skip
    for instrument, dollars in ((0, 52_000), (1, 52_000), (0, 51_900), (1, 51_900)):
        yield lambda engine, time_ms, instrument=instrument, dollars=dollars: tick(
            time_ms, instrument, dollars
        )


def tick(time_ms: int, instrument: int, dollars: int) -> Priced:
    return Priced(
        time_ms=time_ms,
        price=((1 + instrument, dollars * ONE),),
        mark=((instrument, dollars * ONE),),
        depth=((instrument, 5_000, 5_000),),
    )


class Followed:
    """One channel as a client follows it."""

    def __init__(self, name: str) -> None:
        self.name, self.state = name, State()
        self.place = 0
        self.updates = 0

    def look(self, live: Live, engine: Engine, *, anew: bool, back: bool) -> None:
        """On the writer's thread: take in what came; `back` resumes as after a lost connection."""
        live.publish(engine)
        since = self.state.sequence if back and not anew else None
        opening = live.open(self.name, since, engine)
        if anew:
            assert opening.snapshot is not None
            self.state = State()
            self.state.apply(msgspec.json.decode(opening.snapshot, type=Snapshot))
            self.place = opening.place
            return
        if back:
            assert opening.snapshot is None, "the tape holds all of it"
            assert opening.place == self.place
        messages = opening.tape.since(self.place)
        assert messages is not None
        for message in messages:
            self.state.apply(msgspec.json.decode(message.text, type=Update))
            self.updates += 1
        self.place = opening.tape.end


def fresh(engine: Engine) -> dict[str, Any]:
    """What the questions of the same names answer now."""
    calls = venue_views.calls_shown(engine)["calls"]
    for row in calls:
        del row["left_ms"]
    priced = venue_views.prices_shown(engine)
    auctions = venue_views.auctions_shown(engine)
    shown: dict[str, Any] = {
        "prices": {row["coin"]: row for row in priced["coins"]}
        | {row["instrument"]: row for row in priced["marks"]},
        "calls": {row["account"].name: row for row in calls},
        "liquidations": {
            row["account"].name: row
            for row in venue_views.liquidations_shown(engine)["liquidations"]
        },
        "orders": {str(row["order"]): row for row in venue_views.orders_shown(engine)["orders"]},
        "auctions": {str(r["auction"]): r for r in auctions["auctions"] + auctions["accounts"]},
        "breakers": {
            f"{row['scope']}/{row['subject']}/{row['breaker']}": row
            for row in venue_views.breakers_shown(engine)["standing"]
        },
        "funds": {row["fund"]: row for row in venue_views.funds_shown(engine)["funds"]},
        "overview": overview_shown(engine),
    }
    for name in WHOLE[1:3]:
        shown[name] = views.shown(engine, name.partition("/")[2])
    shown[WHOLE[3]] = losses_views.queue_shown(engine, "BTC/USDC:USDC", 10)
    return {name: unstamped(msgspec.to_builtins(state)) for name, state in shown.items()}


def unstamped(state: Any) -> Any:
    return {key: entry for key, entry in state.items() if key not in ("sequence", "time_ms")}


@pytest.mark.parametrize("seed", range(3))
def test_snapshot_and_updates_are_what_a_fresh_look_shows(
    writer: Writer, live: Live, seed: int
) -> None:
    dice = random.Random(seed)
    followed = {name: Followed(name) for name in (*KEYED, *WHOLE)}
    seen: dict[str, set[int]] = {name: set() for name in followed}

    def compare(engine: Engine, anew: set[str], back: set[str]) -> None:
        truth = fresh(engine)
        for name, one in followed.items():
            one.look(live, engine, anew=name in anew, back=name in back)
            assert unstamped(one.state.now) == truth[name], (seed, engine.sequence, name)
            seen[name].add(len(truth[name]))

    def ask(anew: set[str], back: set[str]) -> None:
        writer.read(lambda engine: compare(engine, anew, back)).result(30)

    ask(set(followed), set())
    for name in followed:  # From now on the writer publishes by itself as well.
        live.count(name, 1)
    actions = [*a_fall(), *(an_action(dice) for _ in range(250))]
    for action in actions:
        writer.submit(action, None).result(30)
        anew = {name for name in followed if dice.random() < 0.05}
        back = {name for name in followed if dice.random() < 0.2}
        ask(anew, back)
    told = {name: one.updates for name, one in followed.items()}
    assert min(told.values()) > 0, str(told)  # Else the law was not put to the test.
    assert all(len(seen[name]) > 1 for name in ("calls", "liquidations", "orders", "auctions"))


def test_the_bands_of_distance_are_the_accounts_counted_one_by_one(
    writer: Writer, live: Live
) -> None:
    """Against the exact twin: distance = headroom ÷ notional of each account, then its band."""
    dice = random.Random(11)
    for action in [*a_fall(), *(an_action(dice) for _ in range(150))]:
        writer.submit(action, None).result(30)

    def count(engine: Engine) -> tuple[dict[str, int], dict[str, Decimal], dict[str, Any]]:
        bands = [("<0", None, 0), ("0-1", 0, 1), ("1-2", 1, 2), ("2-5", 2, 5), ("5-10", 5, 10),
                 ("10-25", 10, 25), ("25-50", 25, 50), (">50", 50, None)]  # fmt: skip
        counts = dict.fromkeys([name for name, _, _ in bands] + ["none"], 0)
        sums = dict.fromkeys(("equity", "maintenance", "initial", "notional"), Decimal(0))
        for number in range(FIRST_ACCOUNT, FIRST_ACCOUNT + PEOPLE):
            line = views.line(engine.venue, number)
            assert line.verdict is not None
            assert line.notional is not None
            for name in ("equity", "maintenance", "initial"):
                sums[name] += Decimal(getattr(line.verdict, name))
            notional = Decimal(line.notional)
            sums["notional"] += notional
            if not notional:
                counts["none"] += 1
                continue
            percent = Decimal(line.verdict.headroom) / notional * 100
            for name, low, high in bands:
                if (low is None or percent >= low) and (high is None or percent < high):
                    counts[name] += 1
        return counts, sums, overview_shown(engine)

    counts, sums, shown = writer.read(count).result(30)
    assert {row["band"]: row["accounts"] for row in shown["by_distance"]} == counts
    assert sum(counts.values()) == PEOPLE
    assert sum(n > 0 for n in counts.values()) >= 3
    for name, exact in sums.items():
        assert abs(Decimal(shown["totals"][name]) - exact) <= Decimal("0.01"), name
    notional = sum(Decimal(row["notional"]) for row in shown["by_distance"])
    assert abs(notional - sums["notional"]) <= Decimal("0.1")


def test_what_follows_may_fail_and_the_venue_goes_on(writer: Writer) -> None:
    heard: list[int] = []

    def broken(engine: Engine, kept: Any) -> None:
        raise RuntimeError("not my day")

    writer.follow(broken)
    writer.follow(lambda engine, kept: heard.extend(one.sequence for one in kept))
    dice = random.Random(5)
    first = writer.sequence
    answers = [writer.submit(an_action(dice), None).result(30).sequence for _ in range(5)]
    assert heard == answers == list(range(first + 1, first + 6))
    assert writer.state == "ready"
