"""10 March 2026: a ceiling on a rate that was itself wrong.

A staked coin's rate may only grow so fast, so that nobody can donate it upwards; the money market
counted the lower of rate and ceiling. An update could raise the ceiling's rate by 3 % only
(1.1572 to 1.1919, and 1.2282 was meant) but set its time to seven days ago: the ceiling came to
about 1.1939, 2.8 % under the market. 34 accounts with 10,938 wstETH were liquidated. What is ours:
34 equal accounts with health from 1.006 to 1.0267 at the live rate, ETH at 2,000 dollars, and a
growth of 968 basis points a year.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from drill import HOUR, ONE, House, dollars, said, show, spot

from seawall.engine.state import MARKET
from seawall.market.oracle import GrowthCap, Published, SnapshotRefusedError, capped_rate, with_rate

RULES = """
format = 1
name = "wsteth"
version = "2026-03-10.1"
source = "an example"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "ETH", decimals = 8 }, { id = "wstETH", decimals = 8 },
]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.01 }

[margin.money_market]
method = "lending"
coins.USDC = { collateral_factor = 0.75, liquidation_threshold = 0.78 }
coins.ETH = { collateral_factor = 0.8, liquidation_threshold = 0.83 }
coins.wstETH = { collateral_factor = 0.95, liquidation_threshold = 0.955 }

[oracle.wstETH]
sources_min = 1
age_max_ms = 60_000
outlier_ratio = 1
confidence_ratio_max = 0.01
withdrawal_age_max_ms = 7_200_000
liquidation_age_max_ms = 86_400_000
"""
NOW_S = 10**9
WEEK_S = 7 * 86_400
LIVE = Fraction("1.2282")
BEFORE = GrowthCap(Fraction("1.1572"), NOW_S - 200 * 86_400, 968, Fraction("0.005"))
STEP = Fraction("1.1919")  # As far as one update may go, with the time of a week ago.
BORROWERS = tuple(f"account{number:02}" for number in range(34))
EACH = Decimal(10_938) / len(BORROWERS)  # wstETH; to the eighth decimal below.
THRESHOLD = Decimal("0.955")
ETHER = 2_000


class Outcome(NamedTuple):
    """What one rule did, amounts in dollars' atoms."""

    counted: int  # Price of a wstETH; 0: none was told.
    update: str  # What became of the update.
    liquidated: int
    sold: int  # wstETH, atoms.
    fees: int
    can_withdraw: bool


def updated(rule: str) -> tuple[GrowthCap, str]:
    """The ceiling after the update of that day."""
    if rule in ("lower of both", "refuse if it binds"):
        return BEFORE._replace(snapshot=STEP, snapshot_s=NOW_S - WEEK_S), "taken"
    if rule == "rate and time together":
        return BEFORE.moved(LIVE, NOW_S, LIVE, NOW_S), "taken"
    try:
        return BEFORE.moved(STEP, NOW_S - WEEK_S, LIVE, NOW_S), "taken"
    except SnapshotRefusedError:
        return BEFORE, "refused"


def day(rule: str) -> Outcome:
    """Accounts, the update, an hour, a price: one of the rules of `run`."""
    house = opened()
    cap, update = updated(rule)
    house.later(HOUR)
    base = Published(dollars(ETHER), 0, house.time_ms, house.time_ms, ("ether",))
    counted = 0
    if rule == "lower of both":
        counted = int(dollars(ETHER) * min(LIVE, cap.ceiling(NOW_S)))
    else:
        priced = with_rate(base, capped_rate(cap, LIVE, NOW_S))
        counted = priced.price if isinstance(priced, Published) else 0
    house.observe("wstETH", {"rate": Decimal(counted) / ONE} if counted else {})
    house.price(ETH=str(ETHER))
    tally = house.tally
    sold = house.engine.ledger.balance(MARKET, house.coin("wstETH"))
    can_withdraw = house.withdraw("saver", "wstETH", 1)
    return Outcome(counted, update, len(tally.liquidated), sold, tally.fees, can_withdraw)


def opened() -> House:
    """34 accounts that owe ETH against wstETH, each with a little more health than the last."""
    house = House(
        RULES,
        (spot("ETH", 10**4, "0.01"), spot("wstETH", 10**4, "0.01")),
        (*BORROWERS, "saver", "lender"),
        "money_market",
    )
    live = Decimal(ETHER) * Decimal("1.2282")
    house.price(USDC="1", ETH=str(ETHER))
    house.observe("wstETH", {"rate": live})
    house.deposit("saver", "wstETH", 10)
    house.deposit("lender", "USDC", 10**9)
    for number, name in enumerate(BORROWERS):
        each = round(EACH, 8)
        house.deposit(name, "wstETH", each)
        health = Decimal("1.006") + Decimal("0.000627") * number
        lots = int(each * live * THRESHOLD / health / ETHER * 10_000)
        # To owe ETH is to sell some that one does not have, and to carry the cash away.
        assert house.trade("ETH/USDC", "lender", name, lots, str(ETHER))
        cash = house.engine.ledger.balance(house.number(name), house.coin("USDC"))
        assert house.withdraw(name, "USDC", Decimal(cash) / 10**6)
    return house


def run() -> dict[str, Outcome]:
    rules = ("lower of both", "refuse if it binds", "refuse the half update")
    return {rule: day(rule) for rule in (*rules, "rate and time together")}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "A ceiling of 1.194 under a rate of 1.2282, 10 March 2026: 34 accounts, 10,938 wstETH",
        ("rule", "update", "wstETH counts", "liquidated", "wstETH sold", "fees", "withdrawals"),
        [
            (rule, o.update, f"{o.counted / ONE:,.2f}" if o.counted else "no price", o.liquidated,
             f"{o.sold / 1e8:,.0f}", said(o.fees), "open" if o.can_withdraw else "shut")
            for rule, o in found.items()
        ],
        "Where the ceiling binds by more than half a percent, one of two numbers is wrong and the\n"
        "rule cannot know which: it has no price, and nobody is liquidated without one.",
    )  # fmt: skip


if __name__ == "__main__":
    report(run())
