"""2 April 2022: an average price that was no average, and a coin that rose fiftyfold for one block.

A money market read INV from a 30-minute mean over one pool. Just after an update the window was
empty and fell back to the last price; with about 500 ETH of own funds the pool was moved fiftyfold,
and 14.75 to 15.6 million dollars were borrowed. What is ours: a price of 380 dollars, 1,370 INV as
collateral at a factor of 0.6, what two exchanges say, and a pool of 284,000 dollars on each side,
which 500 ETH at 3,450 move fiftyfold: 284,000 · (√50 − 1) = 1.72 million.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from drill import MINUTE, ONE, SECOND, House, dollars, said, show, spot

from seawall.market.oracle import Cost, Mean, Pool, cost_to_move, cost_to_move_median
from seawall.market.oracle import cost_to_move_twap as cost_to_move_mean

RULES = """
format = 1
name = "inv"
version = "2022-04-02.1"
source = "an example"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "USDT", decimals = 6 }, { id = "INV", decimals = 8 },
]
liquidation = { order = "listed", slippage_ratio = 0.05, fee_ratio = 0.005 }

[margin.money_market]
method = "lending"
coins.USDC = { collateral_factor = 0.8, liquidation_threshold = 0.85 }
coins.USDT = { collateral_factor = 0.8, liquidation_threshold = 0.85 }
coins.INV = { collateral_factor = 0.6, liquidation_threshold = 0.65 }
"""
ORACLE = """
[oracle.INV]
sources_min = {sources}
age_max_ms = 60_000
outlier_ratio = 0.05
confidence_ratio_max = 0.02
deviation_ratio_max = {deviation}
deviation_window_ms = 600_000
withdrawal_age_max_ms = 300_000
liquidation_age_max_ms = 900_000
"""
HONEST, SPOOFED = dollars("380"), dollars("19000")
COLLATERAL, FACTOR = 1_370, Decimal("0.6")
LENT = 16_000_000
BLOCK = 12 * SECOND
POOL = Pool(Decimal(284_000) / 380, Decimal(284_000), Decimal("0.003"))
EMPTY = Mean(30 * MINUTE).observed(HONEST, 0)  # Reset a minute before the attack.
WHOLE = Mean(30 * MINUTE).observed(HONEST, -60 * MINUTE)


class Outcome(NamedTuple):
    """What the attacker got, in dollars' atoms."""

    price: int  # That counted for one coin in the block after; 0: none did.
    borrowed: int
    bad_debt: int


def block(rule: str) -> Outcome:
    """The block of the attack: "falls back", "whole window", "guarded" or "three sources"."""
    house = opened(rule)
    house.later(MINUTE)
    house.deposit("attacker", "INV", COLLATERAL)
    mean = (WHOLE if rule in ("whole window", "guarded") else EMPTY).observed(SPOOFED, MINUTE)
    house.later(BLOCK)
    average = mean.price(house.time_ms)
    if rule in ("falls back", "three sources") and average is None:
        average = SPOOFED  # The old rule in the window's code.
    tell(house, rule, average)
    price = 0 if house.tally.refused else house.engine.snapshot.price[house.coin("INV")]
    most = Decimal(max(price, HONEST)) / ONE * COLLATERAL * FACTOR
    loan = min(int(most) - 10, LENT)
    done = house.trade("USDT/USDC", "attacker", "lender", loan, "1")
    done = done and house.withdraw("attacker", "USDT", loan)
    house.later(MINUTE + BLOCK)
    tell(house, rule, HONEST)
    return Outcome(price, loan * ONE if done else 0, house.tally.bad_debt)


def opened(rule: str) -> House:
    """A money market whose INV is priced under a rule, with a lender."""
    oracle = ""
    if rule in ("whole or none", "guarded"):
        oracle = ORACLE.format(sources=1, deviation="0.2" if rule == "guarded" else "100")
    elif rule == "three sources":
        oracle = ORACLE.format(sources=2, deviation="0.2")
    house = House(
        RULES + oracle,
        (spot("USDT", 10**6, "0.0001"), spot("INV", 10**6, "0.01")),
        ("attacker", "lender"),
        "money_market",
    )
    house.price(USDC="1", USDT="1")
    tell(house, rule, HONEST)
    house.deposit("lender", "USDT", LENT)
    return house


def tell(house: House, rule: str, average: int | None) -> None:
    """What the mean says, alone or beside two exchanges; where it says nothing, nobody speaks."""
    said_by = {} if average is None else {"mean": Decimal(average) / ONE}
    if rule == "three sources":
        house.observe("INV", said_by | {"a": Decimal(381), "b": Decimal(379)})
    elif rule in ("falls back", "whole window"):
        house.price(INV=said_by["mean"])
    else:
        house.observe("INV", said_by)


def run() -> dict[str, Outcome]:
    rules = ("falls back", "whole or none", "whole window", "guarded", "three sources")
    return {rule: block(rule) for rule in rules}


def costs() -> dict[str, Cost]:
    """What it takes to move what counts; the last is what a deviation guard lets pass."""
    fifth = Decimal("0.2")
    return {
        "one pool, fiftyfold, one block": cost_to_move(POOL, Decimal(50)),
        "its mean of 150 blocks, +20 %, 5 blocks": cost_to_move_mean(POOL, fifth, 150, 5),
        "the same by a proposer of 30 blocks": cost_to_move_mean(
            POOL, fifth, 150, 30, is_proposer=True
        ),
        "a median of three such pools, +20 %": cost_to_move_median([POOL] * 3, 1 + fifth),
    }


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "INV at fifty times its price for one block, 2 April 2022: 1,370 INV worth 520,600 dollars",
        ("mean of 30 minutes", "price that counts", "borrowed", "bad debt"),
        [
            (rule, said(o.price) if o.price else "none", said(o.borrowed), said(o.bad_debt))
            for rule, o in found.items()
        ],
        "An honest loan is 312,360. The mean over a whole window rises by a third in one block;\n"
        "the guard refuses more than a fifth against the last price.\n",
    )
    show(
        "What it costs to move, in dollars",
        ("what", "capital", "loss"),
        [
            (what, f"{round(cost.capital):,}", f"{round(cost.loss):,}")
            for what, cost in costs().items()
        ],
    )


if __name__ == "__main__":
    report(run())
