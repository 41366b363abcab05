"""What holds for every call and every liquidation, whatever the rules for size and price are."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.engine import Engine, State
from seawall.engine.effect import Called, Effects, Liquidated, OrderWanted, StateChanged, Transition
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Filled,
    Listed,
    Loaded,
    Opened,
    Priced,
    Started,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT, INSURANCE_FUND
from seawall.liquidation import Close, capped, fillable_price, without_dust
from seawall.liquidation.price import Fillable
from seawall.market import Instrument
from seawall.protocols import dydx, dydx_liquidation

RULES = """
format = 1
name = "taking laws"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }

[[coins]]
id = "USDC"
decimals = 6

[[coins]]
id = "BTC"
decimals = 8
COLLATERAL

[margin.cross]
method = "tiered"
brackets.BTC = [
  { above = 0, initial = 0.05, maintenance = 0.03 },
  { above = 300_000, initial = 0.1, maintenance = 0.06 },
]

[call]
grace_ms = { cross = GRACE }

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC = range(2)
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC",
    lot=10**5, tick=ONE // 10,
)  # fmt: skip
SIZES = (
    "",
    '[liquidation.size]\nsize = "full"',
    '[liquidation.size]\nsize = "multiples"',
    '[liquidation.size]\nsize = "close_factor"',
    '[liquidation.size]\nsize = "by_bracket"',
    '[liquidation.size]\nsize = "ramp"\nduration_ms = 5_000',
    "least_notional = 5_000",
    "spares_harmful = true",
    "keeper_share = 0.5",
    "window_ms = 2_500\nwindow_notional = 40_000",
)
LAW = settings(
    max_examples=25, deadline=None, derandomize=False,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
# Lots of the account and its margin equity at 60,000, in thousandths of the maintenance margin.
positions = st.tuples(
    st.integers(-20_000, 20_000).filter(lambda lots: lots != 0), st.integers(-300, 2_500)
)
books = st.lists(positions, min_size=1, max_size=6)
solvent = st.lists(positions.filter(lambda one: one[1] > 0), min_size=1, max_size=6)


class World:
    """A book that is priced once, and a driver that answers every order at a stated price."""

    def __init__(
        self, book: list[tuple[str, int, int]], rules: str = "", grace_ms: int = 0,
        collateral: str = "",
    ) -> None:  # fmt: skip
        text = RULES.replace("GRACE", str(grace_ms)).replace("COLLATERAL", collateral)
        self.engine, self.time_ms = Engine(), NOW
        self.effects: list[tuple[int, Effects]] = []
        names = tuple(name for name, _, _ in book)
        self.send(Started(time_ms=NOW, rulebook=read(text + rules).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        self.send(Opened(time_ms=NOW, names=names, methods=("cross",) * len(names)))
        lots, quote = (self.engine.catalogue.lot_asset[0], self.engine.catalogue.cash_asset[0])
        rows = []
        for number, (_, held, equity) in enumerate(book, start=FIRST_ACCOUNT):
            rows += [(number, lots, held), (number, quote, equity - 60 * 10**6 * held)]
        columns = list(zip(*(row for row in rows if row[2]), strict=True))
        self.send(
            Loaded(time_ms=NOW, account=np.array(columns[0], "<i4").tobytes(),
                   asset=np.array(columns[1], "<i4").tobytes(),
                   quantity=np.array(columns[2], "<i8").tobytes())
        )  # fmt: skip

    def send(self, event: Events) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        self.effects += [(event.time_ms, effect) for effect in effects]
        return effects

    def price(self, dollars: int, depth: int = 10**9) -> list[OrderWanted]:
        atoms = dollars * ONE
        event = Priced(time_ms=self.time_ms, price=((USDC, ONE), (BTC, atoms)),
                       mark=((0, atoms),), depth=((0, depth, depth),))  # fmt: skip
        return _orders(self.send(event))

    def elapse(self, later_ms: int) -> list[OrderWanted]:
        self.time_ms += later_ms
        return _orders(self.send(Elapsed(time_ms=self.time_ms)))

    def answer(self, orders: list[OrderWanted], price: int | None = None) -> None:
        """Fill everything, at a price or at the worst that was accepted, until nobody asks."""
        queue = list(orders)
        while queue:
            order = queue.pop(0)
            at = order.limit if price is None else price * ONE
            filled = Filled(time_ms=self.time_ms, order=order.order, lots=abs(order.lots), price=at)
            queue += _orders(self.send(filled))

    def of(self, kind: type) -> list[tuple[int, Effects]]:
        return [(time_ms, one) for time_ms, one in self.effects if isinstance(one, kind)]


def _orders(effects: tuple[Effects, ...]) -> list[OrderWanted]:
    return [effect for effect in effects if isinstance(effect, OrderWanted)]


def _maintenance(lots: int) -> int:
    """Dollars at 60,000; brackets are continuous (each counts what lies in it)."""
    notional = abs(lots) * 60
    return notional * 3 // 100 + max(0, notional - 300_000) * 3 // 100


def _named(book: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    return [
        (f"a{number}", lots, _maintenance(lots) * share * 1_000 + number + 1)
        for number, (lots, share) in enumerate(book)
    ]


@LAW
@given(book=solvent, size=st.sampled_from(SIZES))
def test_nobody_pays_more_than_the_stated_fee_where_the_book_pays_the_mark(
    book: list[tuple[int, int]], size: str
) -> None:
    """Sold at the mark, an account loses its fees and nothing else: 0.5 % of what was closed."""
    world = World(_named(book), size)
    orders = world.price(60_000)
    before = [world.engine.venue.judge(a).equity for a in _users(world)]
    world.answer(orders, 60_000)
    for _ in range(4):
        world.answer(world.elapse(2_500), 60_000)
    for account, had in zip(_users(world), before, strict=True):
        fills = [one for _, one in world.of(Liquidated) if one.account == account]
        fees = sum(one.fee for one in fills)
        after = world.engine.venue.judge(account).equity
        assert had - after == fees
        most = sum(-(-one.notional * 5 // 1_000) for one in fills)
        assert 0 <= fees <= min(most, max(0, had))
        assert all(0 <= one.reward <= one.fee for one in fills)


@LAW
@given(book=solvent, size=st.sampled_from(SIZES))
def test_a_solvent_account_never_owes_anything_for_having_been_liquidated(
    book: list[tuple[int, int]], size: str
) -> None:
    """Every order is filled at the worst price that it accepts, and the fund is empty."""
    world = World(_named(book), size)
    orders = world.price(60_000)
    world.answer(orders)
    for _ in range(4):
        world.answer(world.elapse(2_500))
    for account in _users(world):
        assert world.engine.venue.judge(account).equity >= 0
        assert world.engine.venue.status[account] != State.BANKRUPT


@LAW
@given(book=books, size=st.sampled_from(SIZES), data=st.data())
def test_the_order_of_accounts_does_not_change_who_is_liquidated(
    book: list[tuple[int, int]], size: str, data: st.DataObject
) -> None:
    """Where the price depends on the cumulative quantity alone and the book takes every order.

    A window's cap is shared in the order of shortfalls, which are all different here. The fund
    carries whoever is broke: among equal ranks, deleveraging goes by number.
    """
    named = _named(book)
    mixed = data.draw(st.permutations(named))
    assert _fate(named, size) == _fate(mixed, size)


def _fate(book: list[tuple[str, int, int]], size: str) -> dict[str, tuple[int, list[str]]]:
    """By name: the lots that each account has in the end, and which states it went through."""
    world = World(book, size)
    world.send(Deposited(time_ms=NOW, account=INSURANCE_FUND, coin=USDC, atoms=10**15))
    price = 60_000
    for _ in range(4):
        world.answer(world.price(price), price)
        sold = -sum(one.lots for _, one in world.of(Liquidated))
        price = 60_000 - max(-20_000, min(20_000, sold))  # A dollar for each lot sold so far.
        world.time_ms += 2_500
    ledger, catalogue = world.engine.ledger, world.engine.catalogue
    return {
        world.engine.names[account]: (
            ledger.balance(account, catalogue.lot_asset[0]),
            [one.after.name for _, one in world.of(StateChanged) if one.account == account],
        )
        for account in _users(world)
    }


def _users(world: World) -> range:
    return range(FIRST_ACCOUNT, len(world.engine.names))


@LAW
@given(book=books, seed=st.integers(0, 2**16))
def test_no_window_closes_more_than_its_cap(book: list[tuple[int, int]], seed: int) -> None:
    dice = random.Random(seed)
    world = World(_named(book), "window_ms = 2_500\nwindow_notional = 40_000")
    world.answer(world.price(60_000), 60_000)
    for _ in range(8):
        world.answer(world.elapse(dice.randint(1, 2_000)), 60_000)
    fills = [(time_ms, one.notional) for time_ms, one in world.of(Liquidated)]
    for time_ms, _ in fills:
        inside = sum(notional for other, notional in fills if 0 <= time_ms - other < 2_500)
        assert inside <= 40_000 * ONE


@LAW
@given(
    lots=st.integers(1, 20_000),
    share=st.integers(0, 999),
    collateral=st.sampled_from(
        [
            "haircut = 0.1",
            "haircut = 0.333333333",
            'collateral = [{ rule = "by_size", tiers = [{ above = 0, haircut = 0.05 }, '
            "{ above = 700, haircut = 0.4 }, { above = 20_000, haircut = 0.9 }] }]",
            'collateral = [{ rule = "capped", most = 3_000 }]',
            'collateral = [{ rule = "flat", haircut = 0.07 }, '
            '{ rule = "wrong_way", coins = ["BTC"], haircut = 0.5 }]',
        ]
    ),
    coin=st.sampled_from([USDC, BTC]),
)
def test_a_call_is_met_by_what_it_names_and_by_no_atom_less(
    lots: int, share: int, collateral: str, coin: int
) -> None:
    world = World(_named([(lots, share)]), "", 300_000, collateral)
    world.price(60_000)
    ((_, called),) = world.of(Called)
    assert isinstance(called, Called)
    atoms = dict(called.in_coins).get(coin)
    if atoms is None:
        assert "capped" in collateral
        assert coin == BTC
        assert called.amount > 3_000 * ONE
        return
    if atoms > 1:
        world.send(Deposited(time_ms=NOW, account=FIRST_ACCOUNT, coin=coin, atoms=atoms - 1))
    assert world.engine.venue.status[FIRST_ACCOUNT] == State.CALLED
    (met,) = world.send(Deposited(time_ms=NOW, account=FIRST_ACCOUNT, coin=coin, atoms=1))
    assert isinstance(met, StateChanged)
    assert (met.after, met.reason) == (State.HEALTHY, Transition.TOPPED_UP)


@LAW
@given(
    lots=st.integers(-5_000, 5_000).filter(lambda lots: lots != 0),
    share=st.integers(1, 999),
    adjustment=st.integers(1, 3),
)
def test_the_fillable_price_of_one_position_is_dydxs(
    lots: int, share: int, adjustment: int
) -> None:
    """The bracket that they lie in asks for 3 % maintenance, as the venue's market here does."""
    world = World(_named([(lots, share)]))
    world.price(60_000)
    venue = world.engine.venue
    rows, table = venue.ledger.rows(FIRST_ACCOUNT), venue.tables.exact(0)
    verdict = venue.judge(FIRST_ACCOUNT)
    rule = Fillable(adjustment=Decimal(adjustment), spread=Decimal("1.5"))
    asset = world.engine.catalogue.lot_asset[0]
    price = fillable_price(rule, rows, table, venue.methods[0], asset, venue.catalogue, verdict)
    # A lot is a base quantum and a millionth of a dollar a quote quantum: 5 % initial, 60 % of it.
    ((_, held, equity),) = _named([(lots, share)])
    market = dydx.Market(Fraction(60 * 10**6), 50_000, 600_000)
    account = dydx.Account(equity - 60 * 10**6 * held, (dydx.Position(0, lots),))
    terms = dydx_liquidation.LiquidationRules(bankruptcy_adjustment_ppm=adjustment * 10**6)
    theirs = dydx_liquidation.fillable_price(account, {0: market}, 0, -lots, terms)
    exact = theirs * 1_000 * ONE / 10**6  # Price atoms for a bitcoin of 1,000 lots.
    assert 0 <= (price - exact if lots > 0 else exact - price) < 1


@LAW
@given(
    closes=st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=5),
    room=st.integers(-10, 10**6),
    unit=st.integers(1, 10**4),
)
def test_a_cap_is_kept_in_whole_lots_and_used_up(closes: list[int], room: int, unit: int) -> None:
    asked = tuple(Close(asset, lots) for asset, lots in enumerate(closes))
    kept = capped(asked, _Flat(unit), room)  # type: ignore[arg-type]
    spent = sum(abs(close.lots) * unit for close in kept)
    assert spent <= max(0, room)
    by_asset = dict(kept)
    assert all(0 <= by_asset.get(a, 0) * (1 if lots > 0 else -1) <= abs(lots) for a, lots in asked)
    if sum(map(abs, closes)) > sum(abs(close.lots) for close in kept):
        assert max(0, room) - spent < unit  # Nothing else would have fitted.


class _Flat:
    """A table in which every asset has the same notional."""

    def __init__(self, unit: int) -> None:
        self.notional = [unit] * 8


def test_dust_is_swept_only_as_far_as_the_exit_takes_it() -> None:
    from seawall.liquidation import Exit

    table = _Flat(10)
    rows, closes = [(0, 50), (1, -50)], (Close(0, -41), Close(1, 45))
    exits = {0: Exit(cash=2, lots=50), 1: Exit(cash=2, lots=49)}
    swept = without_dust(closes, rows, table, exits, 91)  # type: ignore[arg-type]
    assert swept == (Close(0, -50), Close(1, 45))  # 9 lots are 90, below 91; 5 do not fit.
    assert without_dust(closes, rows, table, exits, 90)[0] == Close(0, -41)  # type: ignore[arg-type]
