"""10 October 2025: collateral priced by the venue's own book.

USDe traded at 0.65 on one exchange's spot book while it was redeemable near par, and accounts that
had posted it there were liquidated. The same book here, once under each rule. What is reported:
0.65, near par elsewhere. What is ours: twenty desks with 2 to 6.75 times their collateral in ETH,
an ETH price that falls by 8 % and half recovers, and what the other venues said to the tenth of a
cent.
"""

from __future__ import annotations

from typing import NamedTuple

from drill import MINUTE, SECOND, House, perpetual, said, show, spot

RULES = """
format = 1
name = "usde"
version = "2025-10-10.1"
source = "an example"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "ETH", decimals = 8 },
  { id = "USDe", decimals = 6, haircut = 0.05 },
]
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
SEVERAL = """
[oracle.USDe]
sources_min = 2
age_max_ms = 30_000
outlier_ratio = 0.02
confidence_ratio_max = 0.01
deviation_ratio_max = 0.05
deviation_window_ms = 600_000
withdrawal_age_max_ms = 300_000
liquidation_age_max_ms = 900_000
"""
DESKS = tuple(f"desk{number:02}" for number in range(20))
COLLATERAL = 100_000  # USDe of each desk.
OWN_BOOK = ("0.9990", "0.92", "0.80", "0.65", "0.78", "0.93", "0.9985")  # One each 30 seconds.
ETHER = ("4000", "3900", "3800", "3680", "3720", "3800", "3840")
ELSEWHERE = {"b": "0.9985", "c": "0.9990", "d": "0.9980"}


class Outcome(NamedTuple):
    """What one rule did, in dollars' atoms."""

    lowest: int  # Price that counted.
    liquidated: int  # Accounts.
    closed: int
    left: int  # Equity of the desks when it is over.
    bad_debt: int


def evening(rule: str) -> Outcome:
    """The desks' three minutes: "own book", "median" of four venues, or "two sources"."""
    house = House(
        RULES + ("" if rule == "own book" else SEVERAL),
        (perpetual("ETH", 10**6, "0.01"), spot("USDe", 10**6, "0.0001")),
        (*DESKS, "street"),
        "cross",
    )
    house.deposit("street", "USDC", 50_000_000)
    tell(house, rule, OWN_BOOK[0], USDC="1", ETH="4000")
    for number, desk in enumerate(DESKS):
        house.deposit(desk, "USDe", COLLATERAL)
        lots = COLLATERAL // 40 * (8 + number) // 4  # 2 to 6.75 times; a lot is 40 dollars.
        assert house.trade("ETH/USDC:USDC", desk, "street", lots, "4000")
    lowest = house.engine.snapshot.price[house.coin("USDe")]
    for own, ether in zip(OWN_BOOK[1:], ETHER[1:], strict=True):
        house.later(30 * SECOND)
        tell(house, rule, own, ETH=ether)
        lowest = min(lowest, house.engine.snapshot.price[house.coin("USDe")])
    house.later(15 * MINUTE)
    tell(house, rule, OWN_BOOK[0])
    left = sum(house.equity(desk) for desk in DESKS)
    tally = house.tally
    return Outcome(lowest, len(tally.liquidated), tally.closed, left, tally.bad_debt)


def tell(house: House, rule: str, own: str, **others: str) -> None:
    """USDe by the own book alone, or by an oracle that hears the others too."""
    if rule == "own book":
        house.price(USDe=own, **others)
        return
    if others:
        house.price(**others)
    heard = ELSEWHERE if rule == "median" else {"b": ELSEWHERE["b"]}
    house.observe("USDe", {"own": own} | heard)


def run() -> dict[str, Outcome]:
    return {rule: evening(rule) for rule in ("own book", "median", "two sources")}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "USDe at 0.65 on one book, 10 October 2025: 20 desks with 2,000,000 USDe of collateral",
        ("price", "lowest counted", "liquidated", "closed", "left to them", "bad debt"),
        [
            (rule, f"{o.lowest / 1e10:.4f}", o.liquidated, said(o.closed), said(o.left),
             said(o.bad_debt))
            for rule, o in found.items()
        ],
    )  # fmt: skip


if __name__ == "__main__":
    report(run())
