"""The client's retries: what is sent again, what is not, and under which key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from seawall.service.client import requests
from seawall.service.client.client import AsyncClient, Client, Problem, UnknownOutcomeError, pause_s

DONE = {"sequence": 4, "repeated": False, "effects": []}
BUSY = {"type": "t", "title": "busy", "status": 503, "code": "busy", "detail": "full"}
Script = list[httpx.Response | Exception]


class Wire:
    """Answers from a list, and what was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str | None]:
        return [one.headers.get("idempotency-key") for one in self.asked]


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Send through either client, without a network and without pauses."""
    monkeypatch.setattr("seawall.service.client.client.PAUSE_S", 0.0)
    monkeypatch.setattr("seawall.service.client.client.PAUSE_MOST_S", 0.0)

    def by_client(wire: Wire, wanted: requests.Wanted[Any], retries: int = 3) -> Any:
        with Client(key="sw_x", retries=retries) as client:
            client._http = httpx.Client(base_url="http://s", transport=httpx.MockTransport(wire))
            return client.send(wanted)

    def by_async(wire: Wire, wanted: requests.Wanted[Any], retries: int = 3) -> Any:
        async def run() -> Any:
            async with AsyncClient(key="sw_x", retries=retries) as client:
                transport = httpx.MockTransport(wire)
                client._http = httpx.AsyncClient(base_url="http://s", transport=transport)
                return await client.send(wanted)

        return asyncio.run(run())

    return by_client if request.param == "sync" else by_async


def test_a_command_is_sent_again_under_its_first_key(send: Callable[..., Any]) -> None:
    wire = Wire([httpx.ReadTimeout("late"), httpx.Response(503, json=BUSY),
                 httpx.Response(201, json=DONE)])  # fmt: skip
    assert send(wire, requests.deposit("a", "USDC", "1")).sequence == 4
    assert len(wire.asked) == 3
    assert len(set(wire.keys)) == 1
    assert wire.keys[0] is not None
    assert len({one.content for one in wire.asked}) == 1


def test_two_commands_have_two_keys() -> None:
    assert requests.deposit("a", "USDC", "1").key != requests.deposit("a", "USDC", "1").key


def test_a_refusal_is_not_sent_again(send: Callable[..., Any]) -> None:
    refusal = BUSY | {"status": 422, "code": "insufficient_margin", "sequence": 9}
    wire = Wire([httpx.Response(422, json=refusal)])
    with pytest.raises(Problem) as caught:
        send(wire, requests.withdraw("a", "USDC", "1"))
    assert (caught.value.code, caught.value.more["sequence"]) == ("insufficient_margin", 9)
    assert len(wire.asked) == 1


def test_what_makes_something_new_each_time_is_sent_once(send: Callable[..., Any]) -> None:
    for failure in (httpx.ReadTimeout("late"), httpx.ConnectError("gone")):
        wire = Wire([failure, httpx.Response(201, json={})])
        with pytest.raises(UnknownOutcomeError):
            send(wire, requests.make_key("x", ["read"]))
        assert len(wire.asked) == 1
    wire = Wire([httpx.Response(503, json=BUSY)])
    with pytest.raises(Problem, match="full"):
        send(wire, requests.rotate_key("k1"))


def test_the_outcome_that_nobody_knows_names_the_key(send: Callable[..., Any]) -> None:
    wire = Wire([httpx.ConnectError("gone")] * 4)
    wanted = requests.deposit("a", "USDC", "1")
    with pytest.raises(UnknownOutcomeError) as caught:
        send(wire, wanted)
    assert caught.value.key == wanted.key
    assert len(wire.asked) == 4


def test_a_service_that_stays_busy_is_a_problem_in_the_end(send: Callable[..., Any]) -> None:
    wire = Wire([httpx.Response(503, json=BUSY)] * 2)
    with pytest.raises(Problem) as caught:
        send(wire, requests.view("venue"), 1)
    assert (caught.value.status, caught.value.code) == (503, "busy")
    wire = Wire([httpx.Response(404, text="<html>")])
    with pytest.raises(Problem) as caught:
        send(wire, requests.view("venue"))
    assert (caught.value.status, caught.value.code) == (404, "unreadable_answer")


def test_names_are_escaped_in_paths(send: Callable[..., Any]) -> None:
    wire = Wire([httpx.Response(404, json=BUSY | {"status": 404, "code": "no_such_route"})])
    with pytest.raises(Problem):
        send(wire, requests.account("a/b?c"))
    assert wire.asked[0].url.raw_path == b"/v1/accounts/a%2Fb%3Fc"


def test_pauses_grow_and_obey_what_was_asked() -> None:
    assert all(0.025 <= pause_s(0, None) <= 0.05 for _ in range(50))
    assert all(1.0 <= pause_s(20, None) <= 2.0 for _ in range(50))
    assert 1.0 <= pause_s(0, "1") <= 1.05
    assert pause_s(0, "3600") == 2.0
    assert pause_s(0, "Wed, 21 Oct 2026 07:28:00 GMT") <= 0.05
