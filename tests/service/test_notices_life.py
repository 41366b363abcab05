"""The life of an account as its people hear of it, and what happens when nobody answers.

The clock is moved instead of waited for; all else is the real service and a real receiver. Accounts
are long 0.1 of BTC from 60,000 with 1,000 dollars, under brackets of 10 % and 5 %.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, get_args

import httpx
import pytest
from tests.service.receiver import Receiver
from tests.service.shifted import PROGRAM, Clock

from seawall.service.client import Client, requests
from seawall.service.notices import wanted
from seawall.service.notices.wire import Escalation, EventKind, RuleAsked, TargetAsked

BTC = "BTC/USDC:USDC"
ALL = get_args(EventKind)
DAY_MS = 86_400_000


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    made: list[Receiver] = []

    def make() -> Receiver:
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    with pytest.MonkeyPatch.context() as patch:
        yield Clock(tmp_path_factory.mktemp("clock"), patch)


@pytest.fixture(scope="module")
def served(clock: Clock, start: Callable[..., Any], born: Callable[[Client], None]) -> Any:
    served = start("--monitor", "off", program=PROGRAM).ready()
    with served.client() as client:
        born(client)
    return served


def join(client: Client, name: str, method: str) -> None:
    client.send(requests.open_accounts({name: method}))
    client.send(requests.deposit(name, "USDC", "1000"))
    client.send(requests.trade(BTC, name, "bob", "0.1", "60000"))


def tick(client: Client, price: str) -> None:
    depth = {BTC: ("100", "100")}
    client.send(requests.tell_prices({"BTC": price}, {BTC: price}, depth=depth))


def webhook(client: Client, receiver: Receiver) -> tuple[str, str]:
    asked = TargetAsked(name="desk", kind="webhook", url=receiver.url)
    target = client.send(wanted.add_target(asked))
    assert target.secret is not None
    return target.id, target.secret


def gauge(url: str) -> dict[str, int]:
    told = httpx.get(f"{url}/metrics", trust_env=False).text
    found = re.findall(r'^seawall_notices{state="(\w+)"} (\d+)$', told, re.MULTILINE)
    return {state: int(count) for state, count in found}


def test_a_call_is_answered_once_and_not_the_second_time(
    served: Any, clock: Clock, receivers: Callable[[], Receiver]
) -> None:
    """Of 275 that are missing at 52,500, 100 arrive and then the rest.

    At 47,400 equity is 1,275 - 0.1 · 12,600 = 15, and initial 474. Everything is sold at 47,000
    after ten minutes, which leaves -25.
    """
    receiver = receivers()
    with served.client() as client:
        target, secret = webhook(client, receiver)
        join(client, "eve", "patient")
        client.send(wanted.add_rule(RuleAsked(account="eve", on=ALL, targets=(target,))))
        tick(client, "53000")
        tick(client, "52500")
        client.send(requests.deposit("eve", "USDC", "100"))
        client.send(requests.deposit("eve", "USDC", "175"))
        tick(client, "47400")
        clock.shift(601_000)
        until = time.monotonic() + 20
        while not (orders := own_orders(client, "eve")):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert [(one["lots"], one["instrument"]) for one in orders] == [(-100, BTC)]
        client.send(requests.fill(orders[0]["order"], 100, "47000"))
        receiver.wait(8)
        told: list[Any] = receiver.read(secret)
        assert [one["kind"] for one in told] == [
            "warned", "call", "call_reduced", "call_met",
            "call", "liquidation_started", "liquidation_step", "bankrupt",
        ]  # fmt: skip
        amounts = [one["effect"]["amount"] for one in told if "amount" in one["effect"]]
        assert amounts == ["275", "175", "459"]
        last = told[-1]
        assert last["text"] == "eve: everything was taken and others paid the rest"
        assert (last["severity"], last["effect"]["after"]) == ("liquidation", "bankrupt")
        assert client.send(requests.account("eve")).account.status == "bankrupt"


def own_orders(client: Client, name: str) -> list[Any]:
    orders = client.send(requests.view("orders"))["orders"]
    return [one for one in orders if one["account"] == name]


def test_a_call_that_nobody_acknowledged_goes_to_somebody_else(
    served: Any, clock: Clock, receivers: Callable[[], Receiver]
) -> None:
    """Two are called; one of the calls is acknowledged, and two minutes go by."""
    receiver, boss = receivers(), receivers()
    with served.client() as client:
        tick(client, "60000")
        target, secret = webhook(client, receiver)
        above, secret_above = webhook(client, boss)
        escalation = Escalation(after_minutes=2, target=above)
        for name in ("fay", "gus"):
            join(client, name, "patient")
            rule = RuleAsked(account=name, on=("call",), targets=(target,), escalation=escalation)
            client.send(wanted.add_rule(rule))
        began = int(client.send(requests.view("venue"))["time_ms"])
        tick(client, "52500")
        receiver.wait(2)
        ids = {str(one["account"]): str(one["id"]) for one in receiver.read(secret)}
        client.send(wanted.acknowledge(ids["gus"]))
        clock.shift(601_000 + 110_000)
        time.sleep(0.6)
        assert not boss.got
        clock.shift(601_000 + 121_000)
        boss.wait(1)
        time.sleep(0.6)
        (told,) = boss.read(secret_above)
        assert (told["account"], told["escalated_from"]) == ("fay", ids["fay"])
        assert told["id"] != ids["fay"]
        (kept,) = client.send(wanted.notices(target=above)).notices
        assert kept.text.startswith("not acknowledged: fay: margin call 1, 275 USD")
        assert kept.time_ms >= began  # Of the event, not of the escalation.
        assert len(receiver.got) == 2


def test_what_is_over_is_forgotten_if_asked_and_counted_by_state(
    served: Any, clock: Clock, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    with served.client() as client:
        asked = TargetAsked(name="gone", kind="webhook", url=receiver.url, attempts_most=1)
        target = client.send(wanted.add_target(asked)).id
        receiver.answer = lambda got: 500
        tick(client, "60000")
        join(client, "hal", "patient")
        client.send(wanted.add_rule(RuleAsked(account="hal", on=("warned",), targets=(target,))))
        tick(client, "53000")
        until = time.monotonic() + 15
        while gauge(served.url).get("dead") != 1:
            assert time.monotonic() < until, gauge(served.url)
            time.sleep(0.05)
        before = gauge(served.url)
        assert (before["pending"], before["silenced"]) == (0, 0)
        assert before["sent"] == len(client.send(wanted.notices(state="sent")).notices) >= 1
    assert served.stop() == 0
    clock.shift(2 * DAY_MS)
    served.arguments = (*served.arguments, "--notices-days", "1")
    served.start()
    served.ready()
    until = time.monotonic() + 10
    while sum(gauge(served.url).values()) > 1:  # The newest stays.
        assert time.monotonic() < until, gauge(served.url)
        time.sleep(0.05)
