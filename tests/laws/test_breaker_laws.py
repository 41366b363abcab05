"""What holds of oracles and circuit breakers in the engine, whatever happens and in which order.

Permissions only shrink while nothing is heard; what is halted moves no value but deposits; a
restored engine remembers every window; the windows are what a list of everything would say.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import BreakerChanged, Liquidated, OrderWanted, PriceRefused, Refused
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Observed,
    Opened,
    Overridden,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.engine.state.watch import Band, Sum
from seawall.engine.watching import gate
from seawall.market import Instrument
from seawall.market.oracle import Report, Status

RULES = """
format = 1
name = "breaker-laws"
version = "2026-01-01.1"
cash = "USDC"
operators = ["ann", "ben"]
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "ETH", decimals = 8 },
]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
brackets.ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[oracle.BTC]
sources_min = 2
age_max_ms = 10_000
outlier_ratio = 0.05
confidence_ratio_max = 0.05
deviation_ratio_max = 0.1
deviation_window_ms = 5_000
heartbeat_ms = 2_000
trigger_ratio = 0.01
withdrawal_age_max_ms = 12_000
liquidation_age_max_ms = 30_000
on_refusal = RULE

[breakers.band]
rule = "price_band"
scope = "market"
move_max = 0.25
window_ms = 20_000
cool_down_ms = 7_000

[breakers.rate]
rule = "liquidation_rate"
scope = "account"
notional_max = 2_000
window_ms = 15_000
cool_down_ms = 5_000

[breakers.fund]
rule = "fund_draw_down"
mode = "reduce_only"
share_max = 0.5
window_ms = 60_000
cool_down_ms = 9_000

[breakers.mint]
rule = "mint_rate"
scope = "account"
coin = "ETH"
net_max = 3
window_ms = 9_000
cool_down_ms = 4_000

[breakers.twin]
rule = "disagreement"
audits = 2
"""
REFUSALS = (
    '{ rule = "freeze" }',
    '{ rule = "reduce_only" }',
    '{ rule = "last_good", within_ms = 8_000, widening_ratio = 0.5 }',
)
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC, ETH = range(3)
USERS = 3
rules = st.sampled_from(REFUSALS)
seeds = st.integers(0, 2**32 - 1)


def opened(on_refusal: str) -> list[Events]:
    contracts = tuple(
        Instrument(id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC",
                   settle="USDC", lot=10**6, tick=1)
        for coin in ("BTC", "ETH")
    )  # fmt: skip
    text = read(RULES.replace("RULE", on_refusal)).canonical()
    return [
        Started(time_ms=NOW, rulebook=text),
        Listed(time_ms=NOW, instruments=contracts),
        Opened(time_ms=NOW, names=("a", "b", "c"), methods=("cross",) * USERS),
        Priced(time_ms=NOW, price=((USDC, ONE), (ETH, 3_000 * ONE))),
        reported(NOW, 60_000 * ONE, 60_000 * ONE, 60_000 * ONE),
        *(Deposited(time_ms=NOW, account=FIRST_ACCOUNT + n, coin=USDC, atoms=(n + 1) * 10**9)
          for n in range(USERS)),
        Deposited(time_ms=NOW, account=3, coin=USDC, atoms=10**9),
        *(Traded(time_ms=NOW, instrument=contract, buyer=FIRST_ACCOUNT + buyer,
                 seller=FIRST_ACCOUNT + 2, lots=lots, price=price)
          for contract, buyer, lots, price in ((0, 0, 12, 60_000 * ONE), (1, 1, 500, 3_000 * ONE))),
    ]  # fmt: skip


def reported(time_ms: int, *prices: int, status: Status = Status.TRADING) -> Observed:
    return Observed(time_ms=time_ms, coin=BTC, reports=tuple(
        Report(name, price, price // 1_000, time_ms, status)
        for name, price in zip("abc", prices, strict=False)
    ))  # fmt: skip


def drawn(dice: random.Random, time_ms: int, price: dict[int, int]) -> Events:
    """One event of any kind, some of them refused."""
    account = FIRST_ACCOUNT + dice.randrange(USERS)
    other = FIRST_ACCOUNT + dice.randrange(USERS)
    kinds = {"report": 8, "tick": 8, "trade": 8, "silence": 3, "deposit": 3, "withdraw": 3,
             "fund": 2, "operators": 1}  # fmt: skip
    (kind,) = dice.choices(tuple(kinds), tuple(kinds.values()))
    if kind in ("report", "tick"):
        coin = BTC if kind == "report" else ETH
        price[coin] = max(
            ONE, price[coin] * dice.choice((70, 85, 93, 97, 99, 100, 101, 104, 106)) // 100
        )
        if kind == "tick":
            return Priced(time_ms=time_ms, price=((ETH, price[ETH]),), mark=((1, price[ETH]),),
                          depth=((0, 40, 40), (1, 400, 400)))  # fmt: skip
        away = [price[BTC] * dice.choice((100, 100, 100, 80)) // 100 for _ in range(3)]
        told = away[: dice.randint(1, 3)]
        return reported(time_ms, *told, status=dice.choice(tuple(Status)))
    if kind == "silence":
        return Observed(time_ms=time_ms, coin=BTC)
    if kind == "trade":
        contract = dice.randrange(2)
        return Traded(time_ms=time_ms, instrument=contract, buyer=account, seller=other,
                      lots=dice.randint(1, 30), price=price[(BTC, ETH)[contract]])  # fmt: skip
    coin = dice.choice((USDC, ETH))
    if kind == "deposit":
        return Deposited(time_ms=time_ms, account=account, coin=coin, atoms=dice.randint(1, 10**9))
    if kind == "withdraw":
        return Withdrawn(time_ms=time_ms, account=account, coin=coin, atoms=dice.randint(1, 10**8))
    if kind == "fund":
        return Funded(time_ms=time_ms, instrument=1, rate=dice.randint(-(10**6), 10**6))
    scope = dice.choice(tuple(Scope))
    mode = dice.choice((*Mode, Mode.OPEN, Mode.OPEN))
    subject = account if scope is Scope.ACCOUNT else dice.randrange(3)
    return Overridden(time_ms=time_ms, scope=scope, mode=mode, first="ann", second="ben",
                      reason="drill", subject=subject)  # fmt: skip


def lived(seed: int, on_refusal: str) -> tuple[list[Events], Engine]:
    """A history with an answer to every order, checked after every event."""
    dice = random.Random(seed)
    events: list[Events] = []
    engine = Engine()
    price = {BTC: 60_000 * ONE, ETH: 3_000 * ONE}

    def send(event: Events) -> None:
        events.append(event)
        for effect in engine.apply(event):
            if isinstance(effect, OrderWanted):
                send(Filled(time_ms=event.time_ms, order=effect.order, price=effect.limit,
                            lots=abs(effect.lots) * dice.randrange(3) // 2))  # fmt: skip
        engine.check()

    for event in opened(on_refusal):
        send(event)
    time_ms = NOW
    for _ in range(dice.randint(5, 70)):
        time_ms += dice.choice((0, 1, 700, 3_000, 9_000))
        send(drawn(dice, time_ms, price))
    return events, engine


@settings(max_examples=40, deadline=None)
@given(seed=seeds, on_refusal=rules, data=st.data())
def test_an_engine_restored_anywhere_remembers_every_window(
    seed: int, on_refusal: str, data: st.DataObject
) -> None:
    events, engine = lived(seed, on_refusal)
    cut = data.draw(st.integers(0, len(events)))
    first = Engine()
    for event in events[:cut]:
        first.apply(event)
    restored = Engine.restore(first.dump())
    assert restored.dump() == first.dump()
    assert restored.state_hash() == first.state_hash()
    for event in events[cut:]:
        assert restored.apply(event) == first.apply(event)
    assert (restored.state_hash(), restored.chain) == (engine.state_hash(), engine.chain)


def test_histories_reach_what_they_should() -> None:
    """Refused prices, tripped and cooled breakers, liquidations: else the laws prove little."""
    seen: set[str] = set()
    for seed in range(40):
        engine = Engine()
        for event in lived(seed, REFUSALS[seed % 3])[0]:
            for effect in engine.apply(event):
                if isinstance(effect, BreakerChanged):
                    seen.update((effect.cause.value, effect.breaker, effect.mode.name))
                elif isinstance(effect, Refused):
                    seen.add(effect.reason.value)
                elif isinstance(effect, PriceRefused | Liquidated):
                    seen.add(type(effect).__name__)
    assert seen >= {
        "limit", "cool_down", "operators", "band", "rate", "mint", "OPEN", "HALTED", "REDUCE_ONLY",
        "halted", "reduce_only", "price_too_old", "price_refused", "PriceRefused", "Liquidated",
    }, seen  # fmt: skip
    assert "twin" not in seen, "the screen and the integers disagreed"


@settings(max_examples=40, deadline=None)
@given(seed=seeds, on_refusal=rules, waits=st.lists(st.integers(0, 20_000), max_size=6))
def test_permissions_only_shrink_while_nothing_is_heard(
    seed: int, on_refusal: str, waits: list[int]
) -> None:
    _, engine = lived(seed, on_refusal)
    venue = engine.venue
    venue.watch.standing.clear()  # A cool-down gives back; an oracle's age does not.
    before: dict[object, bool] = {}
    for wait in (0, *waits):
        venue.time_ms += wait
        for account in range(FIRST_ACCOUNT, FIRST_ACCOUNT + USERS):
            seller = FIRST_ACCOUNT + (account + 1) % USERS
            trade = Traded(
                time_ms=venue.time_ms, instrument=0, buyer=account, seller=seller, lots=1, price=ONE
            )
            now = {
                ("liquidate", account): gate.may_liquidate(venue, account),
                ("withdraw", account): gate.withdrawal_refusal(venue, account, USDC) is None,
                ("trade", account): gate.trade_refusal(venue, trade, 1) is None,
            }
            for key, allowed in now.items():
                assert before.get(key, True) or not allowed, key
                before[key] = allowed


@settings(max_examples=40, deadline=None)
@given(seed=seeds, on_refusal=rules, after=seeds)
def test_a_halted_venue_moves_no_value_but_deposits(seed: int, on_refusal: str, after: int) -> None:
    _, engine = lived(seed, on_refusal)
    halt = Overridden(time_ms=engine.time_ms, scope=Scope.ALL, mode=Mode.HALTED, first="ann",
                      second="ben", reason="drill")  # fmt: skip
    engine.apply(halt)
    for order in list(engine.venue.orders):  # What was asked for before is answered: nobody sold.
        engine.apply(Filled(time_ms=engine.time_ms, order=order, lots=0, price=0))
    dice = random.Random(after)
    price = {BTC: 60_000 * ONE, ETH: 3_000 * ONE}
    time_ms = engine.time_ms
    for _ in range(20):
        time_ms += dice.choice((0, 700, 9_000))
        event = drawn(dice, time_ms, price)
        if isinstance(event, Overridden | Funded):
            continue
        rows = [engine.ledger.rows(account) for account in range(FIRST_ACCOUNT + USERS)]
        status = engine.venue.status.tolist()
        effects = engine.apply(event)
        engine.check()
        assert not [one for one in effects if isinstance(one, OrderWanted | Liquidated)]
        if not isinstance(event, Deposited):
            assert rows == [engine.ledger.rows(one) for one in range(FIRST_ACCOUNT + USERS)]
            worse = zip(status, engine.venue.status.tolist(), strict=True)
            assert not any(is_now >= 2 > was for was, is_now in worse), "somebody was called"


steps = st.lists(st.tuples(st.integers(0, 9), st.integers(-50, 50)), max_size=40)


@given(steps=steps, window_ms=st.integers(1, 20))
def test_a_sum_is_of_the_amounts_within_its_window(
    steps: list[tuple[int, int]], window_ms: int
) -> None:
    window, told, now_ms = Sum(), [], 0
    for wait, amount in steps:
        now_ms += wait
        told.append((now_ms, amount))
        expected = sum(a for time_ms, a in told if time_ms > now_ms - window_ms)
        assert window.add(amount, now_ms, window_ms) == expected == window.total


@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 50)), min_size=1, max_size=40),
    window_ms=st.integers(1, 20),
)
def test_a_band_is_of_the_prices_that_stood_within_its_window(
    steps: list[tuple[int, int]], window_ms: int
) -> None:
    band, told, now_ms = Band(), [], 0
    for wait, price in steps:
        now_ms += wait
        told.append((now_ms, price))
        ends = [time_ms for time_ms, _ in told[1:]]
        stood = [p for (_, p), end in zip(told, ends, strict=False) if end > now_ms - window_ms]
        distance, other = band.seen(price, now_ms, window_ms)
        expected = max((abs(price - p) / p for p in stood), default=0.0)
        assert distance / other == pytest.approx(expected, abs=1e-12)
