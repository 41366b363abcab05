"""Prices, calls, liquidations, auctions and funds over HTTP, against a real process.

Initial margin 10 %, maintenance 5 %, fee 0.5 %, slippage 1 %. Whoever has 1,000 dollars and is long
0.1 of a coin at 60,000 has equity 0.1 · P − 5,000: at 52,000 it is 200 and maintenance is 260.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seawall.engine.rules.rulebook import read
from seawall.liquidation.exits.sealed import commitment
from seawall.service.client import Client, Problem, requests
from seawall.service.words.wire import Answer, SourceReport

COMMIT_S = 4
SEALED = f"""
[exits.XRP]
exit = "sealed"
commit_seconds = {COMMIT_S}
reveal_seconds = 3_600
deposit_ratio = 0.1
"""
WHOLE = """
[auctions.account]
exit = "two_phase"
"""


@pytest.fixture(scope="module")
def client(start: Callable[..., Any], born: Callable[[Client], None]) -> Iterator[Client]:
    with start().ready().client() as client:
        born(client)
        yield client


def code_of(client: Client, wanted: requests.Wanted[Any]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        client.send(wanted)
    return caught.value.status, caught.value.code


def tell(client: Client, coin: str, price: str) -> Answer:
    return client.send(requests.tell_prices({coin: price}, {f"{coin}/USDC:USDC": price}))


def long(client: Client, name: str, coin: str, method: str = "cross") -> None:
    """Someone with 1,000 dollars who is long 0.1 at 60,000."""
    client.send(requests.open_accounts({name: method}))
    client.send(requests.deposit(name, "USDC", "1000"))
    tell(client, coin, "60000")
    client.send(requests.trade(f"{coin}/USDC:USDC", name, "bob", "0.1", "60000"))


def effects(answer: Answer, kind: str) -> list[dict[str, Any]]:
    return [one for one in answer.effects if one["effect"] == kind]


def test_prices_are_told_and_shown(client: Client) -> None:
    tell(client, "BTC", "60123.5")
    shown = client.send(requests.view("prices"))
    coins = {one["coin"]: one for one in shown["coins"]}
    marks = {one["instrument"]: one for one in shown["marks"]}
    assert coins["BTC"]["price"] == marks["BTC/USDC:USDC"]["mark"] == "60123.5"
    assert coins["BTC"]["priced_ms"] == shown["time_ms"]
    tell(client, "BTC", "60000")
    depth = {"BTC/USDC:USDC": ("12", "3.5")}
    client.send(requests.tell_prices(depth=depth, confidence={"BTC": "0.999"}))
    shown = client.send(requests.view("prices"))
    assert shown["marks"][0]["depth"] == ["12", "3.5"]
    for wanted, said in (
        (requests.tell_prices({"BTC": "0"}), (422, "price_not_positive")),
        (requests.tell_prices({"BTC": "-1"}), (422, "price_not_positive")),
        (requests.tell_prices({"EUR": "1"}), (404, "unknown_coin")),
        (requests.tell_prices({}, {"EUR/USD": "1"}), (404, "unknown_instrument")),
        (requests.tell_prices({"LINK": "20"}), (422, "price_from_oracle")),
        (requests.tell_prices({"BTC": "1e30"}), (400, "bad_amount")),
    ):
        assert code_of(client, wanted) == said


def test_an_oracle_makes_one_price_of_several_reports(client: Client) -> None:
    now = time.time_ns() // 1_000_000

    def reports(*prices: str) -> list[SourceReport]:
        return [
            SourceReport(source=source, price=price, published_ms=now)
            for source, price in zip("abc", prices, strict=True)
        ]

    answer = client.send(requests.tell_reports("LINK", reports("20.1", "20.3", "20.2")))
    assert effects(answer, "price_published")[0]["price"] == "20.2"
    assert effects(answer, "price_published")[0]["coin"] == "LINK"
    now += 1  # Two are more than 5 % from the median, and the third alone is too few.
    answer = client.send(requests.tell_reports("LINK", reports("10", "20", "40")))
    assert effects(answer, "price_refused")[0]["reason"] == "outlier"
    priced = requests.tell_reports("BTC", reports("1", "1", "1"))
    assert code_of(client, priced) == (422, "no_oracle")
    negative = [SourceReport(source="a", price="1", confidence="-1", published_ms=now)]
    assert code_of(client, requests.tell_reports("LINK", negative)) == (400, "bad_amount")


def test_a_call_has_an_amount_and_a_deadline_and_ends_with_a_deposit(client: Client) -> None:
    long(client, "pia", "BTC", "patient")
    answer = tell(client, "BTC", "52000")
    called = [one for one in effects(answer, "called") if one["account"] == "pia"]
    assert called[0]["amount"] == "320"  # Initial 520 less 200.
    calls = client.send(requests.view("calls"))
    assert [one["account"]["name"] for one in calls["calls"]] == ["pia"]
    assert (calls["calls"][0]["amount"], calls["calls"][0]["account"]["status"]) == (
        "320", "called",
    )  # fmt: skip
    assert 0 < calls["calls"][0]["left_ms"] <= 600_000
    assert client.send(requests.accounts(status="called")).total == 1
    client.send(requests.deposit("pia", "USDC", "320"))
    assert client.send(requests.view("calls"))["calls"] == []
    tell(client, "BTC", "60000")


def test_an_order_of_a_liquidation_is_answered_once(client: Client) -> None:
    long(client, "leo", "BTC")
    answer = tell(client, "BTC", "52000")
    waiting = [o for o in client.send(requests.view("orders"))["orders"] if o["account"] == "leo"]
    order = waiting[0]
    assert (order["lots"], order["quantity"], order["limit"]) == (-73, "-0.073", "51480")
    assert order["order"] in [one["order"] for one in effects(answer, "order_wanted")]
    shown = client.send(requests.view("liquidations"))["liquidations"]
    assert order in [o for one in shown for o in one["orders"]]
    fill = requests.fill(order["order"], 73, "51900")
    filled = client.send(fill)
    liquidated = effects(filled, "liquidated")[0]
    # 0.073 · 51,900 = 3,788.70; 0.5 % of it is 18.9435.
    assert (liquidated["notional"], liquidated["fee"]) == ("3788.7", "18.9435")
    again = client.send(fill)  # The order is gone, and the answer is the first one.
    assert again.repeated
    assert (again.sequence, again.effects) == (filled.sequence, filled.effects)
    assert code_of(client, requests.fill(order["order"], 1, "1")) == (404, "unknown_order")
    funds = client.send(requests.view("insurance-funds"))["funds"]
    assert funds[0]["fund"] == "insurance_fund"
    assert float(funds[0]["holds"]["USDC"]) >= 18.9435
    for one in client.send(requests.view("orders"))["orders"]:
        client.send(requests.fill(one["order"], abs(one["lots"]), "51900"))
    tell(client, "BTC", "60000")


def test_a_falling_price_is_taken(client: Client) -> None:
    long(client, "dora", "ETH")
    tell(client, "ETH", "52000")
    auction = client.send(requests.view("auctions"))["auctions"][0]
    told = (auction["account"], auction["kind"], auction["side"], auction["instrument"])
    assert told == ("dora", "dutch_linear", "sell", "ETH/USDC:USDC")
    number, lots = auction["auction"], auction["lots"]
    too_low = requests.take(number, "carol", lots, "40000")
    assert code_of(client, too_low) == (422, "beyond_limit")
    assert code_of(client, requests.take(number, "dora", 1, "60000")) == (404, "unknown_account")
    assert code_of(client, requests.bid(number, "carol", "52000")) == (422, "wrong_bid")
    taken = client.send(requests.take(number, "carol", lots, "54000"))
    filled = effects(taken, "exit_filled")[0]
    assert (filled["account"], filled["taker"], filled["lots"]) == ("dora", "carol", -lots)
    assert code_of(client, requests.take(number, "carol", 1, "54000")) == (404, "unknown_auction")


def test_a_bid_stands_in_an_english_auction(client: Client) -> None:
    long(client, "emil", "SOL")
    tell(client, "SOL", "52000")
    auctions = client.send(requests.view("auctions"))["auctions"]
    number = next(one["auction"] for one in auctions if one["kind"] == "english")
    stood = client.send(requests.bid(number, "carol", "51000"))
    assert effects(stood, "bid_stands")[0]["price"] == "51000"
    assert code_of(client, requests.bid(number, "bob", "50000")) == (422, "bid_too_low")
    assert code_of(client, requests.take(number, "bob", 1, "1")) == (422, "wrong_bid")
    assert code_of(client, requests.bid(10**6, "bob", "1")) == (404, "unknown_auction")


def test_rules_are_shown_compared_and_activated_and_a_sealed_bid_is_opened(
    client: Client, rules: str
) -> None:
    shown = client.send(requests.view("rulebook"))
    new = rules + SEALED
    changes = client.send(requests.rulebook_diff(new))
    assert changes["old"] == shown["fingerprint"]
    assert changes["new"] == read(new).fingerprint
    assert {one["key"].split(".")[1].split("[")[0] for one in changes["changes"]} == {"exits"}
    activation = requests.activate(new)
    client.send(activation)
    assert client.send(activation).repeated
    assert client.send(requests.view("rulebook"))["fingerprint"] == read(new).fingerprint
    bad = new.replace('order = "listed"', 'order = "any"')
    assert code_of(client, requests.activate(bad)) == (422, "bad_rulebook")
    assert code_of(client, requests.rulebook_diff("no = 1")) == (422, "bad_rulebook")
    other = new.replace("USDC", "USDT")
    assert code_of(client, requests.activate(other)) == (422, "rules_do_not_fit")
    long(client, "zoe", "XRP")
    tell(client, "XRP", "52000")
    auctions = client.send(requests.view("auctions"))["auctions"]
    auction = next(one for one in auctions if one["account"] == "zoe")
    bidder = client.send(requests.account("carol")).account.number
    lots, price, salt = auction["lots"], 51_000 * 10**10, b"salt"
    digest = commitment(auction["auction"], bidder, lots, price, salt)
    client.send(requests.commit(auction["auction"], "carol", digest))
    early = requests.reveal(auction["auction"], "carol", lots, "51000", salt)
    assert code_of(client, early) == (409, "too_early")
    time.sleep(COMMIT_S + 0.1)
    wrong = requests.reveal(auction["auction"], "carol", lots, "51001", salt)
    assert code_of(client, wrong) == (422, "commitment_mismatch")
    opened = client.send(requests.reveal(auction["auction"], "carol", lots, "51000", salt))
    assert effects(opened, "bid_stands")[0]["price"] == "51000"


def test_a_share_of_a_whole_account_is_taken(
    start: Callable[..., Any], born: Callable[[Client], None], rules: str
) -> None:
    served = start(rules=rules + WHOLE).ready()
    with served.client() as client:
        born(client)
        tell(client, "BTC", "52000")
        sale = client.send(requests.view("auctions"))["accounts"][0]
        assert (sale["account"], sale["left"]) == ("alice", "1")
        dear = requests.take_share(sale["auction"], "carol", "0.1", "1")
        assert code_of(client, dear) == (422, "beyond_limit")
        taken = client.send(requests.take_share(sale["auction"], "carol", "0.1", "100"))
        sold = effects(taken, "share_sold")[0]
        assert (sold["account"], sold["taker"], sold["share"]) == (
            "alice", "carol", "100000000000000000",
        )  # fmt: skip
        # A tenth of 100 lots, 10 lots or 0.01 BTC, went with it: 520 dollars.
        assert client.send(requests.account("carol")).rows[1].quantity == "0.01"
