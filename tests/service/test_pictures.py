"""What the account pages are drawn from, against a real process; numbers that fit on a napkin.

Initial margin 10 %, maintenance 5 %. alice has 1,000 dollars and is long 0.1 BTC at 60,000:
notional 6,000, initial 600, maintenance 300, equity 0.1 · P − 5,000.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from seawall.service.client import Client, picture_requests, requests
from seawall.service.words.wire import Supposed

BTC = "BTC/USDC:USDC"


class Asked:
    """A service and a plain HTTP client of it."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.http = httpx.Client(base_url=served.url, trust_env=False, timeout=30.0)

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *raised: object) -> None:
        self.http.close()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = self.http.post(path, json=body)
        return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def asked(start: Callable[..., Any], born: Callable[[Client], None]) -> Iterator[Asked]:
    served = start().ready()
    with served.client() as client:
        born(client)
    with Asked(served) as asked:
        yield asked


def test_a_picture_has_rows_that_sum_to_the_headline(asked: Asked) -> None:
    told = asked.post("/v1/accounts/alice/picture", {})
    before = told["before"]
    assert told["after"] is None
    assert sum(Decimal(row["value"]) for row in before["rows"]) == Decimal("1000")
    assert (before["sum"], before["sums_to_equity"]) == ("1000", True)
    assert before["verdict"]["equity"] == "1000"
    assert [row["kind"] for row in before["rows"]] == ["currency", "linear", "quote"]
    assert before["scenarios"] is None  # Brackets have no scenarios.
    assert [one["delta"] for one in before["sensitivities"]] == [0.1]
    maintenance = sum(Decimal(term["maintenance"]) for term in before["terms"])
    assert maintenance == Decimal(before["verdict"]["maintenance"]) == 300


def test_what_is_supposed_stands_beside_what_is(asked: Asked) -> None:
    change = {"trades": [{"instrument": BTC, "quantity": "0.1"}], "moves": {"BTC": "-5%"}}
    told = asked.post("/v1/accounts/alice/picture", {"change": change})
    # 0.2 BTC at 57,000 is 11,400; bought at 60,000: equity 1,000 − 300 − 300.
    after = told["after"]["verdict"]
    assert (after["equity"], after["initial"], after["maintenance"]) == ("400", "1140", "570")
    assert told["after"]["state"] == "below maintenance"
    assert told["before"]["verdict"]["equity"] == "1000"
    assert asked.get("/v1/accounts/alice")["account"]["verdict"]["equity"] == "1000"


def test_curves_are_margin_over_the_price(asked: Asked) -> None:
    body: dict[str, Any] = {"low_percent": 50, "high_percent": 150, "points": 3, "after_s": 86_400}
    told = asked.post("/v1/accounts/alice/curves", body)
    (curve,) = told["curves"]
    assert (curve["coin"], curve["prices"]) == ("BTC", ["30000", "60000", "90000"])
    # 0.1 · P − 5,000; maintenance 5 % and initial 10 % of 0.1 · P. Nothing here decays.
    assert curve["now"]["equity"] == ["-2000", "1000", "4000"]
    assert curve["now"]["maintenance"] == ["150", "300", "450"]
    assert curve["now"]["initial"] == ["300", "600", "900"]
    assert curve["later"] == curve["now"]
    body = {"points": 2, "change": {"trades": [{"instrument": BTC, "quantity": "-0.1"}]}}
    told = asked.post("/v1/accounts/alice/curves", body)
    (curve,) = told["curves"]
    assert told["series"] == ["now", "changed"]
    assert curve["prices"] == ["30000", "60000", "90000"]  # Today's is always among them.
    assert curve["changed"]["equity"] == ["1000"] * 3  # Nothing is left that moves.


def test_wrong_pictures_are_refused(asked: Asked) -> None:
    assert asked.refused("/v1/accounts/nobody/picture", {}) == (404, "unknown_account")
    trades = {"trades": [{"instrument": "EUR", "quantity": "1"}]}
    asked_of = "/v1/accounts/alice/picture"
    assert asked.refused(asked_of, {"change": trades}) == (404, "unknown_instrument")
    assert asked.refused(asked_of, {"change": {"moves": {"BTC": "-100%"}}}) == (400, "bad_change")
    assert asked.refused(asked_of, {"after_s": -1}) == (400, "bad_request")
    curves = "/v1/accounts/alice/curves"
    assert asked.refused(curves, {"coin": "EUR"}) == (404, "unknown_coin")
    assert asked.refused(curves, {"points": 1}) == (400, "bad_request")


def test_accounts_are_searched_and_sorted(asked: Asked) -> None:
    def names(**query: Any) -> list[str]:
        return [one["name"] for one in asked.get("/v1/accounts", **query)["accounts"]]

    # Distance: alice 700 ÷ 6,000, bob (1,000,000 − 300) ÷ 6,000; the others hold no contract.
    assert names(order="distance") == ["alice", "bob", "carol", "dave", "pat"]
    assert names(order="equity")[:3] == ["bob", "carol", "alice"]
    assert names(order="notional", limit=2) == ["alice", "bob"]
    assert names(order="name")[-1] == "pat"
    assert names(order="distance", reverse=True)[-1] == "alice"
    assert names(search="A") == ["alice", "carol", "dave", "pat"]
    assert names(search="a", prefix="c") == ["carol"]
    listed = asked.get("/v1/accounts", search="alice")["accounts"][0]
    priced = {one["coin"]: one["priced_ms"] for one in asked.get("/v1/prices")["coins"]}
    assert listed["oldest_ms"] == min(priced["BTC"], priced["USDC"])


def test_a_timeline_has_what_happened_to_an_account_and_survives_a_restart(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
        client.send(requests.open_accounts({"tom": "patient"}))
        client.send(requests.deposit("tom", "USDC", "700"))
        client.send(requests.trade(BTC, "tom", "bob", "0.1", "60000"))
        # 0.1 · 55,000 − 5,300 = 200 < 5 % of 5,500: called.
        client.send(requests.tell_prices({"BTC": "55000"}, {BTC: "55000"}))
    with Asked(served) as asked:
        told = asked.get("/v1/accounts/tom/timeline")
        page = asked.get("/v1/accounts/tom/timeline", limit=2)
        rest = asked.get("/v1/accounts/tom/timeline", before=page["next"])
        assert [one["event"] for one in told["moments"]] == ["priced", "traded", "deposited"]
    priced, traded, deposited = told["moments"]
    assert [one["effect"] for one in priced["effects"]] == ["state_changed", "called"]
    assert (priced["own"], priced["effects"][1]["amount"]) == (None, "350")  # 550 − 200
    assert (traded["own"]["buyer"], traded["own"]["seller"]) == ("tom", "bob")
    assert deposited["own"]["account"] == "tom"
    assert page["next"] == traded["sequence"]
    assert (rest["moments"], rest["next"]) == ([deposited], None)
    served.signal(signal.SIGKILL)
    served.start()
    served.ready()
    with Asked(served) as asked:
        assert asked.get("/v1/accounts/tom/timeline")["moments"] == told["moments"]


def test_losses_say_who_paid_and_funds_what_they_were_worth(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
        client.send(requests.deposit("insurance_fund", "USDC", "500"))
        # alice: 0.1 · 47,000 − 5,000 = −300; her lots are sold at 47,000, and the fund pays 300
        # and what the taker fee comes to.
        depth = {BTC: ("100", "100")}
        client.send(requests.tell_prices({"BTC": "47000"}, {BTC: "47000"}, depth=depth))
        (order,) = client.send(requests.view("orders"))["orders"]
        client.send(requests.fill(order["order"], -order["lots"], "47000"))
    with Asked(served) as asked:
        told = asked.get("/v1/losses")
        history = asked.get("/v1/insurance-funds/history")["funds"]
    stages = told["stages"]
    assert (stages["book"], stages["liquidations"], stages["bankruptcies"]) == ("4700", 1, 1)
    assert Decimal(stages["funds"]) == 300 + Decimal(stages["fees"])
    assert (stages["shared"], stages["uncovered"], stages["counterparties"]) == ("0", "0", "0")
    (loss,) = told["losses"]
    paid = [one["atoms"] for one in loss["effects"] if one["effect"] == "fund_paid"]
    assert (loss["account"], sum(map(Decimal, paid))) == ("alice", Decimal(stages["funds"]))
    assert [one["fund"] for one in history] == ["insurance_fund"]
    worth = [point["worth"] for point in history[0]["points"]]
    assert worth == ["0", "500", "200"]  # Whatever fee it got came from it.


def test_the_queue_shows_who_would_be_asked_first(asked: Asked) -> None:
    told = asked.get("/v1/deleveraging")
    sides = {(one["instrument"], one["side"]): one for one in told["queues"]}
    assert set(sides) == {(BTC, "long"), (BTC, "short")}
    (first,) = sides[BTC, "short"]["accounts"]
    assert (first["place"], first["account"], first["quantity"]) == (1, "bob", "-0.1")
    assert first["notional"] == "6000"
    assert len(asked.get("/v1/deleveraging", instrument=BTC, limit=1)["queues"]) == 2


def test_every_picture_is_a_request_too(asked: Asked, rules: str) -> None:
    with asked.served.client() as client:
        change = Supposed(moves={"BTC": "-5%"})
        told = client.send(picture_requests.picture("alice", change, 3600))
        assert told["after"]["verdict"]["equity"] == "700"  # 0.1 · 57,000 − 5,000
        (curve,) = client.send(picture_requests.curves("alice", coin="BTC", points=2))["curves"]
        assert curve["prices"] == ["30000", "60000", "90000"]
        first = client.send(picture_requests.timeline("alice", limit=1))
        assert [one["event"] for one in first["moments"]] == ["traded"]
        rest = client.send(picture_requests.timeline("alice", before=first["next"]))
        assert [one["event"] for one in rest["moments"]] == ["deposited"]
        assert client.send(picture_requests.losses())["stages"]["liquidations"] == 0
        assert (
            client.send(picture_requests.fund_history())["funds"][0]["points"][-1]["worth"] == "0"
        )
        queues = client.send(picture_requests.deleveraging_queue(BTC))["queues"]
        assert [one["side"] for one in queues] == ["long", "short"]
        assert client.send(picture_requests.rulebook_effect(rules))["changed"] == 0
        page = client.send(requests.accounts(order="distance", search="li", limit=1))
        assert [one.name for one in page.accounts] == ["alice"]
