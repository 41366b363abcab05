"""What every request must be, and what every answer is, against a real process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.engine.effect import Reason
from seawall.service.client import Client, requests

SAID = {"type", "title", "status", "code", "detail"}


@pytest.fixture(scope="module")
def http(start: Callable[..., Any], born: Callable[[Client], None]) -> Iterator[httpx.Client]:
    served = start().ready()
    with served.client() as client:
        born(client)
    with httpx.Client(base_url=served.url, trust_env=False) as http:
        yield http


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) >= SAID
    assert told["status"] == answer.status_code
    assert told["type"] == f"urn:seawall:problem:{told['code']}"
    return answer.status_code, told["code"]


def post(http: httpx.Client, path: str, body: Any, key: str | None = "k") -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    headers = {"content-type": "application/json"}
    headers |= {"idempotency-key": key} if key is not None else {}
    return http.post(path, content=content, headers=headers)


MONEY = {"coin": "USDC", "amount": "1"}
DEPOSITS = "/v1/accounts/carol/deposits"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"{}", b'{"coin":"USDC"}',
     b'{"coin":"USDC","amount":1}', b'{"coin":"USDC","amount":"1","more":1}',
     b'{"coin":null,"amount":"1"}', b'{"coin":"","amount":"1"}', b'{"amount":' + b"[" * 5000],
)  # fmt: skip
def test_a_body_that_is_not_what_it_should_be_is_a_problem(http: httpx.Client, body: bytes) -> None:
    assert problem(post(http, DEPOSITS, body)) == (400, "bad_request")


def test_a_body_has_a_size_and_a_kind(http: httpx.Client) -> None:
    large = {"coin": "USDC", "amount": "1" * 1_000_001}
    assert problem(post(http, DEPOSITS, large)) == (413, "body_too_large")
    plain = {"content-type": "text/plain", "idempotency-key": "k"}
    answer = http.post(DEPOSITS, content=json.dumps(MONEY), headers=plain)
    assert problem(answer) == (415, "unsupported_media_type")
    form = http.post(DEPOSITS, data=MONEY, headers={"idempotency-key": "k"})
    assert problem(form) == (415, "unsupported_media_type")

    def chunks() -> Iterator[bytes]:
        yield from (b" " * 100_000 for _ in range(20))

    kind = {"content-type": "application/json", "idempotency-key": "k"}
    assert problem(http.post(DEPOSITS, content=chunks(), headers=kind)) == (413, "body_too_large")


def test_a_command_has_a_key_and_one_meaning(http: httpx.Client) -> None:
    assert problem(post(http, DEPOSITS, MONEY, None)) == (400, "idempotency_key_missing")
    assert problem(post(http, DEPOSITS, MONEY, "x" * 129)) == (400, "idempotency_key_bad")
    assert problem(post(http, DEPOSITS, MONEY, "a b")) == (400, "idempotency_key_bad")
    first = post(http, DEPOSITS, MONEY, "once").json()
    again = post(http, DEPOSITS, MONEY, "once").json()
    assert again == first | {"repeated": True}
    other = post(http, DEPOSITS, MONEY | {"amount": "2"}, "once")
    assert problem(other) == (422, "key_reused")
    assert other.json()["sequence"] == first["sequence"]
    assert problem(post(http, "/v1/accounts/bob/deposits", MONEY, "once")) == (422, "key_reused")
    held = http.get("/v1/accounts/carol").json()["rows"][0]["quantity"]
    assert held == "20001"


def test_a_refusal_is_remembered_like_an_answer(http: httpx.Client) -> None:
    taken = {"coin": "USDC", "amount": "5"}
    first = post(http, "/v1/accounts/dave/withdrawals", taken, "early")
    assert problem(first) == (422, "insufficient_margin")
    post(http, "/v1/accounts/dave/deposits", {"coin": "USDC", "amount": "10"}, "later")
    again = post(http, "/v1/accounts/dave/withdrawals", taken, "early")
    assert problem(again) == (422, "insufficient_margin")
    assert (again.json()["sequence"], again.json()["repeated"]) == (first.json()["sequence"], True)
    assert http.get("/v1/accounts/dave").json()["rows"][0]["quantity"] == "10"


def test_routes_that_are_not_there(http: httpx.Client) -> None:
    assert problem(http.get("/v1/nothing")) == (404, "no_such_route")
    assert problem(http.delete("/v1/accounts")) == (405, "method_not_allowed")
    assert set(http.delete("/v1/accounts").headers["allow"].split(", ")) >= {"GET", "POST"}
    assert problem(http.get("/v1/trades")) == (405, "method_not_allowed")
    assert problem(http.get("/v1/journal?limit=501")) == (400, "bad_request")
    assert problem(http.get("/v1/journal?first=x")) == (400, "bad_request")


def test_every_answer_carries_the_headers_and_none_lets_other_origins_in(
    http: httpx.Client,
) -> None:
    for path in ("/healthz", "/v1/venue", "/v1/nothing", "/schema/openapi.json"):
        headers = http.get(path, headers={"Origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_counters_and_schema(http: httpx.Client) -> None:
    text = http.get("/metrics").text
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    sequence = http.get("/v1/venue").json()["sequence"]
    assert int(told["seawall_sequence"]) == sequence
    assert told["seawall_ready"] == "1"
    assert int(told["seawall_commands_total"]) <= sequence
    assert float(told['seawall_request_seconds_bucket{le="+Inf"}']) > 0
    schema = http.get("/schema/openapi.json").json()
    routes = {(method, path) for path, one in schema["paths"].items() for method in one}
    assert ("post", "/v1/trades") in routes
    assert len(routes) >= 44
    for path, one in schema["paths"].items():
        for method, told_route in one.items():
            if path.startswith("/v1"):
                assert {"400", "401", "403", "503"} <= set(told_route["responses"]), (method, path)


def test_the_journal_is_read_in_runs(http: httpx.Client) -> None:
    first = http.get("/v1/journal?first=1&limit=3").json()
    assert [one["event"]["event"] for one in first["entries"]] == ["started", "opened", "listed"]
    assert (first["next"], len(first["entries"][0]["chain"])) == (4, 64)
    beyond = http.get(f"/v1/journal?first={first['last'] + 1}").json()
    assert (beyond["entries"], beyond["next"]) == ([], None)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3),
    max_leaves=6,
)  # fmt: skip
AMOUNT = st.sampled_from(["1", "0", "-1", "1e18", "0.1", "9223372036854775807", "NaN", "x", ""])
BODIES = {
    DEPOSITS: st.fixed_dictionaries(
        {"coin": st.sampled_from(["USDC", "BTC", "x"]), "amount": AMOUNT}
    ),
    "/v1/trades": st.fixed_dictionaries(
        {"instrument": st.sampled_from(["BTC/USDC:USDC", "x"]), "buyer": st.just("carol"),
         "seller": st.sampled_from(["bob", "carol"]), "quantity": AMOUNT, "price": AMOUNT}
    ),
    "/v1/prices": st.fixed_dictionaries(
        {"prices": st.dictionaries(st.sampled_from(["BTC", "ETH", "x"]), AMOUNT),
         "marks": st.dictionaries(st.sampled_from(["BTC/USDC:USDC", "x"]), AMOUNT),
         "depth": st.dictionaries(st.just("BTC/USDC:USDC"),
                                  st.fixed_dictionaries({"bid": AMOUNT, "ask": AMOUNT})),
         "confidence": st.dictionaries(st.just("BTC"), AMOUNT)}
    ),
    "/v1/accounts/alice/what-if": st.fixed_dictionaries(
        {"trades": st.lists(
            st.fixed_dictionaries({"instrument": st.just("BTC/USDC:USDC"), "quantity": AMOUNT,
                                   "price": AMOUNT}), max_size=2),
         "deposits": st.dictionaries(st.sampled_from(["USDC", "x"]), AMOUNT),
         "moves": st.dictionaries(st.sampled_from(["BTC", "x"]), AMOUNT)}
    ),
    "/v1/orders/1/fill": st.fixed_dictionaries({"lots": st.integers(), "price": AMOUNT}),
    "/v1/auctions/1/bids": st.fixed_dictionaries(
        {"account": st.just("carol"), "price": AMOUNT, "lots": st.integers()}
    ),
    "/v1/keys": JUNK,
    "/v1/overrides": JUNK,
    "/v1/rulebook/diff": st.fixed_dictionaries({"toml": st.text()}),
}  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_is_a_fault_of_the_service(http: httpx.Client, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(BODIES)))
    body = data.draw(BODIES[path] | JUNK)
    answer = post(http, path, body, data.draw(st.integers(0, 10**9).map(str)))
    assert answer.status_code in {200, 201, 202, 400, 403, 404, 409, 422}, answer.text
    if answer.status_code >= 400:
        problem(answer)


PARTS = st.sampled_from(["alice", "1", "0", "-1", "999999999999999999999", "é", "x" * 300, "%2F"])
QUERY = st.dictionaries(
    st.sampled_from(["at", "limit", "offset", "after", "first", "order", "status", "prefix", "x"]),
    st.sampled_from(["1", "0", "-1", "health", "called", "x", "", "1e3", "9" * 30]),
    max_size=3,
)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_route_answers_with_a_status_that_it_does_not_document(
    http: httpx.Client, routes: list[tuple[str, str, set[int]]], data: st.DataObject
) -> None:
    method, path, documented = data.draw(st.sampled_from(routes))
    filled = "/".join(data.draw(PARTS) if part[:1] == "{" else part for part in path.split("/"))
    headers = {"content-type": "application/json", "idempotency-key": data.draw(st.uuids()).hex}
    answer = http.request(
        method, filled, params=data.draw(QUERY), headers=headers,
        content=json.dumps(data.draw(JUNK)) if method == "post" else None,
    )  # fmt: skip
    # An encoded slash is a slash: the path is then another one, which no route need have.
    elsewhere = {404, 405} if "%2F" in filled else set()
    assert answer.status_code in documented | elsewhere, (method, filled, answer.text)
    assert answer.status_code != 500, (method, filled, answer.text)


@pytest.fixture(scope="module")
def routes(http: httpx.Client) -> list[tuple[str, str, set[int]]]:
    paths = http.get("/schema/openapi.json").json()["paths"]
    return [
        (
            method,
            path,
            {int(status) for status in told["responses"]} | ({404} if "{" in path else set()),
        )
        for path, one in paths.items()
        for method, told in one.items()
    ]


def test_every_reason_of_the_engine_has_its_own_code() -> None:
    from seawall.service.words.problem import refused

    told = [refused(reason, 1, repeated=False) for reason in Reason]
    assert [one.code for one in told] == [reason.value for reason in Reason]
    assert {one.status for one in told} == {403, 404, 409, 422}
    assert requests.view("venue").is_repeatable
