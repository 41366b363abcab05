"""Derive's Dutch auctions from start to last bid, on its portfolio margin, against `derive/`.

Each case is one account: the fee of the start, then bids at later moments in other markets. Cash,
positions and reserved cash are carried from bid to bid by our own rules; what the source states
before and after each bid is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from conformance.case import Checker, Outcome, exactly, nearly, together
from conformance.derive_files import first_generation, read_method
from seawall.margin.derive import DerivePortfolio, PortfolioMargin, portfolio_margin
from seawall.protocols.derive_auction import (
    Account,
    Terms,
    bid,
    bidder_cash,
    buffer_margin,
    can_terminate,
    discount,
    insolvent_payment,
    largest_share,
    start_fee,
)
from seawall.protocols.derive_feed import WAD, product

Case = Mapping[str, Any]
Found = dict[str, object]

SLACK = 1e-9  # Dollars, where the expectation is 0.
TERMS = {
    "start": "startingMtMPercentage",
    "cutoff": "fastAuctionCutoffPercentage",
    "fast_seconds": "fastAuctionLength",
    "slow_seconds": "slowAuctionLength",
    "insolvent_seconds": "insolventAuctionLength",
    "fee": "liquidatorFeeRate",
    "buffer": "bufferMarginPercentage",
}


class Held(NamedTuple):
    """What the account has left; cash includes what is reserved."""

    cash: int
    kept: Fraction = Fraction(1)  # Share of the positions of the start.
    reserved: int = 0
    is_solvent: bool = True  # When the auction started.


def scaled(number: object) -> int:
    """A decimal or a float with 18 decimals, truncated."""
    return int(Fraction(number if isinstance(number, float) else str(number)) * WAD)


def read_terms(document: Case) -> Terms:
    """The auction's terms; lengths are whole seconds, the rest ratios."""
    given = document["auction_params"]
    terms = {
        ours: int(given[theirs]) if ours.endswith("seconds") else scaled(given[theirs])
        for ours, theirs in TERMS.items()
    }
    return Terms(**terms, value_cutoff=scaled(document.get("mtm_cutoff", 0)))


def margin(
    method: DerivePortfolio, market: Case, opened: Case, held: Held, now: int
) -> PortfolioMargin:
    """The account's margin in a market, each option under the volatility of its strike."""
    volatility = {
        (each["expiry_timestamp"], Fraction(each["strike"])): each["vol"]
        for each in market.get("vols", [])
    }
    expiries = []
    for expiry in market["expiries"]:
        ends = expiry["expiry_timestamp"]
        options = [
            option
            | {
                "vol": volatility[ends, Fraction(option["strike"])],
                "amount": float(Fraction(option["amount"]) * held.kept),
            }
            for option in opened.get("options", [])
            if option["expiry_timestamp"] == ends
        ]
        seconds = max(0, ends - now)
        expiries.append(expiry | {"seconds_to_expiry": seconds, "options": options})
    positions: dict[str, object] = {
        name: float(Fraction(opened.get(name) or 0) * held.kept) for name in ("perp", "base")
    }
    positions |= {"cash": float(Fraction(held.cash, WAD)), "expiries": expiries}
    return portfolio_margin(method, *first_generation({"market": market, "positions": positions}))


def judged(found: PortfolioMargin, held: Held) -> Account:
    """A margin as the auction sees it."""
    return Account(scaled(found.maintenance), scaled(found.mark_value + found.cash), held.reserved)


def view(side: str, account: Account, terms: Terms, elapsed: int) -> Found:
    """What the source states of an account, before or after a bid."""
    most = largest_share(account, terms, discount(terms, elapsed)) if account.value > 0 else 0
    return {
        f"{side}_mtm": account.value,
        f"{side}_mm": account.margin,
        f"{side}_bm": buffer_margin(account, terms),
        f"{side}_max_proportion": most,
    }


def compared(wanted: Case, found: Found) -> Iterator[Outcome]:
    """Each number that a case states; one that we do not compute is a failure."""
    for name, expected in wanted.items():
        number = found.get(name)
        if name == "worst_scenario_index" or isinstance(number, bool):
            yield exactly(name, expected, number)
        elif isinstance(number, int):
            yield nearly(name, expected, Fraction(number, WAD), 1e-9, SLACK)
        else:
            yield Outcome(name, "failed", "no rule computes it")


def step(
    method: DerivePortfolio, terms: Terms, case: Case, action: Case, held: Held
) -> tuple[Held, list[Outcome]]:
    """One bid: what stands before it, what it pays, what is left."""
    opened, market, now = case["initial"], action["market"], action["time"]
    elapsed = now - case["start_time"]
    before = margin(method, market, opened, held, now)
    account = judged(before, held)
    found = view("pre", account, terms, elapsed)
    found["worst_scenario_index"] = before.worst_scenario
    wanted = scaled(action["bid_percent_wanted_of_current"])
    if held.is_solvent:
        bought = bid(account, terms, elapsed, wanted)
        share, payment, is_over = bought
        found["min_bidder_cash"] = bidder_cash(account, terms, bought)
    else:
        share, payment, is_over = wanted, 0, wanted == WAD
        found["sm_payout"] = insolvent_payment(account, terms, elapsed, wanted)
    sold = product(held.cash - held.reserved, share)
    left = held._replace(
        cash=held.cash - sold + payment,
        kept=held.kept * (1 - Fraction(share, WAD)),
        reserved=held.reserved + payment,
    )
    found |= {
        "bid_cash_from_bidder": payment,
        "proportion_liquidated_of_current": share,
        "reserved_cash_after": left.reserved,
    }
    found["auction_ongoing_after"] = not is_over
    if left.kept:
        after = judged(margin(method, market, opened, left, now), left)
        found |= view("post", after, terms, elapsed)
        if held.is_solvent and not is_over:
            found["auction_ongoing_after"] = not can_terminate(after, terms, elapsed)
    out = list(compared(action["expected"], found))
    derived = action.get("derived_not_in_source", {})
    if not left.kept:  # Nothing is left to be auctioned, though the file says that it goes on.
        derived = {name: derived[name] for name in derived if name != "auction_ongoing_after"}
    out += compared(derived, found)
    cash = action.get("cash_before_per_source")
    if cash is not None:
        out.append(nearly("cash before", cash, Fraction(held.cash, WAD), 1e-9, SLACK))
    return left, out


def check(document: Any, _: Path) -> Iterator[Outcome]:
    """Every auction of the file."""
    method = read_method(document["params"], document["scenarios"])
    terms = read_terms(document)
    for case in document["cases"]:
        held = Held(scaled(case["initial"]["cash"]))
        started = margin(method, case["initial"], case["initial"], held, case["start_time"])
        first = judged(started, held)
        fee = start_fee(first, terms)
        found: Found = {"liquidation_fee": fee, "derived_fee": fee}
        expected = dict(case["expected_start"])
        worst = expected.pop("derived_worst_scenario_index", started.worst_scenario)
        parts = [
            *compared(expected, found),
            exactly("worst scenario at the start", worst, started.worst_scenario),
        ]
        held = held._replace(cash=held.cash - fee, is_solvent=first.value > 0)
        for number, action in enumerate(case["actions"], 1):
            held, outcomes = step(method, terms, case, action, held)
            parts += [one._replace(name=f"bid {number} {one.name}") for one in outcomes]
        yield together(case["name"], parts)


FILES: dict[str, Checker] = {"derive/liquidation_sims.json": check}
