"""Whatever the rules of the waterfall: value is conserved, and nobody gives more than they gained.

Random books meet random crashes through `Engine.apply`; the book answers some orders and misses
others. `Engine.check` holds after each event, so every asset still sums to zero.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Deleveraged,
    Effects,
    FundPaid,
    Liquidated,
    LossShared,
    OrderWanted,
    Redistributed,
    TakenOver,
    Uncovered,
    WaterfallDone,
    Withheld,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Listed,
    Opened,
    Priced,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.losses.waterfall import waterfall_report
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.market import Instrument

ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
ATOM = ONE // 10**6  # One atom of USDC in numeraire atoms.
INVERSE, LINEAR = range(2)
INSTRUMENTS = (
    Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
               lot=100 * ONE, tick=ONE // 10, inverse=True),
    Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
               lot=10**5, tick=ONE // 10),
)  # fmt: skip
RULES = """
format = 1
name = "laws"
version = "2026-01-01.1"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}
coins = [{{ id = "USDC", decimals = 6 }}, {{ id = "BTC", decimals = 8 }}]
liquidation = {{ order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }}
deleveraging = {{ ranking = "{ranking}", price = "{price}", cap_ratio = {cap} }}
loss_sharing = {{ rule = "{rule}" }}
{backstop}
[margin.cross]
method = "tiered"
brackets.BTC = [{{ above = 0, initial = 0.1, maintenance = 0.05 }}]
{funds}
"""
FUNDS = """
[[funds]]
name = "ring"
markets = ["BTC"]
event_cap = 0.3
fee_share = 2
target = 5_000
[[funds]]
name = "insurance_fund"
fee_share = 1
"""
BACKSTOP = 'backstop = {{ account = "u0", notional_max = {limit}, below_ratio = {below} }}'
NOBODY = 'backstop = { account = "nobody", notional_max = 0 }'  # So that stages are told.
NAMES = tuple(f"u{n}" for n in range(6))


class Rules(NamedTuple):
    ranking: str
    price: str
    cap: str
    rule: str
    backstop: str
    funds: str


RANKINGS = ("profit_times_leverage", "pro_rata", "capped_pro_rata", "random")
PRICES = ("bankruptcy", "mark", "previous_mark")
SHARINGS = ("pro_rata", "withdrawal_haircut", "per_contract", "redistribution")
BACKSTOPS = (
    "", *(BACKSTOP.format(limit=n, below=b) for n in (0, 2_000, 10**7) for b in (0, 0.7)),
)  # fmt: skip
rules = st.builds(
    Rules,
    ranking=st.sampled_from(RANKINGS),
    price=st.sampled_from(PRICES),
    cap=st.sampled_from(["0.1", "0.5", "1"]),
    rule=st.sampled_from(SHARINGS),
    backstop=st.sampled_from(BACKSTOPS),
    funds=st.sampled_from(["", FUNDS]),
)
user = st.integers(0, len(NAMES) - 1)
prices = st.integers(20_000, 110_000).map(lambda dollars: dollars * ONE)
trades = st.tuples(
    st.just("trade"), user, user, st.sampled_from([10, 100, 160, 400, 900]), st.sampled_from([0, 1])
)
funds = st.tuples(st.just("fund"), st.sampled_from([5, 100, 1_000]))
turns = st.one_of(
    trades,
    funds,
    st.tuples(st.just("tick"), prices, st.sampled_from([0, 20, 10_000])),
    st.tuples(st.just("fill"), st.integers(90, 110), st.integers(0, 2)),
    st.tuples(st.just("withdraw"), user, st.integers(1, 2_000)),
)
steps = st.tuples(
    st.lists(funds, max_size=1),
    st.lists(trades, min_size=2, max_size=6),
    st.lists(turns, min_size=4, max_size=16),
).map(lambda parts: [step for part in parts for step in part])
SOME = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Watched:
    """An engine whose every event is checked, and the profits that stood before it."""

    def __init__(self, chosen: Rules) -> None:
        self.engine = Engine()
        self.told: list[Effects] = []
        self.events: list[Events] = []
        self.time_ms = NOW
        self.price = 60_000 * ONE
        self.wanted: list[OrderWanted] = []
        self.rules = read(RULES.format(**chosen._asdict()))
        self.send(Started(time_ms=NOW, rulebook=self.rules.canonical()))
        self.send(Listed(time_ms=NOW, instruments=INSTRUMENTS))
        self.send(Opened(time_ms=NOW, names=NAMES, methods=("cross",) * len(NAMES)))
        for number, name in enumerate(NAMES):
            account = self.engine.account(name)
            for coin, atoms in ((USDC, 10**9 * (1 + number)), (BTC, 10**6 * number)):
                if atoms:
                    self.send(Deposited(time_ms=NOW, account=account, coin=coin, atoms=atoms))
        self.tick(self.price, 10_000)

    def send(self, event: Events) -> tuple[Effects, ...]:
        rows = self._rows() if self.engine.sequence > 2 else {}
        effects = self.engine.apply(event)
        self.engine.check()
        self.events.append(event)
        self.told.extend(effects)
        self.wanted.extend(effect for effect in effects if isinstance(effect, OrderWanted))
        if rows:
            self._nobody_is_deleveraged_into_a_loss(effects, rows)
            self._funds_keep_to_their_caps(effects)
            self._a_backstop_carries_what_it_takes(effects, rows)
        return effects

    def tick(self, price: int, depth: int) -> None:
        self.time_ms += 1_000
        self.price = price
        self.send(
            Priced(
                time_ms=self.time_ms, price=((USDC, ONE), (BTC, price)),
                mark=((LINEAR, price), (INVERSE, price)),
                depth=((LINEAR, depth, depth), (INVERSE, depth, depth)),
            )
        )  # fmt: skip

    def step(self, kind: str, *given: int) -> None:
        number = [self.engine.account(name) for name in NAMES]
        if kind == "tick":
            self.tick(*given)
        elif kind == "trade":
            buyer, seller, lots, instrument = given
            self.send(
                Traded(time_ms=self.time_ms, instrument=instrument, buyer=number[buyer],
                       seller=number[seller], lots=lots, price=self.price)
            )  # fmt: skip
        elif kind == "withdraw":
            account, dollars = given
            self.send(
                Withdrawn(
                    time_ms=self.time_ms, account=number[account], coin=USDC, atoms=dollars * 10**6
                )
            )
        elif kind == "fund":
            for fund in self.engine.venue.funds:
                self.send(
                    Deposited(time_ms=self.time_ms, account=fund, coin=USDC, atoms=given[0] * 10**6)
                )
        elif self.wanted:
            order = self.wanted.pop(0)
            percent, parts = given
            lots = abs(order.lots) * parts // 2
            price = self.price * percent // 100 if lots else 0
            self.send(Filled(time_ms=self.time_ms, order=order.order, lots=lots, price=price))

    def _rows(self) -> dict[int, dict[int, int]]:
        users = range(FIRST_ACCOUNT, len(self.engine.names))
        return {account: dict(self.engine.ledger.rows(account)) for account in users}

    def _nobody_is_deleveraged_into_a_loss(
        self, effects: tuple[Effects, ...], rows: dict[int, dict[int, int]]
    ) -> None:
        """What each one gave up in an instrument is within the profit that it had there.

        Less a rounding of a cash leg for each take: half an atom of what is paid in.
        """
        venue = self.engine.venue
        given: dict[tuple[int, int], list[int]] = {}
        for effect in effects:
            if isinstance(effect, Deleveraged):
                given.setdefault((effect.counterparty, effect.instrument), []).append(effect.taken)
        value = venue.tables.exact(0).value if given else ()
        for (account, instrument), taken in given.items():
            lots = venue.catalogue.lot_asset[instrument]
            cash = venue.catalogue.cash_asset[instrument]
            held = rows[account]
            profit = held.get(lots, 0) * value[lots] + held.get(cash, 0) * value[cash]
            rounding = len(taken) * (value[cash] // 2 + 1)
            assert max(taken) <= 0 or sum(taken) <= profit + rounding

    def _a_backstop_carries_what_it_takes(
        self, effects: tuple[Effects, ...], rows: dict[int, dict[int, int]]
    ) -> None:
        """Unless it was asked for something else later in the same event."""
        taken = [effect for effect in effects if isinstance(effect, TakenOver)]
        others = (Deleveraged, LossShared, Redistributed, Liquidated)
        if not taken or any(isinstance(effect, others) for effect in effects):
            return
        venue, rule = self.engine.venue, self.rules.backstop
        assert rule is not None
        verdict = venue.judge(taken[0].backstop)
        assert verdict.margin_equity >= verdict.initial
        notional = venue.tables.exact(0).notional
        before, after = (
            sum(abs(held.get(asset, 0)) * notional[asset] for asset in venue.catalogue.lot_asset)
            for held in (rows[taken[0].backstop], dict(venue.ledger.rows(taken[0].backstop)))
        )
        assert after <= max(before, rule.notional_max * ONE)

    def _funds_keep_to_their_caps(self, effects: tuple[Effects, ...]) -> None:
        venue = self.engine.venue
        paid: dict[int, int] = {}
        for effect in effects:
            if isinstance(effect, FundPaid):
                paid[effect.fund] = paid.get(effect.fund, 0) + effect.atoms
        for rule, fund in zip(self.rules.funds, venue.funds, strict=False):
            if fund in paid:
                had = paid[fund] + venue.worth_of(fund)
                assert paid[fund] <= had * rule.event_cap + 2 * ATOM


def run(chosen: Rules, play: list[tuple[object, ...]]) -> Watched:
    watched = Watched(chosen)
    for step in play:
        watched.step(*step)
    return watched


@SOME
@given(chosen=rules, play=steps)
def test_every_stage_conserves_value_and_hands_down_an_exact_remainder(
    chosen: Rules, play: list[tuple[object, ...]]
) -> None:
    watched = run(chosen, play)
    engine = watched.engine
    for order in watched.wanted:
        engine.apply(Filled(time_ms=watched.time_ms, order=order.order, lots=0, price=0))
    for instrument in range(2):
        watched.send(Settled(time_ms=watched.time_ms, instrument=instrument, price=watched.price))
    told = watched.told
    for done in (effect for effect in told if isinstance(effect, WaterfallDone)):
        assert done.needed == done.from_funds + done.shared + done.uncovered
        assert min(done.needed, done.from_funds, done.shared, done.uncovered) >= 0
    report = waterfall_report(told)
    assert report.deleveraging.needed >= 0
    owed = sum(effect.atoms for effect in told if isinstance(effect, Uncovered))
    assert owed == sum(atoms for _, atoms in report.uncovered)
    venue = engine.venue
    if not venue.unshared:  # Clearing is a place to pass through.
        assert engine.ledger.rows(2) == []
    assert all(atoms > 0 for fund in venue.funds for _, atoms in engine.ledger.rows(fund))
    assert chosen.rule == "withdrawal_haircut" or not report.withheld
    for account in range(FIRST_ACCOUNT, len(engine.names)):
        if venue.status[account] == State.CLOSED:
            assert all(atoms >= 0 for _, atoms in engine.ledger.rows(account))


@SOME
@given(chosen=rules, play=steps, cut=st.integers(0, 20))
def test_a_replay_and_a_checkpoint_draw_and_pay_alike(
    chosen: Rules, play: list[tuple[object, ...]], cut: int
) -> None:
    watched = run(chosen, play)
    again, restored = Engine(), Engine()
    for number, event in enumerate(watched.events):
        if number == len(watched.events) * cut // 20:
            restored = Engine.restore(restored.dump())
        again.apply(event)
        restored.apply(event)
    assert again.state_hash() == restored.state_hash() == watched.engine.state_hash()


@SOME
@given(
    shorts=st.lists(st.integers(1, 400), min_size=1, max_size=5),
    fall=st.integers(11, 60),
    ranking=st.sampled_from(["pro_rata", "profit_times_leverage", "random"]),
)
def test_at_the_bankruptcy_price_exactly_what_is_needed_is_taken(
    shorts: list[int], fall: int, ranking: str
) -> None:
    """One long against some shorts, broke by a fall of more than its tenth: all lots go, and what
    is given up is what is lacking, but for the rounding of a price and of each cash leg."""
    watched = Watched(Rules(ranking, "bankruptcy", "1", "pro_rata", NOBODY, ""))
    number = [watched.engine.account(name) for name in NAMES]
    lots = sum(shorts)
    margin = lots * 6 * 10**6  # 10 % of 60 dollars each, and the deposits of the set-up.
    for account in number:
        atoms = margin * 20
        watched.send(Deposited(time_ms=NOW + 1_000, account=account, coin=USDC, atoms=atoms))
    long = number[0]
    for short, size in zip(number[1:], shorts, strict=False):
        watched.step("trade", 0, number.index(short), size, LINEAR)
    venue = watched.engine.venue
    spare = venue.ledger.balance(long, USDC) - margin
    watched.send(Withdrawn(time_ms=NOW + 1_000, account=long, coin=USDC, atoms=spare))
    watched.tick(60_000 * ONE * (100 - fall) // 100, 0)
    takes = [effect for effect in watched.told if isinstance(effect, Deleveraged)]
    assert sum(one.lots for one in takes) == lots
    assert watched.engine.ledger.rows(long) == []
    lacked = lots * 60 * ONE * (fall - 10) // 100
    rounding = len(takes) * ATOM + lots * 10**5 // 10**8 + 1
    assert abs(sum(one.needed for one in takes) - lacked) <= len(takes)
    assert abs(sum(one.taken for one in takes) - lacked) <= rounding


def drawn(dice: random.Random) -> tuple[Rules, list[tuple[object, ...]]]:
    """A play in which somebody fails: leverage up to the hilt, then two large moves."""
    chosen = Rules(
        dice.choice(RANKINGS), dice.choice(PRICES), dice.choice(["0.1", "0.5", "1"]),
        dice.choice(SHARINGS), dice.choice(BACKSTOPS), dice.choice(["", FUNDS]),
    )  # fmt: skip
    play: list[tuple[object, ...]] = [("fund", dice.choice([1, 50, 3_000]))]
    for _ in range(6):
        buyer, seller = dice.sample(range(len(NAMES)), 2)
        play.append(("trade", buyer, seller, dice.choice([100, 160, 400]), dice.randrange(2)))
    for _ in range(3):
        play.append(("withdraw", dice.randrange(len(NAMES)), 500))
        play.append(("tick", dice.randint(25_000, 100_000) * ONE, dice.choice([0, 20, 10_000])))
        play.extend(("fill", dice.randint(92, 108), dice.randrange(3)) for _ in range(3))
    play.extend(("withdraw", account, 200) for account in range(len(NAMES)))
    return chosen, play


def test_the_laws_see_every_stage() -> None:
    """Otherwise the laws above would hold of nothing: a hundred fixed plays meet all of them."""
    dice = random.Random(20_231_117)
    seen: set[type] = set()
    for _ in range(100):
        seen.update(type(effect) for effect in run(*drawn(dice)).told)
    assert {
        Deleveraged, FundPaid, Liquidated, LossShared, Redistributed, TakenOver, Uncovered,
        WaterfallDone, Withheld,
    } <= seen  # fmt: skip
