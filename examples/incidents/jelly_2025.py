"""March 2025: a vault that must take every position takes one that was built to be taken.

On Hyperliquid somebody was short JELLY with one account and long with others, let the short be
liquidated into the venue's own vault and pushed the thin market up; sources speak of 6 to 12
million dollars of loss in sight before the price was overridden and the coin delisted. What is
ours: 430 million JELLY from 0.0095 dollars, 10 % of margin, a book in which nothing rests, a first
push to 0.0104, a peak of 0.0384 that makes the loss 12 million, a vault of 230 million dollars.
"""

from __future__ import annotations

from typing import NamedTuple

from drill import HOUR, ONE, House, perpetual, said, show

RULES = """
format = 1
name = "jelly"
version = "2025-03-26.1"
source = "an example"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}
coins = [{{ id = "USDC", decimals = 6 }}, {{ id = "JELLY", decimals = 6 }}]
liquidation = {{ order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }}
backstop = {{ account = "vault", notional_max = {most}, below_ratio = 0.666666667 }}

[margin.cross]
method = "{method}"
brackets.JELLY = [{{ above = 0, initial = 0.1, maintenance = 0.05 }}]
{interest}
"""
INTEREST = "open_interest.JELLY = {{ lower = 500_000, upper = 1_000_000, current = {current} }}"
ENTRY, PUSHED, PEAK = "0.0095", "0.0104", "0.0384"
STEPS, STEP_LOTS = 43, 10_000  # A lot is 1,000 JELLY, 9.50 dollars; a step is 95,000.
MARGIN = 410_000
VAULT = 230_000_000


class Outcome(NamedTuple):
    """What one rule did, in dollars' atoms; the long accounts are the attacker's own."""

    opened: int
    taken_over: int
    vault_lost: int
    deleveraged: int
    attacker: int  # What short and long made together.


def rules(rule: str, current: int) -> str:
    scaled = rule in ("margin by open interest", "both")
    return RULES.format(
        most=500_000 if rule in ("vault's limit of 500,000", "both") else 1_000_000_000,
        method="tiered_by_size" if scaled else "tiered",
        interest=INTEREST.format(current=current) if scaled else "",
    )


def story(rule: str) -> Outcome:
    """Short against long, a small push, the vault's turn, and the peak."""
    house = House(
        rules(rule, 0),
        (perpetual("JELLY", 10**9, "0.000001"),),
        ("short", "long", "vault"),
        "cross",
    )
    house.depth = 0
    house.price(USDC="1", JELLY=ENTRY)
    house.deposit("short", "USDC", MARGIN)
    house.deposit("long", "USDC", 10 * MARGIN)
    house.deposit("vault", "USDC", VAULT)
    opened = 0
    for _ in range(STEPS):
        house.change_rules(rules(rule, (opened + STEP_LOTS) * 95 // 10))
        if not house.trade("JELLY/USDC:USDC", "long", "short", STEP_LOTS, ENTRY):
            break
        opened += STEP_LOTS
    house.later(HOUR)
    for price in (PUSHED, PEAK):
        house.price(JELLY=price)
    tally = house.tally
    return Outcome(
        opened * 95 * ONE // 10,
        tally.taken_over,
        VAULT * ONE - house.equity("vault"),
        tally.deleveraged,
        house.equity("short") + house.equity("long") - 11 * MARGIN * ONE,
    )


def run() -> dict[str, Outcome]:
    one, two = "vault's limit of 500,000", "margin by open interest"
    return {rule: story(rule) for rule in ("vault takes everything", one, two, "both")}


def report(found: dict[str, Outcome]) -> None:
    """Print the table."""
    show(
        "JELLY, March 2025: short and long of one attacker, pushed from 0.0095 to 0.0384",
        ("rule", "opened", "vault took", "vault lost", "deleveraged", "attacker made"),
        [(rule, *(said(amount) for amount in outcome)) for rule, outcome in found.items()],
        "Beyond the vault's limit the short is closed against the other side, which is the\n"
        "attacker's own, at the price at which the short was broke.",
    )


if __name__ == "__main__":
    report(run())
