"""17 November 2023: one market's position takes a third of everybody's insurance fund.

Open interest in YFI on dYdX grew from 0.8 to 67 million dollars, the price fell, and the fund lost
about 9 million, some 40 %. What is ours: a fund of 22.5 million, 6.7 million of margin behind the
long side, steps of a million, and a fall of 22.6 % in one move, so that the old rule loses what was
reported; and the bounds of open interest, 5 to 10 million, between which dYdX's rule of today takes
the initial margin from 10 % to 100 %.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from drill import ONE, House, perpetual, said, show

from seawall.engine.state import INSURANCE_FUND

RULES = """
format = 1
name = "yfi"
version = "2023-11-17.1"
source = "an example"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}
coins = [{{ id = "USDC", decimals = 6 }}, {{ id = "YFI", decimals = 8 }}]
liquidation = {{ order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }}
{funds}
[margin.cross]
method = "{method}"
brackets.YFI = [{{ above = 0, initial = 0.1, maintenance = 0.05 }}]
{interest}
"""
FUNDS = """
funds = [
  { name = "small markets", markets = ["YFI"], event_cap = 0.5, fee_share = 1 },
  { name = "insurance_fund", event_cap = 0.05, fee_share = 1 },
]
"""
INTEREST = "open_interest.YFI = {{ lower = 5_000_000, upper = 10_000_000, current = {current} }}"
ENTRY, FALLEN = Decimal(10_000), Decimal("7740")
MARGIN = 6_700_000
STEPS, STEP_LOTS = 67, 1_000  # A million dollars each; a lot is 0.1 YFI.
FUND = 22_500_000
CROWD = tuple(f"short{number}" for number in range(10))


class Outcome(NamedTuple):
    """What one rule did, in dollars' atoms."""

    opened: int
    fund_lost: int
    share: Decimal  # Of all funds.
    deleveraged: int
    shared: int


def rules(rule: str, current: int) -> str:
    scaled = rule == "margin by open interest"
    return RULES.format(
        funds=FUNDS if rule == "funds of its own, capped" else "",
        method="tiered_by_size" if scaled else "tiered",
        interest=INTEREST.format(current=current) if scaled else "",
    )


def story(rule: str) -> Outcome:
    """The position grows as far as a rule lets it, and the price falls."""
    house = House(rules(rule, 0), (perpetual("YFI", 10**7, "0.1"),), ("whale", *CROWD), "cross")
    house.price(USDC="1", YFI=ENTRY)
    house.deposit("whale", "USDC", MARGIN)
    for name in CROWD:
        house.deposit(name, "USDC", 20_000_000)
    before = endow(house, rule)
    opened = 0
    for number in range(STEPS):
        after = (opened + STEP_LOTS) * 1_000
        house.change_rules(rules(rule, after))  # The interest as it would be with this trade.
        if not house.trade("YFI/USDC:USDC", "whale", CROWD[number % 10], STEP_LOTS, str(ENTRY)):
            break
        opened += STEP_LOTS
    house.price(YFI=FALLEN)
    lost = before - funds(house)
    tally = house.tally
    return Outcome(
        opened * 1_000 * ONE, lost, Decimal(lost) / before, tally.deleveraged, tally.shared
    )


def endow(house: House, rule: str) -> int:
    """The same money under every rule; a tenth of it stands apart where a rule says so."""
    if rule == "funds of its own, capped":
        house.deposit("small markets", "USDC", FUND // 10)
        house.deposit("fund", "USDC", FUND - FUND // 10)
    else:
        house.deposit("fund", "USDC", FUND)
    return funds(house)


def funds(house: House) -> int:
    """All funds together."""
    venue = house.engine.venue
    numbers = {INSURANCE_FUND, *venue.funds}
    return sum(venue.ledger.balance(number, 0) for number in sorted(numbers)) * 10_000


def run() -> dict[str, Outcome]:
    names = ("flat margin, one fund", "funds of its own, capped", "margin by open interest")
    return {rule: story(rule) for rule in names}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "YFI, 17 November 2023: 6.7 million dollars of margin look for 67 million of position",
        ("rule", "opened", "funds lost", "share", "deleveraged", "shared"),
        [
            (rule, said(o.opened), said(o.fund_lost), f"{o.share:.0%}", said(o.deleveraged),
             said(o.shared))
            for rule, o in found.items()
        ],
    )  # fmt: skip


if __name__ == "__main__":
    report(run())
