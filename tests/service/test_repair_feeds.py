"""Funding, expiries, feeds of collateral and a book that moves in, over HTTP; what came of them.

alice is long 0.1 of BTC against bob at 60,000 and has 1,000 dollars; initial margin 10 %,
maintenance 5 %.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.service.shifted import PROGRAM, Clock

from seawall.service.client import Client, Problem, requests
from seawall.service.client import repair_requests as wanted
from seawall.service.words.wire import ContractTold

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"
COINS = """
  { id = "POOL", decimals = 8, collateral = [{ rule = "pool_share" }] },
  { id = "SHARE", decimals = 8, collateral = [
    { rule = "yield_bearing", snapshot = 1.0, growth_bps = 0 },
  ], deposit_cap = 5_000 },
]
operators ="""
FUNDING = """
[funding.ETH]
rule = "towards_interest"
interest = 0.0001
clamp = 0.0005
period_hours = 8
interval_hours = 8
"""


@pytest.fixture(scope="module")
def client(
    start: Callable[..., Any], born: Callable[[Client], None], rules: str
) -> Iterator[Client]:
    rules = rules.replace("]\noperators =", COINS.lstrip("\n"), 1) + FUNDING
    with start(rules=rules).ready().client() as client:
        client.send(requests.tell_prices({"POOL": "100", "SHARE": "1000"}))
        born(client)
        yield client


def code_of(client: Client, what: requests.Wanted[Any]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        client.send(what)
    return caught.value.status, caught.value.code


def equity(client: Client, name: str) -> str:
    return client.send(requests.margin(name)).verdict.equity


def test_a_rate_is_told_and_its_payment_shown(client: Client) -> None:
    tell = wanted.tell_funding(BTC, "0.0001")
    done = client.send(tell)
    (paid,) = done.effects
    # 0.1 × 60,000 × 0.0001 = 0.6 dollars from alice to bob.
    assert (paid["effect"], paid["notional"], paid["rate"], paid["accounts"]) == (
        *("funding_paid", "0.6"),
        *("0.0001", 2),
    )
    assert equity(client, "alice") == "999.4"
    assert equity(client, "bob") == "1000000.6"
    assert client.send(tell).repeated
    assert equity(client, "alice") == "999.4"
    shown = {one["instrument"]: one for one in client.send(wanted.funding())["perpetuals"]}
    assert (shown[BTC]["rate"], shown[BTC]["rule"], shown[BTC]["interval"]) == (
        *("0.0001", None),
        None,
    )
    history = client.send(wanted.history("funding"))
    assert (history["total"], history["rows"][0]["sequence"]) == (1, done.sequence)
    assert history["rows"][0]["notional"] == "0.6"
    client.send(wanted.tell_funding(BTC, "-0.0001"))  # And shorts pay it back.
    assert equity(client, "alice") == "1000"
    assert client.send(wanted.history("funding", last=done.sequence))["total"] == 1
    assert client.send(wanted.history("funding"))["total"] == 2
    assert code_of(client, wanted.tell_funding(ETH, "0.0001")) == (422, "funding_by_rule")
    assert code_of(client, wanted.tell_funding("DOGE", "0")) == (404, "unknown_instrument")
    assert code_of(client, wanted.tell_funding(BTC, "1e-12")) == (400, "bad_amount")


def test_samples_gather_in_the_open_interval(client: Client) -> None:
    client.send(wanted.tell_premium(ETH, "0.003"))
    # (max(0, 60,060 − 60,000) − max(0, 60,000 − 60,120)) ÷ 60,000 = 0.001, so the mean is 0.002.
    client.send(wanted.tell_premium(ETH, impact=("60060", "60120", "60000")))
    shown = {one["instrument"]: one for one in client.send(wanted.funding())["perpetuals"]}
    interval = shown[ETH]["interval"]
    assert (interval["samples"], interval["premium"]) == (2, "0.002")
    assert interval["ends_ms"] % 28_800_000 == 0
    assert 0 < interval["ends_ms"] - interval["since_ms"] <= 28_800_000
    assert shown[ETH]["rule"]["rule"] == "towards_interest"
    assert code_of(client, wanted.tell_premium(BTC, "0.001")) == (422, "no_funding_rule")
    for wrong in (
        wanted.tell_premium(ETH),
        wanted.tell_premium(ETH, "0.001", impact=("1", "1", "1")),
        requests.Wanted("POST", "/v1/premiums", dict, b'{"instrument": "x", "bid": "1"}', key="p"),
    ):
        assert code_of(client, wrong) == (400, "bad_request")
    zero = wanted.tell_premium(ETH, impact=("0", "1", "1"))
    assert code_of(client, zero) == (422, "price_not_positive")


def test_a_contract_expires_at_the_price_that_is_told(client: Client) -> None:
    name = "BTC/USDC:USDC-271231"
    future = ContractTold(
        id=name,
        type="future",
        base="BTC",
        quote="USDC",
        settle="USDC",
        lot="0.001",
        tick="0.1",
        expires_ms=1_830_211_200_000,
    )
    client.send(requests.list_instruments([future]))
    client.send(requests.tell_prices(marks={name: "60000"}))
    client.send(requests.open_accounts({"gus": "cross"}))
    client.send(requests.deposit("gus", "USDC", "1000"))
    client.send(requests.trade(name, "gus", "bob", "0.01", "60000"))
    done = client.send(wanted.tell_settlement(name, "61000"))
    (expired,) = [one for one in done.effects if one["effect"] == "expired"]
    assert (expired["instrument"], expired["price"], expired["accounts"]) == (name, "61000", 2)
    rows = {one.asset: one.quantity for one in client.send(requests.account("gus")).rows}
    assert rows == {"USDC": "1010"}  # 0.01 × 1,000 dollars more.
    history = client.send(wanted.history("settlements", first=done.sequence))
    assert [one["instrument"] for one in history["rows"]] == [name]
    assert code_of(client, wanted.tell_settlement(name, "0")) == (422, "price_not_positive")
    assert code_of(client, wanted.tell_settlement("DOGE", "1")) == (404, "unknown_instrument")


def test_what_feeds_say_of_collateral_counts_at_once(client: Client) -> None:
    client.send(requests.open_accounts({"pol": "cross", "sha": "cross"}))
    client.send(requests.deposit("pol", "POOL", "10"))
    client.send(requests.deposit("sha", "SHARE", "1"))

    def counted(name: str) -> tuple[str, str]:
        verdict = client.send(requests.margin(name)).verdict
        return verdict.equity, verdict.margin_equity

    assert counted("pol") == ("1000", "0")  # Without a fair price it counts nothing.
    client.send(wanted.tell_collateral("POOL", fair_price="80"))
    assert counted("pol") == ("1000", "800")
    client.send(wanted.tell_collateral("POOL", fair_price="120"))
    assert counted("pol") == ("1000", "1000")
    # A rate of 1.25 under a ceiling of 1: four fifths of it are believed.
    client.send(wanted.tell_collateral("SHARE", rate="1.25", elapsed_s=60))
    assert counted("sha") == ("1000", "800")
    shown = {one["coin"]: one for one in client.send(wanted.collateral())["coins"]}
    assert shown["SHARE"] == {
        "coin": "SHARE",
        "observed": True,
        "rate": "1.25",
        "elapsed_s": 60,
        "fair_price": "0",
        "deposit_cap": "5000",
    }
    assert (shown["POOL"]["fair_price"], shown["USDC"]["observed"]) == ("120", False)
    assert code_of(client, wanted.tell_collateral("DOGE", rate="1")) == (404, "unknown_coin")
    negative = wanted.tell_collateral("SHARE", rate="-1")
    assert code_of(client, negative) == (422, "price_not_positive")
    # Five of it are worth the cap of 5,000 dollars, and one is there.
    assert code_of(client, requests.deposit("sha", "SHARE", "4.1")) == (422, "collateral_cap")


def test_a_book_moves_in_with_one_command(client: Client) -> None:
    client.send(requests.open_accounts({"eve": "cross", "fay": "cross"}))
    rows = [
        ("eve", BTC, "10"),  # Lots of 0.001, bought at 60,000 with 500 dollars of her own.
        ("eve", "USDC", "-100"),
        ("fay", BTC, "-10"),
        ("fay", "USDC", "1600"),
    ]
    book = wanted.move_in(rows)
    client.send(book)
    assert client.send(book).repeated
    assert (equity(client, "eve"), equity(client, "fay")) == ("500", "1000")
    for bad, code in [
        (("nobody", "USDC", "1"), (404, "unknown_account")),
        (("insurance_fund", "USDC", "1"), (404, "unknown_account")),
        (("eve", "DOGE", "1"), (404, "unknown_instrument")),
        (("eve", BTC, "0.5"), (400, "bad_amount")),
        (("eve", "USDC", "1e30"), (400, "bad_amount")),
        (("eve", "USDC", "nan"), (400, "bad_amount")),
    ]:
        assert code_of(client, wanted.move_in([bad])) == code


def test_calls_and_liquidations_of_a_range_are_told_step_by_step(client: Client) -> None:
    client.send(requests.open_accounts({"leo": "cross"}))
    for name in ("leo", "pat"):
        client.send(requests.deposit(name, "USDC", "1000"))
        client.send(requests.trade(BTC, name, "bob", "0.1", "60000"))
    client.send(requests.tell_prices(depth={BTC: ("12", "3.5")}))
    fall = client.send(requests.tell_prices({"BTC": "52000"}, {BTC: "52000"}))
    orders = client.send(requests.view("orders"))["orders"]
    order = next(one["order"] for one in orders if one["account"] == "leo")
    filled = client.send(requests.fill(order, 73, "51900"))
    topped = client.send(requests.deposit("pat", "USDC", "320"))

    def steps(of: Any, **query: Any) -> list[tuple[int, str]]:
        told = client.send(wanted.history(of, first=fall.sequence, **query))
        assert told["total"] == len(told["rows"])
        return [(one["sequence"], one["effect"]) for one in reversed(told["rows"])]

    assert steps("calls", account="pat") == [
        (fall.sequence, "state_changed"),
        (fall.sequence, "called"),
        (topped.sequence, "state_changed"),
    ]
    assert steps("liquidations", account="leo") == [
        (fall.sequence, "state_changed"),
        (filled.sequence, "liquidated"),
        (filled.sequence, "state_changed"),
    ]
    assert steps("liquidations", account="pat") == []
    whole = client.send(wanted.history("liquidations", first=fall.sequence))
    second = client.send(wanted.history("liquidations", first=fall.sequence, offset=1, limit=1))
    assert second["rows"] == whole["rows"][1:2]
    assert second["total"] == whole["total"]
    assert client.send(wanted.history("calls", last=fall.sequence - 1))["rows"] == []
    unknown = wanted.history("calls", account="nobody")
    assert code_of(client, unknown) == (404, "unknown_account")


def test_an_interval_is_paid_when_it_is_over_without_a_command(
    start: Callable[..., Any],
    born: Callable[[Client], None],
    rules: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(tmp_path, monkeypatch)
    served = start("--monitor", "off", rules=rules + FUNDING, program=PROGRAM).ready()
    with served.client() as client:
        born(client)
        client.send(requests.deposit("dave", "USDC", "1000"))
        client.send(requests.trade(ETH, "dave", "bob", "0.1", "60000"))
        client.send(wanted.tell_premium(ETH, "0.0003"))
        perpetuals = client.send(wanted.funding())["perpetuals"]
        interval = next(one for one in perpetuals if one["instrument"] == ETH)["interval"]
        clock.shift(28_800_000)
        until = time.monotonic() + 20
        while not (rows := client.send(wanted.history("funding"))["rows"]):
            assert time.monotonic() < until
            time.sleep(0.05)
        # The premium is above the interest of 0.0001 by less than the clamp, so the interest is
        # paid, for the part of eight hours in which there was a contract.
        part = (interval["ends_ms"] - interval["since_ms"]) / 28_800_000
        assert rows[0]["ended_ms"] == interval["ends_ms"]
        assert float(rows[0]["rate"]) == pytest.approx(0.0001 * part, abs=2e-9)
        assert (rows[0]["premium"], rows[0]["samples"], rows[0]["accounts"]) == ("0.0003", 1, 2)
        paid = 1000 - float(equity(client, "dave"))
        assert paid == pytest.approx(6000 * float(rows[0]["rate"]), abs=2e-6)
        event = client.send(requests.journal(rows[0]["sequence"], 1))["entries"][0]["event"]
        assert event["event"] == "elapsed"
