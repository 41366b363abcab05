"""Requests a second of a key: the bucket alone, then a real process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from seawall.service.client import Client, requests
from seawall.service.guarding.limits import BUCKETS_MOST, Bucket, Limits, Rates
from seawall.service.words.problem import Problem


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def spent(limits: Limits, bucket: Bucket | None) -> int | None:
    """Seconds until the next token, or None where there was one."""
    assert bucket is not None
    try:
        limits.spend(bucket)
    except Problem as problem:
        return problem.retry_after_s if problem.code == "rate_limited" else -1
    return None


def test_a_bucket_holds_two_seconds_and_fills_at_its_rate() -> None:
    clock = Clock()
    limits = Limits(Rates(reads=4), now_s=clock)
    bucket = limits.bucket("k1", "reads", Rates())
    # Eight at once, then one each quarter of a second; half of that brings none.
    assert [spent(limits, bucket) for _ in range(9)] == [None] * 8 + [1]
    clock.now_s += 0.125
    assert spent(limits, bucket) == 1
    clock.now_s += 0.125
    assert [spent(limits, bucket), spent(limits, bucket)] == [None, 1]
    clock.now_s += 3600
    assert [spent(limits, bucket) for _ in range(9)] == [None] * 8 + [1]
    assert limits.limited == {"reads": 4, "commands": 0}
    clock.now_s -= 50
    assert spent(limits, bucket) == 1


def test_what_a_bulk_question_took_too_much_is_waited_for() -> None:
    clock = Clock()
    limits = Limits(Rates(reads=10), now_s=clock)
    bucket = limits.bucket("k1", "reads", Rates())
    assert spent(limits, bucket) is None
    assert bucket is not None
    bucket.charge(199)  # 20 − 200 = −180; a token is there after 181 ÷ 10 s.
    assert spent(limits, bucket) == 19
    assert dict(bucket.headers()) == {
        b"ratelimit-policy": b'"reads";q=20;w=2',
        b"ratelimit": b'"reads";r=0;t=20',  # 200 tokens at 10 a second.
    }
    clock.now_s += 18.2
    assert spent(limits, bucket) is None


def test_each_key_and_kind_has_a_bucket_and_its_own_rate_goes_first() -> None:
    limits = Limits(Rates(reads=1), now_s=Clock())
    one, two = (limits.bucket(key, "reads", Rates()) for key in ("k1", "k2"))
    assert [spent(limits, one), spent(limits, one), spent(limits, one)] == [None, None, 1]
    assert spent(limits, two) is None
    assert limits.bucket("k1", "commands", Rates()) is None
    own = limits.bucket("k3", "reads", Rates(reads=3))
    assert own is not None
    assert own.most == 6
    # A key whose rate was changed begins anew; another look finds what is left.
    again = limits.bucket("k1", "reads", Rates())
    assert spent(limits, again) == 1
    faster = limits.bucket("k1", "reads", Rates(reads=2))
    assert spent(limits, faster) is None


def test_buckets_are_bounded_and_the_oldest_goes() -> None:
    limits = Limits(Rates(reads=1), now_s=Clock())
    first = limits.bucket("first", "reads", Rates())
    for number in range(BUCKETS_MOST - 1):
        limits.bucket(f"address {number}", "reads", Rates())
    assert limits.bucket("first", "reads", Rates()) is first
    limits.bucket("one more", "reads", Rates())
    assert limits.bucket("first", "reads", Rates()) is first
    assert len(limits._buckets) == BUCKETS_MOST


# -- a real process ----------------------------------------------------------------------------


def answers(http: httpx.Client, count: int, key: str) -> list[httpx.Response]:
    headers = {"Authorization": f"Bearer {key}"}
    return [http.get("/v1/venue", headers=headers) for _ in range(count)]


def test_a_key_that_asks_too_much_is_told_when_to_come_back(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start("--bootstrap", "--commands-per-s", "1000").ready()
    secret = next(line for line in served.said if line.startswith("admin key")).split()[-1]
    with served.client(secret) as admin, httpx.Client(
        base_url=served.url, trust_env=False
    ) as http:  # fmt: skip
        born(admin)
        made = admin.send(requests.make_key("slow", ["read", "trade"], reads_per_s=2))
        told = answers(http, 6, made.secret)
        allowed = [one for one in told if one.status_code == 200]
        late = told[-1]
        # Four at once; what a second brings more is two.
        assert 4 <= len(allowed) < 6
        assert late.status_code == 429
        assert late.json()["code"] == "rate_limited"
        assert late.headers["content-type"] == "application/problem+json"
        assert late.headers["retry-after"] == "1"
        assert late.headers["ratelimit-policy"] == '"reads";q=4;w=2'
        assert late.headers["ratelimit"].startswith('"reads";r=0;t=')
        assert allowed[0].headers["ratelimit"] == '"reads";r=3;t=1'
        # Commands have a bucket of their own, and another key another one.
        headers = {"Authorization": f"Bearer {made.secret}", "Idempotency-Key": "once"}
        body = {"coin": "USDC", "amount": "1"}
        paid = http.post("/v1/accounts/bob/deposits", json=body, headers=headers)
        assert paid.status_code == 201
        assert paid.headers["ratelimit-policy"] == '"commands";q=2000;w=2'
        assert admin.send(requests.view("venue"))["started"]
        counted = admin.send(requests.keys())["keys"]
        assert [(one["name"], one["reads_per_s"]) for one in counted] == [
            ("bootstrap", None), ("slow", 2),
        ]  # fmt: skip
        metrics = http.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).text
        refused = 6 - len(allowed)
        assert f'seawall_rate_limited_total{{kind="reads"}} {refused}' in metrics
        # The limit is changed, and holds at once.
        admin.send(requests.limit_key(made.id, reads_per_s=1000))
        assert {one.status_code for one in answers(http, 50, made.secret)} == {200}
        admin.send(requests.limit_key(made.id))
        assert "ratelimit" not in answers(http, 1, made.secret)[0].headers
        with pytest.raises(Problem) as caught:
            admin.send(requests.limit_key("nobody", reads_per_s=1))
        assert caught.value.code == "unknown_key"
        acts = [one["action"] for one in admin.send(requests.audit("acts"))["acts"]]
        assert "key limited to 1000 reads, None commands" in acts


def test_a_bulk_question_costs_what_its_parts_do(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start("--limit-addresses", "--reads-per-s", "10").ready()
    with served.client() as client, httpx.Client(base_url=served.url, trust_env=False) as http:
        born(client)
        some = [{"account": "alice", "change": {}}] * 30
        first = http.post("/v1/what-if", json={"suppositions": some})
        assert first.status_code == 200
        second = http.post("/v1/what-if", json={"suppositions": some})
        assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
        assert int(second.headers["retry-after"]) >= 1
        # The client waits as long as it is told, and is answered.
        assert client.send(requests.view("venue"))["started"]
