"""A pool in ranges, whatever it went through: value is conserved, limits hold, splits gain nothing.

Liquidations meet it through the engine, which checks after each event that nothing was created or
lost, and each run is repeated from memory in its middle.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import ExitFilled
from seawall.engine.event import Deposited, Events, Listed, Opened, Priced, Started, Traded
from seawall.engine.liquidating import depths
from seawall.engine.rules.exit_rules import PoolRange
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.liquidation.exits import Side
from seawall.market import Instrument

RULES = """
format = 1
name = "laws of ranges"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.1, fee_ratio = 0.005 }
exits.BTC = { exit = "pool", fee_ratio = 0.003, slippage_max_ratio = 0.02 }
"""
ONE, NOW = 10**10, 1_767_225_600_000
LEAST, MOST = 1, 10**18
LONG, SHORT, RICH, POOL = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 4)
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


@st.composite
def ranges(draw: st.DrawFn) -> list[PoolRange]:
    """One to three ranges around the mark, with or without gaps between them."""
    count = draw(st.integers(1, 3))
    edges = draw(st.lists(st.integers(800, 1_200), min_size=2 * count, max_size=2 * count,
                          unique=True).map(sorted))  # fmt: skip
    joined = draw(st.booleans())
    pairs = list(pairwise(edges[: count + 1])) if joined else list(
        zip(edges[::2], edges[1::2], strict=True)
    )  # fmt: skip
    lots = st.integers(1, 20_000)
    return [
        PoolRange(low_ratio=Decimal(low) / 1000, high_ratio=Decimal(high) / 1000, lots=draw(lots))
        for low, high in pairs
    ]


class Desk:
    """One long and one short account against a rich one, and a pool."""

    def __init__(self, told: list[PoolRange]) -> None:
        rows = ", ".join(
            f"{{ low_ratio = {one.low_ratio}, high_ratio = {one.high_ratio}, lots = {one.lots} }}"
            for one in told
        )
        text = f'{RULES}pools.BTC = {{ account = "pool", ranges = [{rows}] }}\n'
        self.engine, self.events, self.dollars = Engine(), [], 60_000
        self.fills: list[ExitFilled] = []
        self.send(Started(time_ms=NOW, rulebook=read(text).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        names = ("long", "short", "rich", "pool")
        self.send(Opened(time_ms=NOW, names=names, methods=("cross",) * 4))
        for who, dollars in ((LONG, 1_000), (SHORT, 1_000), (RICH, 90_000), (POOL, 90_000)):
            self.send(Deposited(time_ms=NOW, account=who, coin=0, atoms=dollars * 10**6))
        self.tick(0)
        self.trade(LONG, RICH, 100)
        self.trade(RICH, SHORT, 100)

    def send(self, event: Events) -> None:
        effects = self.engine.apply(event)
        self.engine.check()
        self.events.append(event)
        self.fills += [one for one in effects if isinstance(one, ExitFilled)]
        for one in effects:
            if isinstance(one, ExitFilled):
                mark = self.dollars * ONE
                edge = mark * 98 // 100 if one.lots < 0 else mark * 102 // 100
                assert one.price >= edge if one.lots < 0 else one.price <= edge

    def tick(self, per_mille: int) -> None:
        self.dollars = max(30_000, min(90_000, self.dollars * (1000 + per_mille) // 1000))
        atoms = self.dollars * ONE
        self.send(Priced(time_ms=NOW, price=((0, ONE), (1, atoms)), mark=((0, atoms),),
                         depth=((0, 20, 20),)))  # fmt: skip

    def trade(self, buyer: int, seller: int, lots: int) -> None:
        self.send(Traded(time_ms=NOW, instrument=0, buyer=buyer, seller=seller, lots=lots,
                         price=self.dollars * ONE))  # fmt: skip

    def offered(self, side: Side, lots: int) -> tuple[int, int]:
        """(lots, paid) without a fee; nothing where the pool stands aside."""
        found = depths.pool_of(self.engine.venue, LONG, 0, 0)
        fills = depths.fills_of(found, side, lots, LEAST if side < 0 else MOST) if found else ()
        return (fills[0].lots, fills[0].paid) if fills else (0, 0)


@settings(max_examples=40)
@given(ranges(), st.lists(st.integers(-80, 80), min_size=1, max_size=8), st.integers(-40, 40))
def test_nothing_is_lost_and_no_lot_is_worse_than_the_limit(told, moves, taken):
    desk = Desk(told)
    for place, move in enumerate(moves):
        desk.tick(move)
        if place == 1 and taken:
            buyer, seller = (POOL, RICH) if taken > 0 else (RICH, POOL)
            desk.trade(buyer, seller, abs(taken))
    other = Engine()
    for place, event in enumerate(desk.events):
        if place == len(desk.events) - 1:
            other = Engine.restore(other.dump())
        other.apply(event)
    assert other.state_hash() == desk.engine.state_hash()


def test_there_are_liquidations_in_both_directions():
    """The canary: without it the law above could hold because nothing ever happens."""
    for move, sign in ((-69, -1), (69, 1)):
        told = [PoolRange(low_ratio=Decimal("0.8"), high_ratio=Decimal("1.2"), lots=9_000)]
        desk = Desk(told)
        desk.tick(move)
        desk.tick(move)
        assert any(one.lots * sign > 0 and one.taker == POOL for one in desk.fills)


@settings(max_examples=60)
@given(ranges(), st.sampled_from(Side), st.integers(1, 400), st.integers(1, 400))
def test_two_parts_come_to_what_the_whole_comes_to(told, side, first, second):
    """State lies in the position alone, so a part that is taken moves the pool as in one walk."""
    desk = Desk(told)
    all_lots, all_paid = desk.offered(side, first + second)
    one_lots, one_paid = desk.offered(side, first)
    if not one_lots:
        return
    buyer, seller = (RICH, POOL) if side > 0 else (POOL, RICH)
    desk.trade(buyer, seller, one_lots)
    two_lots, two_paid = desk.offered(side, second)
    assert one_lots + two_lots in (all_lots, all_lots - 1)
    if one_lots + two_lots == all_lots:
        sliver = len(told) * desk.dollars * ONE * 2 // 2**32 + 2
        assert abs(one_paid + two_paid - all_paid) <= sliver
