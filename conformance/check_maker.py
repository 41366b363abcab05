"""Maker's printed numbers: curves, both auctions, seizures, and its delayed median price."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.protocols import maker_auction, maker_vault
from seawall.protocols.maker_auction import (
    WAD,
    DutchAuction,
    DutchRules,
    EnglishAuction,
    EnglishRules,
    Good,
    Transfer,
)
from seawall.protocols.maker_curves import RAY, Curve, Exponential, Linear, Stair, auction_price

Case = dict[str, Any]
RAY_OF_WAD = RAY // WAD
# Where the source words a refusal otherwise, both must refuse and no more.
REFUSALS: dict[str, enum.IntEnum] = {
    "needs-reset": maker_auction.Refusal.NEEDS_RESET,
    "cannot-reset": maker_auction.Refusal.CANNOT_RESET,
    "too-expensive": maker_auction.Refusal.TOO_EXPENSIVE,
    "no-partial-purchase": maker_auction.Refusal.NO_PARTIAL_PURCHASE,
    "not-unsafe": maker_vault.Refusal.NOT_UNSAFE,
    "liquidation-limit-hit": maker_vault.Refusal.LIMIT_HIT,
    "dusty-auction-from-partial": maker_vault.Refusal.DUSTY_AUCTION,
    "dusty-auction-from-partial-liquidation": maker_vault.Refusal.DUSTY_AUCTION,
    "null-auction": maker_vault.Refusal.NULL_AUCTION,
}
OWNER, BENEFICIARY, ESCROW = -1, -2, -3


def every(rule: Callable[[Case], Outcome]) -> Checker:
    """A checker that judges each vector; one that is stated otherwise does not hide the rest."""

    def check(document: Any, folder: Path) -> Iterator[Outcome]:
        for case in document["vectors"]:
            try:
                yield rule(case)
            except Exception as error:
                yield Outcome(case["id"], "failed", f"{type(error).__name__}: {error}")

    return check


def refused(case: Case, reason: enum.IntEnum) -> Outcome:
    """Our refusal against the source's."""
    expected = case["exp"]
    if expected.get("ok"):
        return Outcome(case["id"], "failed", f"refused: {reason.name}")
    wanted = REFUSALS.get(str(expected.get("reason")).rsplit("/", 1)[-1], reason)
    return exactly(case["id"], wanted, reason)


def numbers(case: Case, found: dict[str, object]) -> Outcome:
    """Each number that the source states; a name that we do not compute fails."""
    judged = []
    for name, value in case["exp"].items():
        if name in ("ok", "reason"):
            continue
        wanted = int(value) if isinstance(value, str) else value
        judged.append(exactly(name, wanted, found[name]))
    if case["exp"].get("ok") is False:
        return Outcome(case["id"], "failed", f"not refused: {case['exp'].get('reason')}")
    return together(case["id"], judged)


def curve(kind: str, given: Case) -> Curve:
    """The curve of a kind that the source names."""
    if kind == "linear":
        return Linear(int(given["tau"]))
    if kind == "stairstep":
        return Stair(int(given["step"]), int(given["cut"]))
    return Exponential(int(given["cut"]))


def abaci(case: Case) -> Outcome:
    given = case["inp"]
    if case["curve"] not in ("linear", "stairstep", "exponential"):
        return skipped(case["id"], f"no curve {case['curve']}")
    found = auction_price(curve(case["curve"], given), int(given["top"]), int(given["dur"]))
    absolute = float(case.get("tol", 0))
    if absolute:
        return nearly(case["id"], int(case["exp"]["price"]), found, 0.0, absolute)
    return exactly(case["id"], int(case["exp"]["price"]), found)


def dutch(given: Case) -> tuple[DutchAuction, DutchRules]:
    """A running auction and its rules."""
    auction = DutchAuction(int(given["top"]), int(given["tab"]), int(given["lot"]))
    rules = DutchRules(
        curve=curve(given.get("curve", "stairstep"), given),
        price_factor_min=int(given["cusp"]),
        duration_max_seconds=int(given["tail"]),
        debt_min=int(given.get("chost", 0)),
        start_factor=int(given.get("buf", RAY)),
        reward_flat=int(given.get("tip", 0)),
        reward_share=int(given.get("chip", 0)),
    )
    return auction, rules


def take(case: Case) -> Outcome:
    given = case["inp"]
    auction, rules = dutch(given)
    before = int(given.get("dirt", auction.debt))
    try:
        found = maker_auction.take(
            auction, rules, int(given["elapsed"]), int(given["amt"]), int(given["max"])
        )
    except maker_auction.RefusedError as error:
        return refused(case, error.reason)
    after = found.after or DutchAuction(0, 0, 0)
    return numbers(
        case,
        {
            "paid": found.paid,
            "bought": found.bought,
            "returned": found.returned,
            "tab_after": after.debt,
            "lot_after": after.lot,
            "closed": found.after is None,
            "dirt_after": before - found.cleared,
        },
    )


def redo(case: Case) -> Outcome:
    given = case["inp"]
    if "top" not in given:
        rules = DutchRules(Linear(1), 0, 0, 0, RAY, int(given["tip"]), int(given["chip"]))
        reward = maker_auction.start_reward(rules, int(given["tab"]))
        return numbers(case, {"reward": reward})
    auction, rules = dutch(given)
    elapsed = int(given["elapsed"])
    feed = int(given["new_feed"]) * RAY_OF_WAD
    try:
        after, reward = maker_auction.reset(auction, rules, elapsed, feed)
    except maker_auction.RefusedError:
        after, reward, done = auction, 0, False
    else:
        done = True
    return numbers(
        case,
        {
            "needsRedo": maker_auction.needs_reset(auction, rules, elapsed),
            "price": auction_price(rules.curve, auction.top, elapsed),
            "redo_ok": done,
            "top_after": after.top,
            "reward": reward,
        },
    )


def bark(case: Case) -> Outcome:
    given = {name: int(value) for name, value in case["inp"].items()}
    rules = maker_vault.VaultRules(
        rate=given["rate"],
        safe_price=given["spot"],
        debt_min=given["dust"],
        penalty_factor=given["chop"],
        limit=given["hole"],
        limit_total=given["Hole"],
        under_auction=given.get("dirt", 0),
        under_auction_total=given.get("Dirt", 0),
    )
    try:
        found = maker_vault.seize(maker_vault.Vault(given["ink"], given["art"]), rules)
    except maker_vault.RefusedError as error:
        return refused(case, error.reason)
    return numbers(
        case,
        {
            "ink_after": found.after.collateral,
            "art_after": found.after.debt,
            "tab": found.target,
            "lot": found.lot,
            "Dirt_after": found.under_auction_total,
            "dirt_after": rules.under_auction + found.target,
        },
    )


def wad(amount: Any) -> int:
    """A decimal, exactly, in wads."""
    scaled = Decimal(str(amount)) * WAD
    assert scaled == int(scaled), amount
    return int(scaled)


class EnglishRun:
    """One auction, its clock and what everybody holds."""

    def __init__(self, given: Case) -> None:
        self.people = {"usr": OWNER, "gal": BENEFICIARY}
        self.rules = EnglishRules(wad(given["beg"]), int(given["ttl"]), int(given["tau"]))
        self.now = 1  # Any time will do; the contract keeps 0 for "no bid".
        self.coins: Counter[int] = Counter()
        for name, balance in given.get("balances", {}).items():
            self.coins[self.person(name)] = wad(balance)
        self.auction = EnglishAuction(
            lot=wad(given["lot"]),
            debt=wad(given["tab"]),
            end_time=self.now + self.rules.duration_seconds,
            owner=OWNER,
            beneficiary=BENEFICIARY,
            escrow=ESCROW,
            bidder=self.person("keeper"),
        )
        self.collateral: Counter[int] = Counter({ESCROW: self.auction.lot})

    def person(self, name: str) -> int:
        return self.people.setdefault(name, len(self.people))

    def move(self, transfers: tuple[Transfer, ...]) -> bool:
        """Post the transfers, or nothing if somebody lacks the amount."""
        held = {Good.COIN: self.coins.copy(), Good.COLLATERAL: self.collateral.copy()}
        for one in transfers:
            if held[one.good][one.payer] < one.amount:
                return False
            held[one.good][one.payer] -= one.amount
            held[one.good][one.payee] += one.amount
        self.coins, self.collateral = held[Good.COIN], held[Good.COLLATERAL]
        return True

    def call(self, step: Case) -> bool:
        """Do one step; whether it was taken."""
        auction, rules, now = self.auction, self.rules, self.now
        try:
            if step["op"] == "tick":
                self.auction = maker_auction.restart(auction, rules, now)
                return True
            if step["op"] == "deal":
                return self.move((maker_auction.settle(auction, now),))
            act = {"tend": maker_auction.raise_bid, "dent": maker_auction.lower_lot}[step["op"]]
            who, lot, bid = self.person(step["who"]), wad(step["lot"]), wad(step["bid"])
            after, transfers = act(auction, rules, now, who, lot, bid)
        except maker_auction.RefusedError:
            return False
        if not self.move(transfers):
            return False
        self.auction = after
        return True

    def held(self, name: str) -> int:
        """A balance by the source's name: coins, or `gem` for collateral; the owner's is one."""
        plain = name.replace("gem", "").strip("_:.()")
        held = self.collateral if "gem" in name or name == "usr" else self.coins
        return held[self.people[plain]]


def flip(case: Case) -> Outcome:
    run, judged = EnglishRun(case["inp"]), []
    for index, step in enumerate(case["steps"]):
        if step["op"] == "warp":
            run.now += int(step["dt"])
            continue
        if step["op"] not in ("tend", "dent", "deal", "tick"):
            return skipped(case["id"], f"no rule for the step {step['op']}")
        judged.append(exactly(f"step {index}", step.get("ok", True), run.call(step)))
        for name, balance in step.get("expect", {}).items():
            judged.append(exactly(f"step {index} {name}", wad(balance), run.held(name)))
    return together(case["id"], judged)


def osm(case: Case) -> Outcome:
    interval = int(case["inp"]["hop"])
    price, judged = maker_vault.DelayedPrice(), []
    for step in case["steps"]:
        source = None if step.get("src") is None else int(step["src"])
        before = price
        price = maker_vault.advanced(price, source, step["t"], interval)
        values = (("cur", price.current), ("nxt", price.following), ("zzz", price.read_time))
        judged.append(exactly(f"{step['t']} poke", step["poke"], price != before))
        for name, found in values:
            if name in step:
                wanted = None if step[name] is None else int(step[name])
                judged.append(exactly(f"{step['t']} {name}", wanted, found))
    return together(case["id"], judged)


def osm_median(case: Case) -> Outcome:
    if case["fn"] == "osm":
        return osm(case)
    if case["fn"] != "median":
        return skipped(case["id"], f"no rule for {case['fn']}")
    given = case["inp"]
    try:
        found = maker_vault.median(given["values"], given["bar"])
    except maker_vault.RefusedError as error:
        return refused(case, error.reason)
    return numbers(case, {"median": found})


def parameters(document: Any, folder: Path) -> Iterator[Outcome]:
    """The settings of May 2026 hold no expected number."""
    yield skipped("params_sky_2026-05", "a parameter table, no expected numbers")


FILES: dict[str, Checker] = {
    "defi/dss_abaci.json": every(abaci),
    "defi/dss_clip_take.json": every(take),
    "defi/dss_dog_bark.json": every(bark),
    "defi/dss_clip_redo_incentives.json": every(redo),
    "defi/maker_flip_english_auction.json": every(flip),
    "defi/maker_osm_median.json": every(osm_median),
    "defi/params_sky_2026-05.json": parameters,
}
