"""One event with its effects, incidents that outlive a restart, and what stood lately."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from seawall.service.client import Client, Problem, requests
from seawall.service.client.requests import Wanted
from seawall.service.words.wire import SourceReport


def told(client: Client, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.send(Wanted("GET", path, dict))
    return answer


def test_an_event_is_told_with_what_it_did(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    with start().ready().client() as client:
        born(client)
        done = client.send(requests.tell_prices({"BTC": "52000"}, {"BTC/USDC:USDC": "52000"}))
        assert {one["effect"] for one in done.effects} >= {"called", "state_changed"}
        shown = told(client, f"/v1/journal/{done.sequence}")
        assert shown["effects"] == done.effects  # Done again on the venue as it was before.
        assert shown["event"]["event"] == "priced"
        entry = client.send(requests.journal(done.sequence, 1))["entries"][0]
        assert {key: shown[key] for key in entry} == entry
        assert told(client, "/v1/journal/1")["effects"] == []
        earlier = told(client, f"/v1/journal/{done.sequence - 1}")  # Back, and on again.
        assert earlier["sequence"] == done.sequence - 1
        assert told(client, f"/v1/journal/{done.sequence}") == shown
        for path in ("/v1/journal/9999", "/v1/journal/0"):
            with pytest.raises(Problem) as caught:
                told(client, path)
            assert caught.value.status in (400, 404)


def test_incidents_are_kept_beside_the_journal(
    start: Callable[..., Any], born: Callable[[Client], None], rules: str
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
        assert told(client, "/v1/incidents") == {"incidents": []}
        client.send(requests.activate(rules.replace("2026-01-01.1", "2026-01-01.2")))
        late = time.time_ns() // 1_000_000
        odd = [
            SourceReport(source=source, price=price, published_ms=late)
            for source, price in (("a", "10"), ("b", "20"), ("c", "40"))
        ]
        client.send(requests.tell_reports("LINK", odd))
        client.send(requests.tell_reports("LINK", odd))  # It refuses once more: that is no news.
        client.send(
            requests.tell_reports(
                "LINK",
                [SourceReport(source=one, price="20", published_ms=late + 1) for one in "abc"],
            )
        )
        before = told(client, "/v1/incidents")["incidents"]
    kinds = [one["kind"] for one in before]
    assert kinds == ["oracle_back", "oracle_refused", "rules_changed"]
    assert before[0]["told"]["coin"] == "LINK"
    assert before[2]["told"] == {"name": "service", "version": "2026-01-01.2"}
    served.kill()
    served.arguments = ()  # The file has the rules that do not hold any more.
    served.start()
    with served.ready().client() as client:
        assert told(client, "/v1/incidents")["incidents"] == before
        last = told(client, f"/v1/incidents?before={before[1]['sequence']}&limit=1")
        assert last["incidents"] == before[2:]


def test_what_stood_lately_is_remembered(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    with start().ready().client() as client:
        born(client)
        until = time.monotonic() + 40
        while not (points := told(client, "/v1/overview/history")["points"]):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert set(points[0]) == {"time_ms", "near", "calls", "liquidating"}
        while not (columns := told(client, "/v1/systemic/map/BTC/history")["columns"]):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert columns[0]["price"] == "60000"
        assert told(client, "/v1/systemic/map/EUR/history")["columns"] == []
        # Alice holds 0.1 of BTC with 1,000 dollars: 0.1 · P − 5,000 = 0.05 · 0.1 · P at P = 52,632.
        while not (steps := told(client, "/v1/systemic/map/BTC/history")["columns"][-1]["down"]):
            assert time.monotonic() < until
            time.sleep(0.2)
        (near, far, notional), *others = steps
        assert far <= 52_632 <= near
        assert 5_000 < notional < 5_500
        assert not others
        me = told(client, "/v1/me")
        assert (me["open"], me["operator"], me["clock"]) == (True, None, "wall")
        assert abs(me["now_ms"] - time.time_ns() // 1_000_000) < 10_000
        assert set(me["scopes"]) == {"read", "trade", "operate", "admin"}
