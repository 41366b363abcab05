"""Accounts over HTTP, against a real process; the numbers fit on a napkin.

Initial margin 10 %, maintenance 5 %. alice has 1,000 dollars and is long 0.1 BTC at 60,000:
notional 6,000, initial 600, maintenance 300, equity 0.1 · P − 5,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.engine.event import Elapsed, Started
from seawall.engine.history.journal import Journal
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import read
from seawall.service.client import Client, Problem, requests
from seawall.service.past import Past
from seawall.service.turns import Turns
from seawall.service.words.wire import Supposed, SupposedTrade

BTC = "BTC/USDC:USDC"
MINIMAL = Path(__file__).parents[2] / "rules" / "minimal.toml"


@pytest.fixture(scope="module")
def client(start: Callable[..., object], born: Callable[[Client], None]) -> Iterator[Client]:
    with start().ready().client() as client:  # type: ignore[attr-defined]
        born(client)
        yield client


def code_of(client: Client, wanted: requests.Wanted[object]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        client.send(wanted)
    return caught.value.status, caught.value.code


def sequence(client: Client) -> int:
    return int(client.send(requests.view("venue"))["sequence"])


def test_an_account_is_shown_with_rows_that_sum_to_its_equity(client: Client) -> None:
    shown = client.send(requests.account("alice"))
    verdict = shown.account.verdict
    assert verdict is not None
    told = (verdict.equity, verdict.margin_equity, verdict.initial, verdict.maintenance)
    assert told == ("1000", "1000", "600", "300")
    assert (verdict.headroom, verdict.health) == ("700", "3.333333333")  # 1000 ÷ 300
    assert (shown.account.notional, shown.account.distance) == ("6000", "0.116666666")  # 700 ÷ 6000
    rows = [(row.asset, row.quantity, row.value) for row in shown.rows]
    assert rows == [
        ("USDC", "1000", "1000"),
        (BTC, "0.1", "6000"),
        (f"{BTC} quote", "-6000", "-6000"),
    ]
    fund = client.send(requests.account("insurance_fund"))
    assert (fund.account.verdict, fund.rows) == (None, [])
    assert code_of(client, requests.account("nobody")) == (404, "unknown_account")


def test_accounts_come_in_pages_by_number_or_by_health(client: Client) -> None:
    first = client.send(requests.accounts(limit=2))
    assert ([one.name for one in first.accounts], first.total, first.next) == (
        ["alice", "bob"], 5, 2,
    )  # fmt: skip
    last = client.send(requests.accounts(limit=2, offset=4))
    assert ([one.name for one in last.accounts], last.next) == (["pat"], None)
    # alice 3.33; bob 1,000,000 ÷ 300; the others must hold nothing.
    health = client.send(requests.accounts(order="health"))
    assert [one.name for one in health.accounts] == ["alice", "bob", "carol", "dave", "pat"]
    assert client.send(requests.accounts(prefix="d")).accounts[0].name == "dave"
    assert client.send(requests.accounts(status="called")).total == 0
    assert code_of(client, requests.accounts(limit=501)) == (400, "bad_request")
    assert code_of(client, requests.accounts(status="rich")) == (400, "bad_request")


def test_accounts_are_opened_once_and_under_a_method_that_is_there(client: Client) -> None:
    client.send(requests.open_accounts({"erin": "cross"}))
    assert client.send(requests.account("erin")).account.method == "cross"
    taken = requests.open_accounts({"erin": "cross"})
    assert code_of(client, taken) == (409, "name_taken")
    assert code_of(client, requests.open_accounts({"fred": "none"})) == (404, "unknown_method")
    assert code_of(client, requests.open_accounts({"a/b": "cross"})) == (400, "bad_request")


def test_money_comes_and_goes(client: Client) -> None:
    client.send(requests.open_accounts({"gina": "cross"}))
    client.send(requests.deposit("gina", "USDC", "12.500001"))
    client.send(requests.withdraw("gina", "USDC", "2.5"))
    assert client.send(requests.account("gina")).rows[0].quantity == "10.000001"
    for wanted, said in (
        (requests.withdraw("gina", "USDC", "10.000002"), (422, "insufficient_margin")),
        (requests.deposit("gina", "USDC", "0"), (422, "amount_not_positive")),
        (requests.deposit("gina", "USDC", "0.0000001"), (400, "bad_amount")),
        (requests.deposit("gina", "USDC", "1e400"), (400, "bad_amount")),
        (requests.deposit("gina", "USDC", "NaN"), (400, "bad_amount")),
        (requests.deposit("gina", "EUR", "1"), (404, "unknown_coin")),
        (requests.deposit("nobody", "USDC", "1"), (404, "unknown_account")),
        (requests.withdraw("insurance_fund", "USDC", "1"), (404, "unknown_account")),
    ):
        assert code_of(client, wanted) == said
    assert client.send(requests.account("gina")).rows[0].quantity == "10.000001"


def test_a_trade_is_checked_before_it_is_made(client: Client) -> None:
    client.send(requests.open_accounts({"hal": "cross"}))
    client.send(requests.deposit("hal", "USDC", "600"))
    before = sequence(client)
    good = (BTC, "hal", "bob", "0.1", "60000")  # Initial margin 600: just enough.
    bad = (BTC, "hal", "bob", "0.101", "60000")
    assert client.send(requests.check_trade(*good))["accepted"] is True
    checked = client.send(requests.check_trade(*bad))
    assert (checked["accepted"], checked["code"]) == (False, "insufficient_margin")
    assert sequence(client) == before
    assert code_of(client, requests.trade(*bad)) == (422, "insufficient_margin")
    client.send(requests.trade(*good))
    assert client.send(requests.account("hal")).rows[1].quantity == "0.1"
    for wanted, said in (
        (requests.trade(BTC, "hal", "bob", "0.0001", "60000"), (400, "bad_amount")),
        (requests.trade(BTC, "hal", "bob", "0.001", "60000.01"), (422, "off_tick")),
        (requests.trade(BTC, "hal", "bob", "-0.001", "60000"), (422, "amount_not_positive")),
        (requests.trade("EUR/USD", "hal", "bob", "1", "1"), (404, "unknown_instrument")),
        (requests.trade(BTC, "hal", "dust", "0.001", "60000"), (404, "unknown_account")),
    ):
        assert code_of(client, wanted) == said


def test_margin_is_told_now_and_as_it_was(client: Client) -> None:
    before = sequence(client)
    client.send(requests.deposit("alice", "USDC", "50"))
    now, then = (client.send(requests.margin("alice", at)) for at in (None, before))
    assert (now.verdict.equity, now.sequence) == ("1050", before + 1)
    assert (then.verdict.equity, then.sequence) == ("1000", before)
    assert (then.verdict.initial, then.prices[BTC]) == ("600", "60000")
    client.send(requests.withdraw("alice", "USDC", "50"))
    assert code_of(client, requests.margin("alice", 10**6)) == (404, "unknown_sequence")
    assert code_of(client, requests.margin("alice", 2)) == (409, "no_price")
    assert code_of(client, requests.margin("alice", 0)) == (400, "bad_request")


def test_terms_add_up_to_the_requirement(client: Client) -> None:
    told = client.send(requests.explain("alice"))
    for key in ("equity", "margin_equity", "maintenance"):
        total = sum(Decimal(getattr(term, key)) for term in told.terms)
        assert total == Decimal(getattr(told.margin.verdict, key))
    assert client.send(requests.explain("alice", told.margin.sequence)) == told


def test_what_if_answers_and_journals_nothing(client: Client) -> None:
    before = sequence(client)
    # Half is sold at the mark, then BTC falls by 10 %: 1,000 − 0.05 · 6,000 = 700; 5 % of 2,700.
    change = Supposed(
        trades=(SupposedTrade(instrument=BTC, quantity="-0.05"),), moves={"BTC": "-10%"}
    )
    told = client.send(requests.what_if("alice", change))
    assert (told.before.equity, told.after.equity) == ("1000", "700")
    assert (told.before.maintenance, told.after.maintenance) == ("300", "135")
    paid = client.send(requests.what_if("alice", Supposed(deposits={"USDC": "-100"})))
    assert paid.after.equity == "900"
    bulk = client.send(requests.what_if_many([("alice", change), ("nobody", change)]))
    assert bulk.answers[0].shown == told
    assert bulk.answers[1].problem is not None
    assert bulk.answers[1].problem["code"] == "unknown_account"
    assert sequence(client) == before
    for bad in (
        Supposed(moves={"BTC": "-100%"}),
        Supposed(moves={"EUR": "1%"}),
        Supposed(trades=(SupposedTrade(instrument=BTC, quantity="0.00001"),)),
        Supposed(volatility="much"),
    ):
        assert code_of(client, requests.what_if("alice", bad)) == (400, "bad_change")
    unlisted = Supposed(trades=(SupposedTrade(instrument="EUR/USD", quantity="1"),))
    assert code_of(client, requests.what_if("alice", unlisted)) == (404, "unknown_instrument")
    assert code_of(client, requests.what_if_many([("alice", change)] * 201))[0] == 400


def test_liquidation_prices_are_those_of_the_napkin(client: Client) -> None:
    told = client.send(requests.liquidation_prices("alice"))
    at = {
        (one["line"], one["direction"]): one["at"]
        for one in told["crossings"]
        if one["measure"] == "price"
    }
    # 0.1 · P − 5,000 = 0.005 · P at 5,000 ÷ 0.095; a lot of 0.001 BTC counts whole atoms of 10⁻¹⁰.
    line = Decimal(5000) / Decimal("0.095")
    assert line - Decimal("0.0000001") < Decimal(at["called", "down"]) < line
    assert Decimal(at["initial", "down"]) < Decimal(5000) / Decimal("0.09") < Decimal("55555.56")
    assert at["called", "up"] is None
    assert code_of(client, requests.liquidation_prices("clearing")) == (404, "unknown_account")


def test_the_place_in_the_deleveraging_queue_follows_profit_and_leverage(client: Client) -> None:
    client.send(requests.open_accounts({"ivy": "cross"}))
    client.send(requests.deposit("ivy", "USDC", "2000"))
    client.send(requests.trade(BTC, "ivy", "bob", "0.1", "59000"))  # 100 dollars of profit.
    first = client.send(requests.deleveraging("ivy"))["positions"][0]
    second = client.send(requests.deleveraging("alice"))["positions"][0]
    assert (first["side"], first["place"], second["place"]) == ("long", 1, 2)
    assert second["of"] >= 2
    assert client.send(requests.deleveraging("dave"))["positions"] == []


def test_a_service_without_a_rulebook_waits_for_one(
    start: Callable[..., object], rules: str
) -> None:
    served = start(rules=None).ready()  # type: ignore[attr-defined]
    with served.client() as client:
        assert client.send(requests.view("venue"))["started"] is False
        for wanted in (
            requests.view("prices"),
            requests.account("alice"),
            requests.deposit("alice", "USDC", "1"),
            requests.activate(rules),
            requests.check_trade(BTC, "a", "b", "1", "1"),
        ):
            assert code_of(client, wanted) == (409, "not_started")
        opening = requests.start_venue(rules)
        first = client.send(opening)
        assert (first.sequence, client.send(opening).repeated) == (1, True)
        assert code_of(client, requests.start_venue(rules)) == (409, "already_started")
        assert client.send(requests.view("venue"))["name"] == "service"
        assert code_of(client, requests.check_trade(BTC, "a", "b", "1", "1")) == (409, "no_price")


def test_a_past_that_is_too_far_from_a_checkpoint_is_refused(tmp_path: Path) -> None:
    where = str(tmp_path / "venue.db")
    Journal.create(where).close()
    with Primary.open(where) as primary:
        primary.submit(Started(time_ms=1, rulebook=read(MINIMAL.read_text()).canonical()))
        for _ in range(40):
            primary.submit(Elapsed(time_ms=1))
    past = Past(where, Turns(), events_most=20)
    with pytest.raises(Problem) as caught:
        past.ask(21, lambda engine: engine.sequence)
    assert (caught.value.status, caught.value.code) == (422, "too_far")
    assert past.ask(20, lambda engine: engine.sequence) == 20
    with Primary.open(where, checkpoint_events=42) as primary:
        primary.submit(Elapsed(time_ms=1))  # The 42nd.
        primary.submit(Elapsed(time_ms=1))
    assert past.ask(43, lambda engine: engine.sequence) == 43
    for at in (12, 15, 15, 3, 20, 43):  # On from the last answer, or again from the beginning.
        with Journal.open(where, read_only=True) as journal:
            chain = journal.chain_at(at)
        assert past.ask(at, lambda engine: (engine.sequence, engine.chain)) == (at, chain)
