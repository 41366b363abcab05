"""What holds for every book and every history, however the engine is made.

The float screen only says whom to look at; exact integers decide. A row of a batch is the account
alone. Chain and state are functions of the events, and a restored engine cannot tell that it was.
"""

from __future__ import annotations

import random
from typing import NamedTuple
from unittest import mock

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.engine import Engine, State
from seawall.engine import engine as engine_module
from seawall.engine.codec import decode_event, encode_event
from seawall.engine.effect import OrderWanted
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Filled,
    Funded,
    Listed,
    Loaded,
    Opened,
    Priced,
    RulesChanged,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.engine.state.progress import Progress
from seawall.market import Instrument
from seawall.money import RATIO_ONE

RULES = """
format = 1
name = "laws"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8, haircut = 0.071 }]
call.grace_ms = { patient = 5_000 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.BTC = [
  { above = 0, initial = 0.017, maintenance = 0.0073 },
  { above = 77_777, initial = 0.031, maintenance = 0.0191 },
  { above = 1_000_000, initial = 0.1, maintenance = 0.05 },
]

[margin.patient]
method = "tiered"
brackets.BTC = [{ above = 0, initial = 0.05, maintenance = 0.025 }]

[margin.scan]
method = "scan"
moves = [-0.113, -0.05, 0, 0.05, 0.113]
initial_factor = 1.3
"""
METHODS = ("cross", "patient", "scan")
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
INVERSE, LINEAR = range(2)  # The catalogue's order.
INSTRUMENTS = (
    Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
               lot=10**5, tick=ONE // 10),
    Instrument(id="BTC/USD:BTC", type="perpetual", base="BTC", quote="USD", settle="BTC",
               lot=100 * ONE, tick=ONE // 10, inverse=True),
)  # fmt: skip
FAST = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize=False,
)  # fmt: skip


class Account(NamedTuple):
    """A long position, and how far from a line its equity stands. [atoms of USDC]"""

    method: str
    lots: int
    inverse: int
    bitcoin: int
    line: str
    distance: int


accounts = st.builds(
    Account,
    method=st.sampled_from(METHODS),
    lots=st.integers(1, 10**6),
    inverse=st.sampled_from([0, 0, 1, 73, 9_999]),
    bitcoin=st.sampled_from([0, 0, 1, 123_456_789, 10**11, 2**53 + 1]),  # The last is no float.
    line=st.sampled_from(["maintenance", "warning", "initial"]),
    distance=st.one_of(st.integers(-3, 3), st.integers(-(10**9), 10**9)),
)
books = st.lists(accounts, min_size=1, max_size=8).filter(
    lambda book: sum(account.bitcoin >= 2**53 for account in book) <= 1  # All count in 63 bits.
)
cents = st.integers(20_000_00, 90_000_00).map(lambda price: price * ONE // 100)


def opened(methods: tuple[str, ...]) -> Engine:
    engine = Engine()
    for event in (
        Started(time_ms=NOW, rulebook=read(RULES).canonical()),
        Listed(time_ms=NOW, instruments=INSTRUMENTS),
        Opened(time_ms=NOW, names=tuple(f"a{n}" for n in range(len(methods))), methods=methods),
    ):
        assert engine.apply(event) == ()
    return engine


def loaded(rows: list[tuple[int, int, int]]) -> Loaded:
    account, asset, quantity = zip(*rows, strict=True)
    return Loaded(
        time_ms=NOW, account=np.array(account, "<i4").tobytes(),
        asset=np.array(asset, "<i4").tobytes(), quantity=np.array(quantity, "<i8").tobytes(),
    )  # fmt: skip


def priced(price: int, time_ms: int = NOW, depth: int = 0) -> Priced:
    return Priced(
        time_ms=time_ms, price=((USDC, ONE), (BTC, price)),
        mark=((LINEAR, price), (INVERSE, price)),
        depth=((LINEAR, depth, depth), (INVERSE, depth, depth)),
    )  # fmt: skip


def rows_of(engine: Engine, number: int, account: Account) -> list[tuple[int, int, int]]:
    lot_asset = engine.catalogue.lot_asset
    rows = [(lot_asset[LINEAR], account.lots), (lot_asset[INVERSE], account.inverse)]
    rows.append((BTC, account.bitcoin))
    return [(FIRST_ACCOUNT + number, asset, held) for asset, held in rows if held]


def placed(book: list[Account], price: int) -> list[list[tuple[int, int, int]]]:
    """Rows of each account, with the quote that puts it so far from its line at this price.

    An atom of USDC is 10,000 numeraire atoms: a distance of 0 or 1 is on either side of the line.
    """
    scratch = opened(tuple(account.method for account in book))
    rows = [rows_of(scratch, number, account) for number, account in enumerate(book)]
    assert scratch.apply(loaded([row for part in rows for row in part])) == ()
    venue = scratch.venue
    venue.snapshot, _ = venue.snapshot.priced(
        venue.catalogue, 1, NOW, price=priced(price).price, mark=priced(price).mark
    )
    venue.tables.reprice(venue.catalogue, venue.snapshot, None)
    quote = scratch.catalogue.cash_asset[LINEAR]
    for number, account in enumerate(book):
        verdict = venue.judge(FIRST_ACCOUNT + number)
        line = {
            "maintenance": verdict.maintenance,
            "warning": verdict.maintenance * venue.rates.warning // RATIO_ONE,
            "initial": verdict.initial,
        }[account.line]
        atoms = (line - verdict.margin_equity) // (ONE // 10**6) + account.distance
        if atoms:
            rows[number].append((FIRST_ACCOUNT + number, quote, atoms))
    return rows


def at_their_lines(book: list[Account], price: int) -> Engine:
    engine = opened(tuple(account.method for account in book))
    assert engine.apply(loaded([row for part in placed(book, price) for row in part])) == ()
    return engine


@FAST
@given(book=books, price=cents)
def test_the_screen_never_overrules_the_integers(book: list[Account], price: int) -> None:
    """Whoever is exactly breached is a suspect; and states follow exact verdicts, both ways."""
    engine = at_their_lines(book, price)
    named: set[int] = set()
    original = engine_module.suspects

    def listening(*arguments: object) -> object:
        found = original(*arguments)
        named.update(suspect.account for suspect in found)
        return found

    with mock.patch.object(engine_module, "suspects", listening):
        engine.apply(priced(price))
    venue = engine.venue
    for number, account in enumerate(book, start=FIRST_ACCOUNT):
        verdict = venue.judge(number)
        breached = verdict.margin_equity < verdict.maintenance
        below = verdict.margin_equity * RATIO_ONE < verdict.maintenance * venue.rates.warning
        assert not breached or number in named, "the screen vouched for a breached account"
        assert not below or number in named, "the screen vouched for an account to be warned"
        called = State.CALLED if account.method == "patient" else State.LIQUIDATING
        expected = called if breached else State.WARNED if below else State.HEALTHY
        assert State(int(venue.status[number])) is expected, (verdict, account)


@FAST
@given(book=books, price=cents)
def test_the_screen_lies_within_its_error_bound(book: list[Account], price: int) -> None:
    engine = at_their_lines(book, price)
    engine.apply(priced(price))
    numbers, screened = engine.requirement()
    assert numbers.tolist() == list(range(FIRST_ACCOUNT, FIRST_ACCOUNT + len(book)))
    for place, (number, account) in enumerate(zip(numbers.tolist(), book, strict=True)):
        exact = engine.venue.judge(number)
        bound = screened.error_bound[place]
        if account.bitcoin >= 2**53:
            assert bound == np.inf
            continue
        for column in ("equity", "margin_equity", "initial", "maintenance"):
            away = abs(int(getattr(screened, column)[place]) - getattr(exact, column))
            assert away <= bound, column


@settings(FAST, max_examples=15)
@given(book=books, price=cents)
def test_a_row_of_a_batch_is_the_account_alone_bit_for_bit(book: list[Account], price: int) -> None:
    together = at_their_lines(book, price)
    together.apply(priced(price))
    _, batch = together.requirement()
    for number, account in enumerate(book):
        alone = at_their_lines([account], price)
        alone.apply(priced(price))
        _, single = alone.requirement()
        for column in batch._fields:
            one, other = getattr(batch, column)[number], getattr(single, column)[0]
            assert one.tobytes() == other.tobytes(), column


# -- histories -------------------------------------------------------------------------------------

KINDS = ("tick",) * 8 + ("trade",) * 10 + ("elapse",) * 3
KINDS += ("deposit", "withdraw", "fund", "rules", "settle")
# What `RULES` may change to, in the middle of whatever is under way.
CHANGES = (
    {},
    {"slippage_ratio = 0.01": "slippage_ratio = 0.02"},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, size = { size = "ramp", duration_ms = 9_000 }'},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, size = { size = "full" }, spares_harmful = true'},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, size = { size = "multiples" }, keeper_share = 0.3'},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, size = { size = "by_bracket" }, least_notional = 99'},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, size = { size = "close_factor" }'},
    {"fee_ratio = 0.005": "fee_ratio = 0.005, window_ms = 9_000, window_notional = 20_000"},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, price = { price = "fillable" }'},
    {"fee_ratio = 0.005": 'fee_ratio = 0.005, price = { price = "oracle", away = 0.001 }'},
    {"patient = 5_000 }": "patient = 5_000 }\ncall.escalate_after_ms = 1_500"},
    {"patient = 5_000 }": "patient = 9_000 }\ncall.again_within_ms = 20_000\n"
                          "call.again_grace_ratio = 0.4"},
)  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> list[tuple[str, int]]:
    dice = random.Random(seed)
    return [(dice.choice(KINDS), dice.getrandbits(30)) for _ in range(dice.randint(3, 60))]


def history(seed: int) -> tuple[list[Events], Engine]:
    """Events of a small venue, with an answer for every order; and the engine that lived them."""
    engine = opened(("cross", "cross", "patient", "scan"))
    events: list[Events] = [
        Started(time_ms=NOW, rulebook=read(RULES).canonical()),
        Listed(time_ms=NOW, instruments=INSTRUMENTS),
        Opened(time_ms=NOW, names=("a0", "a1", "a2", "a3"),
               methods=("cross", "cross", "patient", "scan")),
    ]  # fmt: skip
    queue: list[tuple[str, int]] = [("tick", 0), *(("deposit", n) for n in range(4)), *drawn(seed)]
    price, time_ms = 60_000 * ONE, NOW

    def send(event: Events) -> None:
        events.append(event)
        for effect in engine.apply(event):
            if isinstance(effect, OrderWanted):
                share = effect.order % 3  # Nothing, half, all.
                send(Filled(time_ms=time_ms, order=effect.order,
                            lots=abs(effect.lots) * share // 2, price=effect.limit))  # fmt: skip

    for kind, n in queue:
        time_ms += n % 4_001
        account, contract = FIRST_ACCOUNT + n % 4, n // 4 % 2
        if kind == "tick":
            price = max(1_000 * ONE, price * (940 + n % 118) // 1_000 // (ONE // 10) * (ONE // 10))
            send(priced(price, time_ms, depth=n % 400))
        elif kind == "trade":
            send(Traded(time_ms=time_ms, instrument=contract, buyer=account,
                        seller=FIRST_ACCOUNT + (n + 1 + n // 8 % 3) % 4, lots=1 + n // 64 % 2_000,
                        price=price // (ONE // 10) * (ONE // 10)))  # fmt: skip
        elif kind == "deposit":
            send(Deposited(time_ms=time_ms, account=account, coin=USDC, atoms=10**9 + n))
        elif kind == "withdraw":
            send(Withdrawn(time_ms=time_ms, account=account, coin=USDC, atoms=1 + n))
        elif kind == "fund":
            send(Funded(time_ms=time_ms, instrument=contract, rate=n % 10**7 - 5 * 10**6))
        elif kind == "elapse":
            send(Elapsed(time_ms=time_ms))
        elif kind == "rules":
            text = RULES
            for old, new in CHANGES[n % len(CHANGES)].items():
                text = text.replace(old, new)
            send(RulesChanged(time_ms=time_ms, rulebook=read(text).canonical()))
        else:
            send(Settled(time_ms=time_ms, instrument=contract, price=price))
        engine.check()
    return events, engine


@settings(FAST, max_examples=30)
@given(seed=seeds, data=st.data())
def test_chain_and_state_are_functions_of_the_events(seed: int, data: st.DataObject) -> None:
    events, lived = history(seed)
    again = Engine()
    for event in events:
        again.apply(decode_event(encode_event(event)))  # type: ignore[arg-type]
    assert (again.chain, again.state_hash()) == (lived.chain, lived.state_hash())

    # Any event that is left out, or a moment later, is another history.
    place = data.draw(st.integers(1, len(events) - 1))
    without, later = Engine(), Engine()
    for number, event in enumerate(events):
        if number != place:
            without.apply(event)
            later.apply(event)
        else:
            later.apply(msgspec.structs.replace(event, time_ms=event.time_ms + 1))
    assert without.chain != lived.chain
    assert later.chain != lived.chain


@settings(FAST, max_examples=30)
@given(seed=seeds, data=st.data())
def test_an_engine_restored_anywhere_goes_on_to_the_same_hash(
    seed: int, data: st.DataObject
) -> None:
    events, lived = history(seed)
    cut = data.draw(st.integers(0, len(events)))
    engine = Engine()
    for event in events[:cut]:
        engine.apply(event)
    restored = Engine.restore(engine.dump())
    assert restored.state_hash() == engine.state_hash()
    assert restored.dump() == engine.dump()
    for event in events[cut:]:
        assert restored.apply(event) == engine.apply(event)
    assert restored.state_hash() == lived.state_hash()
    assert restored.chain == lived.chain
    restored.check()


@settings(FAST, max_examples=15)
@given(seed=seeds)
def test_leaving_out_calls_that_are_not_due_changes_nothing(seed: int) -> None:
    events, lived = history(seed)

    def everybody(self: Progress, deadline: dict[int, int], *_: object) -> list[int]:
        return list(deadline)

    engine = Engine()
    with mock.patch.object(Progress, "due", everybody):
        for event in events:
            engine.apply(event)
    assert engine.state_hash() == lived.state_hash()


def test_histories_reach_what_a_restored_engine_must_remember() -> None:
    """Calls in grace, orders that nobody took, bankruptcies: else the laws above prove little."""
    seen: set[str] = set()
    for seed in range(25):
        engine = Engine()
        for event in history(seed)[0]:
            engine.apply(event)
            venue = engine.venue
            seen.update(State(status).name for status in venue.status.tolist())
            seen.update(name for name in ("deadline", "unmet", "missed") if getattr(venue, name))
    assert seen >= {"CALLED", "LIQUIDATING", "deadline", "unmet", "missed"}, seen
    assert seen & {"CLOSED", "BANKRUPT"}
