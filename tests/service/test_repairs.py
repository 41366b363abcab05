"""Wrong prices and a custodian's statement over HTTP: reported, signed twice, paid once.

The venue's initial margin is 10 %, maintenance 5 %, slippage 1 %, fee 0.5 %. alice is long 0.1 of
BTC at 60,000 with 1,000 dollars: at P her equity is 0.1 · P − 5,000. One tick says 52,000: equity
200, maintenance 260, so 73 lots of 0.001 are sold (tests/worked/test_correction_worked.py). The
street takes them at 51,900, where they are worth 60,000 each: 0.073 × 8,100 = 591.30 lost, and the
fee, 0.5 % of 0.073 × 51,900 = 18.9435: 610.2435 in all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from seawall.service.client import Client, Problem, requests
from seawall.service.client import repair_requests as wanted
from seawall.service.words.repair_wire import TickTold, Window

PERPETUAL = "BTC/USDC:USDC"
RIGHT = {"BTC": "60000", PERPETUAL: "60000"}


class Room(NamedTuple):
    """A served venue with two operators and the window in which its price was wrong."""

    served: Any
    keys: dict[str, str]
    window: Window

    def send(self, name: str, what: requests.Wanted[Any]) -> Any:
        with self.served.client(self.keys[name]) as client:
            return client.send(what)

    def code_of(self, name: str, what: requests.Wanted[Any]) -> tuple[int, str]:
        with pytest.raises(Problem) as caught:
            self.send(name, what)
        return caught.value.status, caught.value.code


@pytest.fixture(scope="module")
def room(start: Callable[..., Any], born: Callable[[Client], None]) -> Room:
    return begun(start("--bootstrap").ready(), born)


def begun(served: Any, born: Callable[[Client], None]) -> Room:
    """Let the wrong price do its harm."""
    secret = next(line for line in served.said if line.startswith("admin key")).split()[-1]
    keys = {"admin": secret}
    with served.client(secret) as client:
        born(client)
        for name in ("ann", "ben", "cid"):
            made = client.send(requests.make_key(name, ["read", "operate"], name))
            keys[name] = made.secret
        keys["reader"] = client.send(requests.make_key("reader", ["read"])).secret
        client.send(requests.tell_prices(depth={PERPETUAL: ("12", "3.5")}))
        first = client.send(requests.tell_prices({"BTC": "52000"}, {PERPETUAL: "52000"}))
        order = next(one for one in first.effects if one["effect"] == "order_wanted")
        assert order["lots"] == -73
        client.send(requests.fill(order["order"], 73, "51900"))
        last = client.send(requests.tell_prices({"BTC": "60000"}, {PERPETUAL: "60000"}))
    return Room(served, keys, Window(first=first.sequence, last=last.sequence))


def rows(shown: Any) -> dict[str, tuple[str, str]]:
    return {one.account: (one.lost, one.owed) for one in shown.accounts}


def test_the_report_is_the_one_of_the_worked_example(room: Room) -> None:
    told = room.send("ann", wanted.correction_report(room.window, RIGHT))
    assert rows(told) == {
        "alice": ("610.2435", "610.2435"),
        "market": ("-591.3", "0"),
        "insurance_fund": ("-18.9435", "0"),
    }
    alice = told.accounts[0]
    assert (alice.calls, alice.calls_right, alice.wrongly_liquidated) == (1, 0, True)
    assert (told.owed, told.unpaid, told.cash) == ("610.2435", "591.3", "USDC")
    assert [(one.payer, one.amount) for one in told.payers] == [("insurance_fund", "18.9435")]
    # The same by time, and tick by tick.
    entries = room.send("ann", requests.journal(room.window.first, 1))["entries"]
    ticks = [TickTold(sequence=room.window.first, name=name, price="60000") for name in RIGHT]
    by_tick = room.send("ann", wanted.correction_report(room.window, ticks=ticks))
    assert rows(by_tick) == rows(told)
    window = Window(from_ms=entries[0]["time_ms"], until_ms=told.time_ms)
    by_time = room.send("ann", wanted.correction_report(window, RIGHT))
    assert (rows(by_time), by_time.first_sequence) == (rows(told), room.window.first)
    # By a factor: 52,000 × 1.25 would not have hurt her, and 60,000 × 1.25 = 75,000 is what the
    # 0.073 would be worth now: 5,475 − 3,788.70 + 18.9435.
    factor = room.send("ann", wanted.correction_report(room.window, dict.fromkeys(RIGHT, "x1.25")))
    assert rows(factor)["alice"] == ("1705.2435", "1705.2435")
    few = room.send("ann", wanted.correction_report(room.window, RIGHT, least="611"))
    assert (few.victims, few.owed) == (0, "0")


def test_what_cannot_be_worked_out_says_why(room: Room) -> None:
    report = wanted.correction_report
    last = room.window.last
    for window, code in [
        (Window(first=1, last=last), "bad_window"),
        (Window(first=last, last=last - 1), "bad_window"),
        (Window(first=2, last=10**6), "bad_window"),
        (Window(first=2), "bad_request"),
        (Window(first=2, last=3, from_ms=1, until_ms=2), "bad_request"),
    ]:
        assert room.code_of("ann", report(window, RIGHT))[1] == code
    for prices, code in [
        ({}, "bad_request"),
        ({"DOGE": "1"}, "unknown_instrument"),
        ({"BTC": "-1"}, "bad_amount"),
        ({"BTC": "x"}, "bad_amount"),
        ({"BTC": "x0"}, "bad_amount"),
    ]:
        assert room.code_of("ann", report(room.window, prices))[1] == code
    nobody = report(room.window, RIGHT, payers=["nobody"])
    assert room.code_of("ann", nobody) == (422, "cannot_be_corrected")
    assert room.code_of("ann", report(room.window, RIGHT, payers=["alice"])) == (
        422,
        "cannot_be_corrected",
    )
    assert room.code_of("reader", report(room.window, RIGHT)) == (403, "scope_missing")


def test_two_operators_pay_what_was_owed_and_only_once(room: Room) -> None:
    before = room.send("reader", requests.account("alice"))
    propose = wanted.propose_correction
    poor = propose(room.window, RIGHT, reason="a bad tick")
    assert room.code_of("ann", poor) == (422, "payer_cannot_pay")
    payers = ["insurance_fund", "outside"]
    one = propose(room.window, RIGHT, payers=payers, reason="a bad tick")
    assert room.code_of("admin", one) == (403, "two_operators_needed")
    assert room.code_of("cid", one) == (403, "two_operators_needed")
    made = room.send("ann", one)
    again = room.send("ann", one)
    assert again == made
    other = propose(room.window, RIGHT, payers=payers, reason="another", key=one.key)
    assert room.code_of("ann", other) == (422, "key_reused")
    twin = room.send("ann", propose(room.window, RIGHT, payers=payers, reason="a bad tick"))

    shown = room.send("ben", wanted.repair(made.proposal))
    assert shown.reason == "a bad tick"
    assert shown.correction == made.correction
    assert [(one.payer, one.receiver, one.asset, one.quantity) for one in shown.moves] == [
        ("insurance_fund", "alice", "USDC", "18.9435"),
        ("outside", "alice", "USDC", "591.3"),
    ]
    assert room.send("reader", requests.account("alice")).account == before.account
    assert room.code_of("ann", wanted.sign_repair(made.proposal)) == (403, "two_operators_needed")
    assert room.code_of("admin", wanted.sign_repair(made.proposal))[1] == "two_operators_needed"
    assert room.code_of("ben", wanted.sign_repair(999)) == (404, "unknown_proposal")

    done = room.send("ben", wanted.sign_repair(made.proposal))
    assert [one["effect"] for one in done.effects][:2] == ["compensated", "compensated"]
    assert sum(float(one["atoms"]) for one in done.effects[:2]) == pytest.approx(610.2435)
    repeated = room.send("ben", wanted.sign_repair(made.proposal))
    assert (repeated.sequence, repeated.repeated) == (done.sequence, True)
    # Before the tick her equity was 1,000 at a price of 60,000, and it is so again.
    assert room.send("reader", requests.margin("alice")).verdict.equity == "1000"
    assert room.code_of("ben", wanted.sign_repair(twin.proposal)) == (409, "already_corrected")
    late = propose(room.window, RIGHT, payers=payers, reason="once more")
    assert room.code_of("ann", late) == (409, "already_corrected")
    lines = room.send("reader", wanted.repairs()).proposals
    assert [(one.proposal, one.second, one.sequence) for one in lines] == [
        (made.proposal, "ben", done.sequence),
        (twin.proposal, None, None),
    ]
    event = room.send("reader", requests.journal(done.sequence, 1))["entries"][0]["event"]
    assert (event["first"], event["second"], event["reason"]) == ("ann", "ben", "a bad tick")
    acts = room.send("admin", requests.audit("acts"))["acts"]
    said = [one["action"] for one in acts if "correction" in one["action"]]
    assert said == ["correction proposed by ann"] * 2 + ["correction signed by ben"]


def test_a_statement_moves_nothing_until_two_have_signed(room: Room) -> None:
    stated = [("carol", "USDC", "20000.5"), ("dave", "USDC", "0.004"), ("dave", "BTC", "0")]
    report = wanted.reconciliation_report
    told = room.send("ann", report("custodian", stated, tolerances={"USDC": "0.01"}))
    assert (told.differing, told.beyond) == (2, 1)
    carol, dave = told.differences
    assert (carol.account, carol.asset, carol.ledger, carol.statement) == (
        *("carol", "USDC"),
        *("20000", "20000.5"),
    )
    assert (carol.difference, carol.beyond, carol.age_ms) == ("0.5", True, 0)
    assert (dave.difference, dave.tolerance, dave.beyond) == ("0.004", "0.01", False)
    text = "account,asset,quantity\ncarol,USDC,20000.5\ndave,USDC,0.004\ndave,BTC,0\n"
    by_csv = room.send("ann", report("custodian", text, tolerances={"USDC": "0.01"}))
    assert by_csv.differences == told.differences
    earlier = report("custodian", stated, as_of_ms=told.as_of_ms, tolerances={"USDC": "0.01"})
    assert room.send("ann", earlier).after_event == told.after_event

    one = wanted.propose_reconciliation("custodian", text, tolerances={"USDC": "0.01"})
    made = room.send("ann", one)
    twin = room.send("ann", wanted.propose_reconciliation("custodian", stated))
    assert room.send("reader", wanted.suspense()).items == []
    assert room.send("reader", requests.account("carol")).rows[0].quantity == "20000"
    done = room.send("ben", wanted.sign_repair(made.proposal))
    assert [(e["effect"], e["account"]) for e in done.effects[:1]] == [("suspended", "carol")]
    assert room.send("reader", requests.account("carol")).rows[0].quantity == "20000.5"
    assert room.code_of("ben", wanted.sign_repair(twin.proposal)) == (409, "overtaken")
    (item,) = room.send("reader", wanted.suspense()).items
    assert (item.account, item.asset, item.quantity) == ("carol", "USDC", "0.5")
    same = wanted.propose_reconciliation("custodian", text, tolerances={"USDC": "0.01"})
    assert room.code_of("ann", same) == (409, "nothing_to_repair")
    # What was within tolerance was noted then, and is as old as that.
    later = room.send("ann", report("custodian", stated, tolerances={"USDC": "0.01"}))
    assert [(one.account, one.beyond) for one in later.differences] == [("dave", False)]
    assert later.differences[0].since_ms == made.reconciliation.as_of_ms


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"source": "x"}, 400, "bad_statement"),
        ({"source": "x", "rows": [], "csv": "a,b"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset\na,b"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity\na,b"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity\na,b,c,d"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity\ncarol,USDC,1e-9"}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity\nnobody,USDC,1"}, 400, "bad_statement"),
        ({"source": "x", "csv": 'account,asset,quantity\n"a,b,c'}, 400, "bad_statement"),
        ({"source": "x", "csv": "account,asset,quantity\ncarol,USDC,nan"}, 400, "bad_statement"),
        (
            {"source": "x", "csv": "account,asset,quantity\ncarol,USDC,1", "as_of_ms": 5},
            422,
            "bad_statement",
        ),
        (
            {
                "source": "x",
                "csv": "account,asset,quantity\ncarol,USDC,1",
                "tolerances": {"DOGE": "1"},
            },
            404,
            "unknown_instrument",
        ),
    ],
)
def test_a_statement_that_cannot_be_read_says_why(
    room: Room, body: dict[str, Any], status: int, code: str
) -> None:
    import httpx

    answer = httpx.post(
        f"{room.served.url}/v1/reconciliations/report",
        json=body,
        headers={"Authorization": f"Bearer {room.keys['ann']}"},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_commands_go_on_while_a_repair_is_worked_out(room: Room) -> None:
    with room.served.client(room.keys["admin"]) as client:
        first = client.send(requests.tell_prices({"ETH": "60000"})).sequence
        for step in range(150):
            last = client.send(requests.tell_prices({"ETH": str(60_000 + step)})).sequence
        report = wanted.correction_report(Window(first=first, last=last), {"ETH": "x1.01"})
        reports: list[Any] = []
        others: list[Problem] = []

        def ask() -> None:
            with room.served.client(room.keys["ann"], retries=0) as other:
                try:
                    reports.append(other.send(report))
                except Problem as problem:
                    others.append(problem)

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        answered = 0
        while any(thread.is_alive() for thread in asking):
            client.send(requests.deposit("bob", "USDC", "1"))
            answered += 1
        for thread in asking:
            thread.join()
    assert answered >= 3
    assert reports[0].differing == 0  # Nobody holds ETH.
    assert all((one.status, one.code) == (503, "busy") for one in others)


def test_repairs_are_there_after_a_crash(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    room = begun(start("--bootstrap").ready(), born)
    text = "account,asset,quantity\ncarol,USDC,20000.5\n"
    made = room.send("ann", wanted.propose_reconciliation("custodian", text))
    done = room.send("ben", wanted.sign_repair(made.proposal))
    before = room.send("reader", wanted.repairs())
    suspense = room.send("reader", wanted.suspense())
    (signed,) = before.proposals
    assert (signed.sequence, suspense.items[0].quantity) == (done.sequence, "0.5")
    room.served.kill()
    room.served.arguments = ()
    room.served.start()
    room.served.ready()
    assert room.send("reader", wanted.repairs()) == before
    assert room.send("reader", wanted.suspense()).items == suspense.items
    repeated = room.send("ben", wanted.sign_repair(signed.proposal))
    assert (repeated.sequence, repeated.repeated) == (signed.sequence, True)


def test_both_are_signed_on_postgresql_too(
    start: Callable[..., Any], born: Callable[[Client], None], postgresql_schema: str
) -> None:
    room = begun(start("--bootstrap", store=postgresql_schema).ready(), born)
    payers = ["insurance_fund", "outside"]
    one = wanted.propose_correction(room.window, RIGHT, payers=payers, reason="a bad tick")
    made = room.send("ann", one)
    assert room.send("ann", one) == made
    paid = room.send("ben", wanted.sign_repair(made.proposal))
    assert room.send("reader", requests.margin("alice")).verdict.equity == "1000"
    text = "account,asset,quantity\ncarol,USDC,20000.5\n"
    stated = room.send("ben", wanted.propose_reconciliation("custodian", text))
    room.send("ann", wanted.sign_repair(stated.proposal))
    assert room.send("reader", wanted.suspense()).items[0].quantity == "0.5"
    lines = room.send("reader", wanted.repairs()).proposals
    assert [(one.kind, one.first, one.second) for one in lines] == [
        ("correction", "ann", "ben"),
        ("reconciliation", "ben", "ann"),
    ]
    assert lines[0].sequence == paid.sequence
    taken = room.send("reader", wanted.history("liquidations", account="alice"))
    assert [row["effect"] for row in reversed(taken["rows"])][:2] == ["state_changed", "liquidated"]
