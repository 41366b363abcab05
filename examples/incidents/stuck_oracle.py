"""May 2022: a feed that stopped, and a market that went on lending against its last price.

LUNA's feed stood still near 0.10 dollars while the coin traded near 0.01; 11.2 million dollars were
borrowed against it on one lending market, another was drained. What is ours: a borrower who buys
LUNA outside each minute, posts it and borrows all that the rules allow, a lender with 15 million,
collateral factors, and that the feed wakes up after two hours.
"""

from __future__ import annotations

from typing import NamedTuple

from drill import MINUTE, House, said, show, spot

RULES = """
format = 1
name = "luna"
version = "2022-05-12.1"
source = "an example"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "USDT", decimals = 6 }, { id = "LUNA", decimals = 6 },
]
liquidation = { order = "listed", slippage_ratio = 0.05, fee_ratio = 0.005 }

[margin.money_market]
method = "lending"
coins.USDC = { collateral_factor = 0.8, liquidation_threshold = 0.85 }
coins.USDT = { collateral_factor = 0.8, liquidation_threshold = 0.85 }
coins.LUNA = { collateral_factor = 0.55, liquidation_threshold = 0.6 }
"""
AGED = """
[oracle.LUNA]
sources_min = 3
age_max_ms = 60_000
outlier_ratio = 0.05
confidence_ratio_max = 0.02
withdrawal_age_max_ms = 300_000
liquidation_age_max_ms = 900_000
"""
FEED, MARKET = "0.10", "0.01"
EACH_MINUTE = 2_000_000  # LUNA that can be bought outside in a minute: 20,000 dollars.
STOPPED_FOR = 120  # Minutes.
LENT = 15_000_000


class Outcome(NamedTuple):
    """What the borrower did, in dollars' atoms."""

    minutes: int  # In which something could be borrowed.
    borrowed: int
    paid: int  # For the LUNA, outside.
    bad_debt: int


def afternoon(rule: str) -> Outcome:
    """Two hours with a feed that stands still: "last price" for ever, or "ages"."""
    house = House(
        RULES + (AGED if rule == "ages" else ""),
        (spot("USDT", 10**6, "0.0001"), spot("LUNA", 10**6, "0.0001")),
        ("borrower", "lender"),
        "money_market",
    )
    house.price(USDC="1", USDT="1", **({} if rule == "ages" else {"LUNA": FEED}))
    if rule == "ages":
        house.observe("LUNA", dict.fromkeys("abc", FEED))
    house.deposit("lender", "USDT", LENT)
    minutes = borrowed = paid = 0
    for _ in range(STOPPED_FOR):
        house.later(MINUTE)  # Nobody says anything of LUNA.
        house.deposit("borrower", "LUNA", EACH_MINUTE)
        paid += EACH_MINUTE * 10**8  # At 0.01.
        loan = EACH_MINUTE * 55 // 1000 - 1  # 55 % at 0.10.
        # To borrow is to buy with cash that one does not have, and to carry the purchase away.
        if not house.trade("USDT/USDC", "borrower", "lender", loan, "1"):
            break
        if not house.withdraw("borrower", "USDT", loan):
            break
        minutes += 1
        borrowed += loan * 10**10
    house.later(MINUTE)
    house.price(USDC="1", USDT="1", **({} if rule == "ages" else {"LUNA": MARKET}))
    if rule == "ages":
        house.observe("LUNA", dict.fromkeys("abc", MARKET))
    return Outcome(minutes, borrowed, paid, house.tally.bad_debt)


def run() -> dict[str, Outcome]:
    return {rule: afternoon(rule) for rule in ("last price", "ages")}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "LUNA's feed stops at 0.10 while the coin trades at 0.01, May 2022",
        ("rule", "minutes open", "borrowed", "paid for collateral", "bad debt"),
        [
            (rule, o.minutes, said(o.borrowed), said(o.paid), said(o.bad_debt))
            for rule, o in found.items()
        ],
        "A price older than five minutes lets nobody borrow or withdraw: what can be lost is what\n"
        "can be borrowed in five minutes.",
    )


if __name__ == "__main__":
    report(run())
