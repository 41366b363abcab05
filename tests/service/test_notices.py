"""Notices of a real service: from a tick to a receiver on loopback, and through restarts.

Each test has an account of its own in one venue, long 0.1 of BTC from 60,000 with 1,000 dollars,
under brackets of 10 % and 5 % and with ten minutes of grace: at 53,000 its equity is 300 and its
maintenance 265.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.service.receiver import Receiver

from seawall.service.client import Client, Problem, requests
from seawall.service.notices import SignatureError, verify, wanted
from seawall.service.notices.wire import (
    AmountAbove,
    Escalation,
    NoticeShown,
    RatioBelow,
    RuleAsked,
    SigmasBelow,
    Silence,
    TargetAsked,
)

COINS = ("BTC", "ETH", "SOL", "XRP", "LINK")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def served(start: Callable[..., Any], born: Callable[[Client], None]) -> Any:
    served = start().ready()
    with served.client() as client:
        born(client)
    return served


@pytest.fixture
def who(served: Any) -> str:
    """A new account at 60,000."""
    name = f"w{uuid.uuid4().hex[:8]}"
    with served.client() as client:
        tick(client, "60000")
        join(client, name, "patient")
    return name


def join(client: Client, name: str, method: str) -> None:
    client.send(requests.open_accounts({name: method}))
    client.send(requests.deposit(name, "USDC", "1000"))
    client.send(requests.trade("BTC/USDC:USDC", name, "bob", "0.1", "60000"))


def webhook(client: Client, receiver: Receiver, **more: Any) -> tuple[str, str]:
    asked = TargetAsked(name="desk", kind="webhook", url=receiver.url, **more)
    target = client.send(wanted.add_target(asked))
    assert target.secret is not None
    return target.id, target.secret


def tick(client: Client, price: str) -> int:
    told = requests.tell_prices({"BTC": price}, {"BTC/USDC:USDC": price})
    return client.send(told).sequence


def when(client: Client, count: int, **chosen: Any) -> list[NoticeShown]:
    """Wait for so many notices of a kind."""
    until = time.monotonic() + 15
    while True:
        found = client.send(wanted.notices(**chosen)).notices
        if len(found) >= count:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.01)


def test_a_call_reaches_its_webhook_signed_and_in_order(
    served: Any, receiver: Receiver, who: str
) -> None:
    with served.client() as client:
        join(client, f"{who}.hasty", "cross")  # The same without grace.
        target, secret = webhook(client, receiver)
        kinds = ("warned", "call", "call_withdrawn", "recovered", "liquidation_started")
        for name in (who, f"{who}.hasty"):
            client.send(wanted.add_rule(RuleAsked(account=name, on=kinds, targets=(target,))))
        warned = tick(client, "53000")
        receiver.wait(2)
        # Equity 1,000 − 0.1 · 7,500 = 250 is below 262.5; initial is 525, so 275 are missing.
        called = tick(client, "52500")
        receiver.wait(4)
        tick(client, "60000")
        receiver.wait(5)
        told = receiver.read(secret)
        of_who = [one for one in told if one["account"] == who]
        assert [(one["kind"], one["sequence"]) for one in of_who[:2]] == [
            ("warned", warned),
            ("call", called),
        ]
        assert [one["kind"] for one in of_who[2:]] == ["call_withdrawn"]
        call: Any = of_who[1]["effect"]
        assert call["amount"] == "275"
        assert str(of_who[1]["text"]).startswith(f"{who}: margin call 1, 275 USD by 20")
        of_hasty = [one["kind"] for one in told if one["account"] != who]
        assert of_hasty == ["warned", "liquidation_started"]
        assert {got.path for got in receiver.got} == {"/hook"}
        first = receiver.got[0]
        with pytest.raises(SignatureError):
            verify(secret, first.headers, first.body + b" ")
        with pytest.raises(SignatureError):
            verify(secret, first.headers, first.body, time.time() + 301)
        assert len(when(client, 3, account=who, state="sent")) == 3


def test_each_line_is_told_once_down_and_once_up(served: Any, receiver: Receiver, who: str) -> None:
    """Health at 55,000 is 500 ÷ 275 = 1.81, and at 55,500 550 ÷ 277.5 = 1.98.

    Two daily sigmas of 60 % a year take 55,000 to 55,000 · e^(−2 · 0.6 ÷ √365) = 51,651.7: equity
    165 against 258. From 57,000 they lead to 53,529 only: 353 against 268.
    """
    with served.client() as client:
        target, secret = webhook(client, receiver)
        sigmas = SigmasBelow(below="2", recovers_at="2.5", volatilities=dict.fromkeys(COINS, "0.6"))
        rule = RuleAsked(
            account=who,
            ratio=RatioBelow(below="1.9", recovers_at="2"),
            sigmas=sigmas,
            targets=(target,),
        )
        client.send(wanted.add_rule(rule))
        for price in ("58000", "57000", "55000", "54900", "55500", "55000"):
            tick(client, price)
        receiver.wait(2)
        tick(client, "60000")  # 1,000 ÷ 300, and 2.5 sigmas lead to 55,468: 547 against 277.
        receiver.wait(4)
        time.sleep(0.2)
        told = receiver.read(secret)
        assert [(one["kind"], one["line"]) for one in told] == [
            ("ratio", "1.9"),
            ("sigmas", "2"),
            ("ratio_recovered", "2"),
            ("sigmas_recovered", "2.5"),
        ]
        assert {one["account"] for one in told} == {who}
        now: Any = told[0]["verdict"]
        assert (now["equity"], now["maintenance"]) == ("500", "275")


def test_who_stands_below_is_remembered_through_a_kill(
    served: Any, receiver: Receiver, who: str
) -> None:
    with served.client() as client:
        target, secret = webhook(client, receiver)
        rule = RuleAsked(account=who, ratio=RatioBelow(below="1.9"), targets=(target,))
        client.send(wanted.add_rule(rule))
        tick(client, "55000")
        receiver.wait(1)
        when(client, 1, account=who, state="sent")
    served.kill()
    served.start()
    with served.ready().client() as client:
        tick(client, "54900")
        tick(client, "60000")
        receiver.wait(2)
        assert [one["kind"] for one in receiver.read(secret)] == ["ratio", "ratio_recovered"]


def test_the_amount_of_a_call_is_a_line_too(served: Any, receiver: Receiver, who: str) -> None:
    with served.client() as client:
        target, secret = webhook(client, receiver)
        for above in ("275", "275.01"):
            rule = RuleAsked(account=who, amount=AmountAbove(above=above), targets=(target,))
            client.send(wanted.add_rule(rule))
        tick(client, "52500")
        receiver.wait(1)
        client.send(requests.deposit(who, "USDC", "0.01"))  # 274.99 are missing.
        receiver.wait(2)
        time.sleep(0.1)
        told = [(one["kind"], one["line"]) for one in receiver.read(secret)]
        assert told == [("amount", "275"), ("amount_recovered", "275")]


def test_an_event_whose_service_was_killed_is_told_by_the_next(served: Any, who: str) -> None:
    """The receiver is down while the event happens, and the process is killed before it is up."""
    receiver = Receiver()
    port = receiver.port
    with served.client() as client:
        target, secret = webhook(client, receiver, pause_s=0.05)
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(target,))))
        receiver.close()
        tick(client, "52500")  # Acknowledged: durable, and so is its notice.
    served.kill()
    with_nobody = Receiver(port)
    try:
        served.start()
        served.ready()
        with_nobody.wait(1)
        (told,) = with_nobody.read(secret)
        with served.client() as client:
            (kept,) = when(client, 1, account=who, state="sent")
            assert (kept.id, kept.kind, kept.account) == (told["id"], "call", who)
            assert kept.body == told
    finally:
        with_nobody.close()


def test_what_comes_twice_has_the_same_id(served: Any, receiver: Receiver, who: str) -> None:
    """The receiver took it and never answered; killed there, the service sends it again."""
    receiver.answer = lambda got: time.sleep(30) or 204 if len(receiver.got) == 1 else 204
    with served.client() as client:
        target, secret = webhook(client, receiver)
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(target,))))
        tick(client, "52500")
        receiver.wait(1)
    served.kill()
    served.start()
    served.ready()
    receiver.wait(2)
    first, second = receiver.read(secret)
    assert first == second
    assert receiver.got[0].body == receiver.got[1].body
    seen = {one["id"] for one in receiver.read(secret)}
    assert len(seen) == 1


def test_attempts_end_in_a_dead_letter_that_can_be_sent_again(
    served: Any, receiver: Receiver, who: str
) -> None:
    receiver.answer = lambda got: 503
    with served.client() as client:
        target, secret = webhook(client, receiver, attempts_most=3, pause_s=0.02)
        client.send(
            wanted.add_rule(RuleAsked(account=who, on=("call", "warned"), targets=(target,)))
        )
        tick(client, "52500")
        (dead,) = when(client, 1, account=who, state="dead")
        assert (dead.attempts, dead.error) == (3, "status 503")
        assert len(receiver.got) == 3
        with pytest.raises(Problem, match="no notice"):
            client.send(wanted.replay("n0"))
        receiver.answer = lambda got: 204
        client.send(wanted.replay(dead.id))
        (sent,) = when(client, 1, account=who, state="sent")
        assert sent.id == dead.id
        assert {one["id"] for one in receiver.read(secret)} == {dead.id}


def test_a_redirect_is_not_followed(served: Any, receiver: Receiver, who: str) -> None:
    elsewhere = Receiver()
    receiver.answer, receiver.headers = lambda got: 307, {"Location": elsewhere.url}
    with served.client() as client:
        target, _ = webhook(client, receiver, attempts_most=1)
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(target,))))
        tick(client, "52500")
        (dead,) = when(client, 1, account=who, state="dead")
        assert dead.error == "status 307"
        assert not elsewhere.got
    elsewhere.close()


def test_a_target_that_hangs_holds_up_no_other(served: Any, receiver: Receiver, who: str) -> None:
    slow = Receiver()
    slow.answer = lambda got: time.sleep(20) or 204
    with served.client() as client:
        hangs, _ = webhook(client, slow)
        target, _ = webhook(client, receiver)
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(hangs, target))))
        began = time.monotonic()
        tick(client, "52500")
        receiver.wait(1)
        assert time.monotonic() - began < 5  # The other one is asked for twenty seconds.
        assert len(client.send(wanted.notices(state="pending", target=hangs)).notices) == 1
    slow.close()


def test_nobody_acknowledged_so_somebody_else_is_told(
    served: Any, receiver: Receiver, who: str
) -> None:
    """Nobody waits a minute here: `test_notices_life` moves the clock."""
    boss = Receiver()
    with served.client() as client:
        target, _ = webhook(client, receiver)
        second, _ = webhook(client, boss)
        escalation = Escalation(after_minutes=1, target=second)
        rule = RuleAsked(account=who, on=("call",), targets=(target,), escalation=escalation)
        client.send(wanted.add_rule(rule))
        tick(client, "52500")
        (call,) = when(client, 1, account=who, state="sent")
        assert call.escalates_ms == call.time_ms + 60_000
        acknowledged = client.send(wanted.acknowledge(call.id))
        assert acknowledged.acknowledged_by == "local"
        assert acknowledged.escalates_ms is None
        again = client.send(wanted.acknowledge(call.id))
        assert again.acknowledged_ms == acknowledged.acknowledged_ms
        assert not boss.got
    boss.close()


def test_silence_holds_back_what_is_no_call(served: Any, receiver: Receiver, who: str) -> None:
    with served.client() as client:
        target, secret = webhook(client, receiver)
        # From a minute ago until a minute before that: whatever time it is, it is silence.
        now = time.gmtime(time.time() - 60)
        before = time.gmtime(time.time() - 120)
        silence = Silence(
            begins=time.strftime("%H:%M", now), ends=time.strftime("%H:%M", before), zone="UTC"
        )
        rule = RuleAsked(
            account=who, on=("call", "call_withdrawn"), targets=(target,), silence=silence
        )
        client.send(wanted.add_rule(rule))
        tick(client, "52500")
        tick(client, "60000")
        receiver.wait(1)
        (held,) = when(client, 1, account=who, state="silenced")
        assert held.kind == "call_withdrawn"
        assert held.held_until_ms is not None
        assert 22 * 3_600_000 < held.held_until_ms - held.time_ms < 24 * 3_600_000
        time.sleep(0.4)
        assert [one["kind"] for one in receiver.read(secret)] == ["call"]


def test_the_log_has_a_line_for_each(served: Any, who: str) -> None:
    with served.client() as client:
        target = client.send(wanted.add_target(TargetAsked(name="log", kind="log"))).id
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(target,))))
        tick(client, "52500")
        (told,) = when(client, 1, account=who, state="sent")
    lines = [line for line in served.errors.read_text().splitlines() if told.id in line]
    assert [json.loads(line) for line in lines] == [told.body]


def test_targets_and_rules_are_made_once_and_refused_with_their_key(
    served: Any, receiver: Receiver, who: str
) -> None:
    with served.client() as client:
        asked = TargetAsked(name="desk", kind="webhook", url=receiver.url)
        first = client.send(wanted.add_target(asked, "one"))
        again = client.send(wanted.add_target(asked, "one"))
        assert (again.id, again.secret) == (first.id, None)  # The secret is shown once.
        with pytest.raises(Problem, match="another command"):
            client.send(wanted.add_target(TargetAsked(name="log", kind="log"), "one"))
        for url, said in (
            ("http://example.org/x", "http reaches only this machine"),
            ("ftp://127.0.0.1/x", "begins with https"),
            ("https://user:pass@example.org/x", "password"),
            ("", "begins with https"),
        ):
            bad = wanted.add_target(TargetAsked(name="desk", kind="webhook", url=url))
            with pytest.raises(Problem, match=said) as caught:
                client.send(bad)
            assert caught.value.code == "bad_target"
        rule = RuleAsked(on=("call",), targets=(first.id,))
        made = client.send(wanted.add_rule(rule, "rule"))
        assert client.send(wanted.add_rule(rule, "rule")) == made
        for wrong, code in (
            (RuleAsked(targets=(first.id,)), "bad_request"),
            (RuleAsked(on=("call",), targets=("t0",)), "unknown_target"),
            (RuleAsked(account="nobody", on=("call",), targets=(first.id,)), "unknown_account"),
            (RuleAsked(sigmas=SigmasBelow(below="2"), targets=(first.id,)), "volatility_missing"),
            (RuleAsked(ratio=RatioBelow(below="0"), targets=(first.id,)), "bad_amount"),
        ):
            with pytest.raises(Problem) as caught:
                client.send(wanted.add_rule(wrong))
            assert caught.value.code == code
        with pytest.raises(Problem) as caught:
            client.send(wanted.remove_target(first.id))
        assert caught.value.code == "target_in_use"
        replaced = client.send(
            wanted.replace_rule(made.id, RuleAsked(on=("warned",), targets=rule.targets))
        )
        assert replaced.rule.on == ("warned",)
        client.send(wanted.remove_rule(made.id))
        client.send(wanted.remove_rule(made.id))
        client.send(wanted.remove_target(first.id))
        assert made.id not in {rule.id for rule in client.send(wanted.rules()).rules}
        assert first.id not in {target.id for target in client.send(wanted.targets()).targets}


def test_after_a_rotation_both_secrets_sign_for_a_while(
    served: Any, receiver: Receiver, who: str
) -> None:
    with served.client() as client:
        target, old = webhook(client, receiver)
        client.send(wanted.add_rule(RuleAsked(account=who, on=("call",), targets=(target,))))
        new = client.send(wanted.rotate_target(target, overlap_s=600)).secret
        tick(client, "52500")
        receiver.wait(1)
        assert receiver.read(old) == receiver.read(new)
        newest = client.send(wanted.rotate_target(target, overlap_s=0)).secret
        (call,) = when(client, 1, account=who, state="sent")
        client.send(wanted.replay(call.id))
        receiver.wait(2)
        last = receiver.got[-1]
        assert verify(newest, last.headers, last.body)["id"] == call.id
        with pytest.raises(SignatureError):
            verify(new, last.headers, last.body)


def test_a_frozen_oracle_is_told_once(served: Any, receiver: Receiver, who: str) -> None:
    """Its policy asks for two sources that trade."""
    with served.client() as client:
        target, secret = webhook(client, receiver)
        on = ("oracle_frozen", "oracle_resumed")
        client.send(wanted.add_rule(RuleAsked(on=on, targets=(target,))))
        now = time.time_ns() // 1_000_000
        for halted in (True, True, False, False):
            reports = [
                requests.SourceReport(source=one, price="20", published_ms=now, halted=halted)
                for one in "abc"
            ]
            client.send(requests.tell_reports("LINK", reports))
            now += 1
        receiver.wait(2)
        time.sleep(0.1)
        told = receiver.read(secret)
        assert [(one["kind"], one["account"]) for one in told] == [
            ("oracle_frozen", None),
            ("oracle_resumed", None),
        ]


def test_rules_take_operators_and_targets_take_admins(start: Callable[..., Any]) -> None:
    served = start("--bootstrap").ready()
    root = next(line.split()[-1] for line in served.said if "admin key" in line)
    with served.client(root) as admin:
        target = admin.send(wanted.add_target(TargetAsked(name="log", kind="log")))
        keys = {
            scope: admin.send(requests.make_key(scope, [scope])).secret
            for scope in ("read", "operate")
        }
        rule = RuleAsked(on=("call",), targets=(target.id,))
        with served.client(keys["operate"]) as operator:
            made = operator.send(wanted.add_rule(rule))
            for asked in (wanted.targets(), wanted.remove_target(target.id), wanted.notices()):
                with pytest.raises(Problem) as caught:
                    operator.send(asked)
                assert caught.value.code == "scope_missing"
        with served.client(keys["read"]) as reader:
            assert [one.id for one in reader.send(wanted.rules()).rules] == [made.id]
            assert reader.send(wanted.notices()).notices == []
            for asked in (wanted.remove_rule(made.id), wanted.add_rule(rule)):
                with pytest.raises(Problem) as caught:
                    reader.send(asked)
                assert caught.value.code == "scope_missing"
        acts = admin.send(requests.audit("acts"))["acts"]
        told = [(act["action"], act["subject"]) for act in acts if "notice" in act["action"]]
        assert told == [("notice target made", target.id), ("notice rule made", made.id)]
    served.kill()


def test_on_postgresql_too_the_notice_outlives_the_process(
    start: Callable[..., Any], born: Callable[[Client], None], postgresql_schema: str
) -> None:
    served = start(store=postgresql_schema).ready()
    down = Receiver()
    try:
        with served.client() as client:
            born(client)
            join(client, "who", "patient")
            target, secret = webhook(client, down, pause_s=0.05)
            client.send(wanted.add_rule(RuleAsked(on=("call",), targets=(target,))))
            down.close()
            tick(client, "52500")
        served.kill()
        up = Receiver(down.port)
        served.start()
        served.ready()
        up.wait(1)
        assert [(one["kind"], one["account"]) for one in up.read(secret)] == [("call", "who")]
        up.close()
    finally:
        served.kill()
