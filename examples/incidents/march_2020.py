"""12 March 2020: collateral sold for nothing, because one bid was enough and no other got through.

Settings of that night, from the emergency spell: a bid lasts 10 minutes, an auction 3 days, a lot
is 50 ETH; the spell made both times 6 hours. Reported: about 36 % of the liquidations went for next
to nothing, 62,890 ETH worth 7.1 million dollars (113 each), and the mean price of gas rose six-fold
to about 80 gwei, under which keepers that did not raise their offer waited. Dutch settings: Sky's
ETH-A of May 2026: 110 % of the mark at first, 1 % down each 90 s, for 7,200 s or to 45 %.

What is ours: 100 vaults of 50 ETH whose turn comes evenly in eleven hours of a fall from 194 to 113
dollars, four hours of congestion among them, and two keepers: one bids well and never raises its
gas, one pays any gas and bids a trifle. A vault here is a long perpetual of 50 ETH with a third of
its value as margin, which is the 150 % of that night. Prices of other keepers' hurry are not here.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from drill import HOUR, MINUTE, House, perpetual, said, show

from seawall.engine.effect import AuctionStarted, Effects, ExitFilled
from seawall.engine.event import AuctionBid, AuctionTaken, Elapsed

RULES = """
format = 1
name = "vaults"
version = "2020-03-12.1"
source = "an example"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "ETH", decimals = 8 }]

[margin.vault]
method = "tiered"
brackets.ETH = [{ above = 0, initial = 0.335, maintenance = 0.333 }]

[liquidation]
order = "listed"
slippage_ratio = 0.01
fee_ratio = 0
size = { size = "full" }

[auctions]
restarts = 5

[exits.ETH]
"""
ENGLISH = 'exit = "english"\n'
SPELL = ENGLISH + "bid_life_seconds = 21_600\nduration_seconds = 21_600\n"
DUTCH = """
exit = "dutch_stair"
start_ratio = 1.1
duration_seconds = 7_200
step_seconds = 90
factor = 0.99
price_least_ratio = 0.45
"""
VAULTS = tuple(f"vault{number:02}" for number in range(100))
LOTS = 50
FIRST, LAST = Decimal(194), Decimal(113)  # Dollars, in eleven hours, in a straight line.
FALL = 11 * HOUR
JAM = (3 * HOUR, 7 * HOUR)  # Blocks take nothing below 80 gwei.
TRIFLE = 1  # Price atoms.


class Outcome(NamedTuple):
    """What the night brought, in dollars' atoms."""

    sold: int  # Vaults.
    below_half: int  # Of these, below half of the mark.
    brought: int
    bad_debt: int
    left: int  # To the vaults' owners.


class Keeper:
    """Somebody who answers auctions through a mempool; what it sends waits in its own order."""

    def __init__(self, name: str, gwei: int, waits_for: Decimal) -> None:
        self.name, self.gwei, self.waits_for = name, gwei, waits_for
        self.queue: deque[AuctionStarted] = deque()

    def gets_through(self, now_ms: int) -> bool:
        return self.gwei >= 80 or not JAM[0] <= now_ms < JAM[1]


def night(rule: str) -> Outcome:
    """A night and the morning after it, minute by minute, under one of the rules of `run`."""
    exits = {"english": ENGLISH, "english, bids of 6 h": SPELL}.get(rule, DUTCH)
    house = House(
        RULES + exits, (perpetual("ETH", 10**8, "0.01"),), (*VAULTS, "street", "stock", "trifle"),
        "vault",
    )  # fmt: skip
    start(house)
    patience = Decimal("0.55") if rule == "dutch, a keeper that waits" else Decimal("0.98")
    keepers = (Keeper("stock", 13, Decimal("0.98")), Keeper("trifle", 100, patience))
    fills: list[tuple[int, int]] = []  # (price, mark)
    while house.time_ms < FALL + 7 * HOUR:
        house.later(MINUTE)
        for effect in step(house):
            if isinstance(effect, AuctionStarted):
                for keeper in keepers:
                    keeper.queue.append(effect)
            elif isinstance(effect, ExitFilled):
                fills.append((effect.price, house.engine.snapshot.price[1]))
        for keeper in keepers:
            fills += answer(house, keeper, rule.startswith("english"))
    left = sum(max(0, house.equity(name)) for name in VAULTS)
    return Outcome(
        len(fills),
        sum(price * 2 < mark for price, mark in fills),
        sum(price * LOTS for price, _ in fills),
        house.tally.bad_debt,
        left,
    )


def start(house: House) -> None:
    """Vaults whose margin falls short one after another, while the price goes from 194 to 113."""
    house.depth = 0
    house.price(USDC="1", ETH=str(FIRST))
    for name in ("street", "stock", "trifle"):
        house.deposit(name, "USDC", 10_000_000)
    house.deposit("fund", "USDC", 1_000_000)
    for number, name in enumerate(VAULTS):
        turn = LAST + (FIRST - 1 - LAST) * (2 * number + 1) / (2 * len(VAULTS))
        # Short of margin below `turn`: deposit + 50 · (turn − 194) = 33.3 % of 50 · turn.
        house.deposit(name, "USDC", round(LOTS * (FIRST - turn * Decimal("0.667")), 6))
        assert house.trade("ETH/USDC:USDC", name, "street", LOTS, str(FIRST))


def step(house: House) -> tuple[Effects, ...]:
    """A price every five minutes of the fall; time alone otherwise."""
    if house.time_ms <= FALL and house.time_ms % (5 * MINUTE) == 0:
        fallen = (FIRST - LAST) * house.time_ms / FALL
        return house.price(ETH=round(FIRST - fallen, 2))
    return house.send(Elapsed(time_ms=house.time_ms))


def answer(house: House, keeper: Keeper, bids: bool) -> list[tuple[int, int]]:
    """Send what a keeper has for this minute; a Dutch taker asks again until the price suits."""
    found: list[tuple[int, int]] = []
    if not keeper.gets_through(house.time_ms):
        return found
    mark, account = house.engine.snapshot.price[1], house.number(keeper.name)
    for _ in range(len(keeper.queue)):
        seen = keeper.queue.popleft()
        if bids:
            price = TRIFLE if keeper.name == "trifle" else mark * 95 // 100
            house.send(
                AuctionBid(
                    time_ms=house.time_ms, auction=seen.auction, account=account, price=price
                )
            )
            continue
        limit = int(mark * keeper.waits_for)
        effects = house.send(
            AuctionTaken(
                time_ms=house.time_ms, auction=seen.auction, account=account, lots=LOTS,
                limit=limit,
            )
        )  # fmt: skip
        fills = [effect for effect in effects if isinstance(effect, ExitFilled)]
        found += [(fill.price, mark) for fill in fills]
        if not fills and house.time_ms < seen.ends_ms:
            keeper.queue.append(seen)
    return found


def run() -> dict[str, Outcome]:
    rules = ("english", "english, bids of 6 h", "dutch", "dutch, a keeper that waits")
    return {rule: night(rule) for rule in rules}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "12 March 2020: 100 vaults of 50 ETH, four of eleven hours congested",
        ("auction", "sold", "below half", "brought", "bad debt", "left to owners"),
        [
            (rule, o.sold, o.below_half, said(o.brought), said(o.bad_debt), said(o.left))
            for rule, o in found.items()
        ],
        "In a Dutch auction one keeper that gets through is enough, and even alone it cannot wait\n"
        "for nothing.",
    )


if __name__ == "__main__":
    report(run())
