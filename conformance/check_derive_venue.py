"""Derive's printed numbers for feeds, perpetuals, cash and auctions against our own rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from conformance.case import Checker, Outcome, exactly, nearly, skipped, together
from seawall.protocols import derive_auction, derive_cash, derive_feed, derive_perp
from seawall.protocols.derive_feed import WAD

Case = Mapping[str, Any]
Found = dict[str, Any]

TRADE = re.compile(r"(\w+)(?:\((\w+)\))?->(\w+)(?:\((\w+)\))?")
REFUSALS = {
    "negative forward": derive_feed.Refusal.NEGATIVE_FORWARD,
    "data too old": derive_feed.Refusal.DATA_TOO_OLD,
    "no elapsed time": derive_cash.Refusal.NO_ELAPSED_TIME,
    "price limit exceeded": derive_auction.Refusal.PRICE_LIMIT_EXCEEDED,
    "above maintenance margin": derive_auction.Refusal.ABOVE_MAINTENANCE_MARGIN,
    "reserved cash greater than MtM": derive_auction.Refusal.RESERVED_ABOVE_VALUE,
    "auction should be terminated": derive_auction.Refusal.SHOULD_BE_TERMINATED,
    "solvent auction ended": derive_auction.Refusal.WINDOW_OVER,
}
FUND = "SecurityModule"
DAY_SECONDS = 86_400
REFUSED = (derive_feed.RefusedError, derive_cash.RefusedError, derive_auction.RefusedError)
# What the source's tests set up where a case does not state it.
FUNDING = derive_perp.FundingTerms(8 * WAD, 75 * WAD // 10_000, 0)
AUCTION = derive_auction.Terms(WAD, WAD * 8 // 10, 600, 7_200, 600, 0, WAD // 10)


def scaled(number: object, otherwise: int = 0) -> int:
    """A decimal with 18 decimals, truncated; `otherwise` where the case states none."""
    return otherwise if number is None else int(Fraction(str(number)) * WAD)


def plain(number: int) -> Fraction:
    return Fraction(number, WAD)


def refusal(rule: Callable[[], object]) -> object:
    """Why a rule refuses, or None."""
    try:
        rule()
    except REFUSED as error:
        return error.reason
    return None


def judged(case: Case, found: Found) -> Outcome:
    """Compare each number that a case states; a number that we have no rule for skips the case."""
    absolute = float(Fraction(str(case.get("tolerance", "0.000000000001"))))
    outcomes = []
    for key, wanted in case["expected"].items():
        stem, _, digits = key.partition("_trunc")
        if stem not in found and found.keys() == {"error"}:
            return exactly(case["name"], wanted, found["error"].name)
        if stem not in found:
            return skipped(case["name"], f"no rule of ours for {key} from the fields stated")
        value = found[stem]
        if key.endswith("error"):
            if wanted not in REFUSALS:
                return skipped(case["name"], f"no refusal of ours for: {wanted}")
            outcomes.append(exactly(key, repr(REFUSALS[wanted]), repr(value)))
        elif isinstance(wanted, (bool, list)) or not isinstance(value, int):
            outcomes.append(exactly(key, wanted, value))
        elif stem != key:
            unit = 10 ** (18 - int(digits or 0))
            cut = derive_feed.quotient(value, unit) * unit
            outcomes.append(exactly(key, Fraction(str(wanted)), plain(cut)))
        else:
            outcomes.append(nearly(key, Fraction(str(wanted)), plain(value), 0.0, absolute))
    return together(case["name"], outcomes)


def by_rules(rules: tuple[Callable[[Case], Found], ...]) -> Checker:
    """A checker that gives each case to the first rule that knows its fields."""

    def check(document: Any, _folder: Path) -> Iterator[Outcome]:
        for case in document["cases"]:
            given = {"name": case["name"], **case.get("inputs", {})}
            try:
                found = next((found for rule in rules if (found := rule(given))), {})
                yield judged(case, found)
            except KeyError as field:
                yield skipped(case["name"], f"the case does not state {field}")

    return check


def funding(given: Case) -> Found:
    if "impact_bid" not in given:
        return {}
    terms = derive_perp.FundingTerms(
        scaled(given.get("convergence_hours"), FUNDING.convergence_hours),
        scaled(given.get("cap_per_hour"), FUNDING.cap),
        scaled(given.get("static_rate")),
    )
    spot, quotes = scaled(given["spot"]), (scaled(given["impact_bid"]), scaled(given["impact_ask"]))
    try:
        rate = derive_perp.funding_rate(spot, *quotes, terms)
    except derive_feed.RefusedError as error:
        return {"error": error.reason}
    index = derive_perp.index_change(rate, spot, int(given.get("elapsed_seconds", 0)))
    found: Found = {"funding_rate_per_hour": rate}
    for side in ("short", "long"):
        held = derive_perp.Position(scaled(given.get(f"{side}_position")), spot)
        found[f"{side}_funding"] = derive_perp.funding(held, index)
    held = derive_perp.Position(scaled(given.get("position")), spot)
    found["unsettled_and_unrealised_cash_before_apply"] = derive_perp.funding(held, index)
    found["after_apply"] = derive_perp.traded(held, 0, spot, index).cash
    return found


def trade(given: Case) -> Found:
    if "position_before" not in given:
        return {}
    held = derive_perp.Position(scaled(given["position_before"]), scaled(given["last_mark"]))
    after = derive_perp.traded(held, scaled(given.get("trade")), scaled(given["mark"]))
    return {"realised_pnl": after.cash, "position_after": after.size}


def positions(given: Case) -> Found:
    if "trades" not in given:
        return {}
    held: dict[str, int] = {}
    managers: dict[str, str] = {}
    for pair, amount in given["trades"]:
        match = TRADE.fullmatch(pair)
        assert match, pair
        seller, seller_manager, buyer, buyer_manager = match.groups()
        held[seller] = held.get(seller, 0) - scaled(amount)
        held[buyer] = held.get(buyer, 0) + scaled(amount)
        managers |= {seller: seller_manager or "m1", buyer: buyer_manager or "m1"}
    found: Found = {
        "open_interest": derive_perp.open_interest(held.values()),
        "total_position": derive_perp.total_position(held.values()),
    }
    for manager in set(managers.values()):
        own = (size for name, size in held.items() if managers[name] == manager)
        found[f"total_position_{manager}"] = derive_perp.total_position(own)
    return found


def disabled(given: Case) -> Found:
    if "positions" not in given or "disabled" not in given["name"]:
        return {}
    after = [derive_perp.Position(scaled(size), 0) for size in given["positions"]]
    return {"positions_after": [str(derive_perp.settled_disabled(one, 0, 0).size) for one in after]}


def price(given: Case) -> Found:
    if "spot_diff" in given:
        cap = scaled(given.get("cap"), WAD // 10)
        spot = scaled(given["spot"])
        return {"result": derive_feed.capped_price(spot, scaled(given["spot_diff"]), cap)}
    if "fwd_spot_difference" in given:
        spot, difference = scaled(given["spot"]), scaled(given["fwd_spot_difference"])
        try:
            # No case at hand states the time left; without one the averaging has not begun.
            found = derive_feed.forward(spot, difference, derive_feed.SETTLEMENT_SECONDS)
        except derive_feed.RefusedError as error:
            return {"error": error.reason}
        return {"forward": found.total} if len(given) == 3 else {}
    if given.get("update_timestamp") == "expiry":
        total = scaled(given["spot_average_over_last_30m"]) * derive_feed.SETTLEMENT_SECONDS
        settled = derive_feed.settlement_price(derive_feed.Aggregates(0, total))
        return {"settled": True, "settlement_price": settled}
    return {}


def freshness(given: Case) -> Found:
    if "heartbeat" in given and "age_seconds" in given:
        heartbeat, age = int(given["heartbeat"]), int(given["age_seconds"])
        return {"error": refusal(lambda: derive_feed.check_age(0, heartbeat, age))}
    if "second_same_timestamp" in given:
        stored = None
        for key in ("first", "second_same_timestamp"):
            value, confidence = map(scaled, given[key])
            update = derive_feed.Update(value, 0, confidence)
            stored = derive_feed.accepted(stored, update, 0, 0)
        return {"spot": stored.price} if stored else {}
    return {}


def lending(given: Case) -> Found:
    if "rate_multiplier" not in given and "elapsed_seconds" not in given:
        return {}
    used = derive_cash.utilisation(scaled(given.get("supply")), scaled(given.get("borrows")))
    rate = derive_cash.borrow_rate(model(given), used)
    found: Found = {"rate": rate, "utilisation": used}
    if "elapsed_seconds" in given:
        try:
            found["factor"] = derive_cash.interest_factor(rate, int(given["elapsed_seconds"]))
        except derive_cash.RefusedError as error:
            found["error"] = error.reason
    return found


def model(given: Case) -> derive_cash.RateModel:
    names = ("min_rate", "rate_multiplier", "high_rate_multiplier", "optimal_util")
    return derive_cash.RateModel(*(scaled(given.get(name)) for name in names))


def losses(given: Case) -> Found:
    if "losses" not in given:
        return {}
    deposits = scaled(given["deposits"])
    stable = scaled(given.get("stable_held"), deposits)
    pool = derive_cash.Pool(deposits, 0, stable, scaled(given.get("sm_fee")))
    for loss in map(scaled, given["losses"]):
        pool, _ = derive_cash.changed(
            derive_cash.after_loss(pool, loss), derive_cash.Holding(), loss
        )
        pool = derive_cash.with_withdraw_fee(pool)
    if "stable_donated" in given:
        pool = pool._replace(stable=pool.stable + scaled(given["stable_donated"]))
        pool = derive_cash.without_withdraw_fee(pool)
    return {
        "exchange_rate": derive_cash.exchange_rate(pool),
        "withdraw_fee_enabled": pool.has_withdraw_fee,
        "sm_fee_after": pool.fund_share,
        "cash_burned": derive_cash.cash_burned(pool, scaled(given.get("withdraw_stable"))),
    }


def fund(given: Case) -> Found:
    if "requested" in given:
        paid = derive_cash.fund_payout(scaled(given["sm_balance"]), scaled(given["requested"]))
        return {"paid": paid}
    if "donate" in given:
        held = scaled(given["balance"])
        pool = derive_cash.Pool(held, 0, held - scaled(given.get("stable_burned")))
        return {"balance_after": held - derive_cash.burnable(pool, scaled(given["donate"]))}
    return {}


def auction_terms(given: Case) -> derive_auction.Terms:
    stated = given.get("params", {})
    return derive_auction.Terms(
        scaled(stated.get("startingMtMPercentage"), AUCTION.start),
        scaled(stated.get("fastAuctionCutoffPercentage"), AUCTION.cutoff),
        int(stated.get("fastAuctionLength", AUCTION.fast_seconds)),
        int(stated.get("slowAuctionLength", AUCTION.slow_seconds)),
        int(stated.get("insolventAuctionLength", given.get("insolvent_length", 600))),
        scaled(stated.get("liquidatorFeeRate"), AUCTION.fee),
        scaled(stated.get("bufferMarginPercentage"), AUCTION.buffer),
    )


def auction(given: Case) -> Found:
    terms, elapsed = auction_terms(given), int(given.get("elapsed", 0))
    asked = derive_auction.discount(terms, elapsed)
    if "mtm_first" in given:
        return race(given, terms, elapsed)
    if "mtm" not in given:
        over = derive_auction.Account(-WAD, WAD)
        return {
            "discount": asked,
            "bid_error": refusal(lambda: derive_auction.bid(over, terms, elapsed, WAD)),
        }
    account = derive_auction.Account(
        scaled(given.get("mm")), scaled(given["mtm"]), scaled(given.get("reserved"))
    )
    if given["name"].startswith("insolvent") or "insolvent_length" in given:
        return insolvent(given, account, terms, elapsed)
    wanted = scaled(given.get("wanted"), WAD)
    limit = scaled(given["price_limit"]) if "price_limit" in given else None
    found: Found = {
        "discount": asked,
        "bid_price": derive_auction.solvent_price(account, terms, elapsed),
        "price_before": derive_auction.solvent_price(account, terms, elapsed),
        "buffer_margin": derive_auction.buffer_margin(account, terms),
        "max_proportion": derive_auction.largest_share(account, terms, asked),
        "fee": derive_auction.start_fee(account, terms),
        "can_terminate": derive_auction.can_terminate(account, terms, elapsed),
        "restart_insolvent": account.margin < 0 and account.value <= 0,
    }
    try:
        bought = derive_auction.bid(account, terms, elapsed, wanted, limit)
        found |= {
            "cash_from_bidder": bought.payment,
            "auction_ongoing_after": not bought.ends_auction,
        }
    except derive_auction.RefusedError as error:
        found |= {"error": error.reason, "bid_error": error.reason, "cash_from_bidder": None}
    found["convert_error"] = refusal(lambda: derive_auction.converted(account, terms, elapsed))
    found["insolvent_after"] = found["convert_error"] is None
    return found


def race(given: Case, terms: derive_auction.Terms, elapsed: int) -> Found:
    """Two bids at one instant, each a share of what is there when it comes."""
    found: Found = {}
    for key in ("first", "second"):
        reserved = scaled(given.get(f"reserved_{key}"))
        account = derive_auction.Account(scaled("-100"), scaled(given[f"mtm_{key}"]), reserved)
        bought = derive_auction.bid(account, terms, elapsed, scaled(given[key]))
        found[f"{key}_cash"] = bought.payment
    return found


def insolvent(
    given: Case, account: derive_auction.Account, terms: derive_auction.Terms, elapsed: int
) -> Found:
    found: Found = {"bid_price": derive_auction.insolvent_price(account, terms, elapsed)}
    if "wanted" in given:
        paid = derive_auction.insolvent_payment(account, terms, elapsed, scaled(given["wanted"]))
        found["cash_to_bidder"] = -paid
    if "at" in given:
        found["results"] = [
            limited(account, terms, int(when), scaled(limit)) for when, limit in given["at"]
        ]
    return found


def limited(
    account: derive_auction.Account, terms: derive_auction.Terms, elapsed: int, limit: int
) -> str:
    """What becomes of a bid for all of an insolvent account, in the source's words."""
    pay = derive_auction.insolvent_payment
    reason = refusal(lambda: pay(account, terms, elapsed, WAD, limit))
    return next((name for name, ours in REFUSALS.items() if ours is reason), "ok")


def cash_sequence(document: Any, _folder: Path) -> Iterator[Outcome]:
    """One pool through its steps; after each the accrued fees go to the insurance fund."""
    terms = model(document["interest_rate_model"])
    pool = derive_cash.Pool(0, 0, 0, scaled(document["sm_fee"]))
    held: dict[str, derive_cash.Holding] = {}
    for name, amount in document["starting_balances"].items():
        pool, held[name] = derive_cash.changed(pool, derive_cash.Holding(), scaled(amount))
    pool = pool._replace(stable=derive_cash.total_cash(pool))
    for case in document["cases"]:
        pool = derive_cash.accrued(pool, terms, int(case["days_since_previous"]) * DAY_SECONDS)
        pool = stepped(pool, held, case)
        fees = pool.fees
        pool, held[FUND] = derive_cash.changed(pool._replace(fees=0), held[FUND], fees)
        found = {
            "total_supply": pool.supply,
            "total_borrow": pool.borrow,
            "stable_balance": pool.stable,
        }
        used = derive_cash.utilisation(pool.supply, pool.borrow, pool.net_settled)
        wanted, name = case["expected"], f"step {case['step']}"
        outcomes = [
            nearly(key, Fraction(wanted[key]), plain(value), 0.0, 1.0)
            for key, value in found.items()
        ]
        outcomes.append(
            nearly("utilisation", Fraction(wanted["utilisation"]), plain(used), 0.0, 1e-6)
        )
        outcome = together(name, outcomes)
        if outcome.status == "failed" and case["status"].startswith("not asserted"):
            outcome = skipped(name, "not asserted by the source; its figures and ours differ")
        yield outcome


def stepped(
    pool: derive_cash.Pool, held: dict[str, derive_cash.Holding], case: Case
) -> derive_cash.Pool:
    """The pool after one event, the accounts changed in place."""

    def add(pool: derive_cash.Pool, name: str, amount: int) -> derive_cash.Pool:
        pool, held[name] = derive_cash.changed(pool, held.get(name, derive_cash.Holding()), amount)
        return pool

    event, name, amount = case["event"], case["account"], scaled(case["amount"])
    if event == "START":
        return pool
    if event == "TRADE":
        pool = add(pool, case["counterparty_paying"], -amount)
    elif event == "SETTLEMENT":
        pool = pool._replace(net_settled=pool.net_settled + amount)
    elif event == "BORROW":
        pool = pool._replace(stable=pool.stable + amount)
    elif event == "INSOLVENCY":
        paid = derive_cash.fund_payout(held[FUND].balance, amount)
        pool = add(pool, FUND, -paid)
        pool = derive_cash.after_loss(pool, amount - paid)
        return derive_cash.with_withdraw_fee(add(pool, name, amount))
    else:
        raise ValueError(f"event {event}: no such step")
    return add(pool, name, amount)


FILES: dict[str, Checker] = {
    "derive/perp_unit.json": by_rules((funding, trade, positions, disabled)),
    "derive/auction_unit.json": by_rules((auction,)),
    "derive/feed_unit.json": by_rules((price, freshness)),
    "derive/interest_unit.json": by_rules((lending,)),
    "derive/cash_unit.json": by_rules((losses, fund)),
    "derive/cash_sequence.json": cash_sequence,
}
