"""API keys, scopes, two operators and the audit, against a real process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from seawall.service.client import Client, Problem, requests

SCOPES = ("read", "trade", "operate", "admin")


class Room:
    """A service with one key for each scope and one for each operator."""

    def __init__(self, served: Any) -> None:
        self.served = served
        line = next(line for line in served.said if line.startswith("admin key"))
        self.secrets = {"bootstrap": line.split()[-1]}
        self.ids: dict[str, str] = {}
        with self.client("bootstrap") as admin:
            for name in SCOPES:
                self._make(admin, name, [name])
            for name in ("ann", "ben", "cid"):
                self._make(admin, name, ["read", "operate"], name)

    def _make(self, admin: Client, name: str, scopes: list[str], operator: str = "") -> None:
        made = admin.send(requests.make_key(name, scopes, operator))
        self.secrets[name], self.ids[name] = made.secret, made.id

    def client(self, name: str) -> Client:
        return self.served.client(self.secrets[name])  # type: ignore[no-any-return]

    def send(self, name: str, wanted: requests.Wanted[Any]) -> Any:
        with self.client(name) as client:
            return client.send(wanted)

    def code_of(self, name: str, wanted: requests.Wanted[Any]) -> tuple[int, str]:
        with pytest.raises(Problem) as caught:
            self.send(name, wanted)
        return caught.value.status, caught.value.code


@pytest.fixture(scope="module")
def room(start: Callable[..., Any], born: Callable[[Client], None]) -> Room:
    room = Room(start("--bootstrap").ready())
    with room.client("bootstrap") as client:
        born(client)
    return room


def test_nobody_comes_in_without_a_key(room: Room) -> None:
    url = room.served.url
    strange = f"sw_{'0' * 12}_{'a' * 43}"
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {strange}"}):
        answer = httpx.get(f"{url}/v1/venue", headers=header, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    changed = room.secrets["read"][:-1] + ("A" if room.secrets["read"][-1] != "A" else "B")
    header = {"Authorization": f"Bearer {changed}"}
    assert httpx.get(f"{url}/v1/venue", headers=header, trust_env=False).status_code == 401
    assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 401
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "scope"),
    [
        (requests.view("venue"), "read"),
        (requests.check_trade("BTC/USDC:USDC", "alice", "bob", "0.001", "60000"), "read"),
        (requests.deposit("alice", "USDC", "1"), "trade"),
        (requests.open_accounts({"new": "cross"}), "operate"),
        (requests.tell_prices({"BTC": "60000"}), "operate"),
        (requests.activate("x = 1"), "admin"),
        (requests.keys(), "admin"),
        (requests.audit("commands"), "admin"),
        (requests.audit("acts"), "admin"),
    ],
    ids=lambda one: getattr(one, "path", one),
)
def test_each_route_asks_for_its_scope(
    room: Room, wanted: requests.Wanted[Any], scope: str
) -> None:
    for name in SCOPES:
        if name != scope:
            assert room.code_of(name, wanted) == (403, "scope_missing")
    if wanted.path == "/v1/rulebook/activations":
        assert room.code_of(scope, wanted) == (422, "bad_rulebook")
    else:
        room.send(scope, wanted)


def test_a_key_is_shown_by_its_prefix_and_its_last_use(room: Room) -> None:
    room.send("read", requests.view("venue"))
    shown = {one["name"]: one for one in room.send("admin", requests.keys())["keys"]}
    assert shown["read"]["prefix"] == room.secrets["read"].split("_")[1]
    assert abs(shown["read"]["used_ms"] - time.time() * 1000) < 120_000
    assert shown["ann"]["operator"] == "ann"
    told = str(shown)
    assert not any(secret.split("_", 2)[2] in told for secret in room.secrets.values())


def test_a_rotated_key_keeps_its_id_and_loses_its_old_secret(room: Room) -> None:
    made = room.send("admin", requests.make_key("turns", ["read"]))
    with room.served.client(made.secret) as old:
        old.send(requests.view("venue"))
        new = room.send("admin", requests.rotate_key(made.id))
        with pytest.raises(Problem) as caught:
            old.send(requests.view("venue"))
        assert caught.value.status == 401
    with room.served.client(new.secret) as fresh:
        fresh.send(requests.view("venue"))
        room.send("admin", requests.revoke_key(made.id))
        with pytest.raises(Problem):
            fresh.send(requests.view("venue"))
    assert room.code_of("admin", requests.rotate_key(made.id)) == (404, "unknown_key")
    assert room.code_of("admin", requests.revoke_key("k0")) == (404, "unknown_key")


def test_a_key_ends_with_its_time(room: Room) -> None:
    soon = time.time_ns() // 1_000_000 + 3_000
    made = room.send("admin", requests.make_key("short", ["read"], expires_ms=soon))
    with room.served.client(made.secret) as client:
        client.send(requests.view("venue"))
        time.sleep(3.1)
        with pytest.raises(Problem, match="expired"):
            client.send(requests.view("venue"))
    assert room.code_of("admin", requests.make_key("x", ["all"])) == (400, "bad_request")
    assert room.code_of("admin", requests.make_key("x", [])) == (400, "bad_request")


def test_two_clients_may_use_the_same_idempotency_key(room: Room) -> None:
    first = room.send("trade", requests.deposit("carol", "USDC", "1", key="same"))
    second = room.send("bootstrap", requests.deposit("carol", "USDC", "2", key="same"))
    assert (first.repeated, second.repeated) == (False, False)
    assert second.sequence == first.sequence + 1


def test_an_override_takes_two_operators_with_two_keys(room: Room) -> None:
    asked = requests.propose_override("market", "halted", "drill", "BTC")
    assert room.code_of("operate", asked) == (403, "two_operators_needed")
    assert room.code_of("cid", asked) == (403, "two_operators_needed")  # Not in the rulebook.
    nowhere = requests.propose_override("market", "halted", "drill", "EUR")
    assert room.code_of("ann", nowhere) == (404, "unknown_coin")
    proposed = room.send("ann", asked)
    assert room.send("ann", asked) == proposed
    other = requests.propose_override("venue", "halted", "drill", key=asked.key)
    assert room.code_of("ann", other) == (422, "key_reused")
    number = proposed.proposal
    assert room.send("read", requests.view("breakers"))["standing"] == []
    for name in ("ann", "cid", "operate"):
        assert room.code_of(name, requests.sign_override(number)) == (403, "two_operators_needed")
    assert room.code_of("ben", requests.sign_override(number + 1)) == (404, "unknown_proposal")
    done = room.send("ben", requests.sign_override(number))
    assert done.effects[0]["effect"] == "breaker_changed"
    standing = room.send("read", requests.view("breakers"))["standing"]
    assert standing == [
        {
            "scope": "market", "subject": "BTC", "mode": "halted", "breaker": "",
            "by_operators": True, "until_ms": None,
        }
    ]  # fmt: skip
    trade = requests.trade("BTC/USDC:USDC", "carol", "bob", "0.001", "60000")
    assert room.code_of("trade", trade) == (422, "halted")
    again = room.send("ben", requests.sign_override(number))
    assert (again.repeated, again.sequence) == (True, done.sequence)
    row = room.send("read", requests.overrides())["proposals"][-1]
    assert (row["first"], row["second"], row["sequence"]) == ("ann", "ben", done.sequence)
    opened = room.send("ben", requests.propose_override("market", "open", "over", "BTC"))
    room.send("ann", requests.sign_override(opened.proposal))
    assert room.send("read", requests.view("breakers"))["standing"] == []
    room.send("trade", requests.trade("BTC/USDC:USDC", "carol", "bob", "0.001", "60000"))


def test_the_audit_says_who_did_what(room: Room) -> None:
    answer = room.send("trade", requests.deposit("carol", "USDC", "3", key="who"))
    rows = room.send("admin", requests.audit("commands", answer.sequence - 1))["commands"]
    assert rows[0] == {"sequence": answer.sequence, "actor": room.ids["trade"], "key": "who"}
    acts = room.send("admin", requests.audit("acts", limit=500))["acts"]
    said = [(one["action"], one["actor"]) for one in acts]
    assert said[0] == ("key made", "start")
    assert ("service started", "start") in said
    assert ("override proposed by ann", room.ids["ann"]) in said
    assert ("override signed by ben", room.ids["ben"]) in said


def test_no_secret_is_in_the_log_or_the_store(room: Room) -> None:
    places = [room.served.errors, *room.served.folder.glob("venue.db*")]
    kept = b"".join(Path(place).read_bytes() for place in places)
    assert b'"status":401' in kept
    for secret in room.secrets.values():
        assert secret.encode() not in kept
        assert secret.split("_", 2)[2].encode() not in kept


def test_the_last_admin_stays_and_a_restart_forgets_no_key(room: Room) -> None:
    room.send("admin", requests.revoke_key(room.ids["cid"]))
    shown = room.send("admin", requests.keys())["keys"]
    boot = next(one["id"] for one in shown if one["name"] == "bootstrap")
    room.send("admin", requests.revoke_key(boot))
    last = requests.revoke_key(room.ids["admin"])
    assert room.code_of("admin", last) == (409, "last_admin")
    assert room.served.stop() == 0
    with pytest.raises(AssertionError, match="there are API keys already; an admin makes others"):
        room.served.start()  # A second time nothing is made and nothing printed.
    assert not room.served.said
    room.served.arguments = tuple(a for a in room.served.arguments if a != "--bootstrap")
    room.served.start()
    room.served.ready()
    assert not any("no API key" in line for line in room.served.said)
    assert room.send("read", requests.view("venue"))["started"]


def test_without_keys_only_loopback_is_served(start: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match="without API keys only loopback"):
        start("--host", "0.0.0.0")
    served = start().ready()
    assert any("no API key yet" in line for line in served.said)
    strange = httpx.get(f"{served.url}/v1/venue", headers={"Host": "evil.example"}, trust_env=False)
    assert (strange.status_code, strange.json()["code"]) == (421, "misdirected")
    with served.client() as client:
        with pytest.raises(Problem, match="admin"):
            client.send(requests.make_key("first", ["read"]))
        proposal = requests.propose_override("venue", "halted", "drill")
        with pytest.raises(Problem, match="operator"):
            client.send(proposal)
        made = client.send(requests.make_key("first", ["read", "admin"]))
        with pytest.raises(Problem) as caught:
            client.send(requests.view("venue"))
        assert caught.value.status == 401
    with served.client(made.secret) as client:
        assert client.send(requests.view("venue"))["started"]
    found = httpx.get(
        f"{served.url}/v1/venue",
        headers={"Host": "seawall.example", "Authorization": f"Bearer {made.secret}"},
        trust_env=False,
    )
    assert found.status_code == 200


def test_a_flood_of_wrong_keys_lets_a_known_one_through(room: Room) -> None:
    import concurrent.futures

    def wrong(number: int) -> int:
        header = {"Authorization": f"Bearer sw_{number:012x}_{'a' * 43}"}
        answer = httpx.get(f"{room.served.url}/v1/venue", headers=header, trust_env=False)
        return answer.status_code

    with room.client("read") as client, concurrent.futures.ThreadPoolExecutor(8) as many:
        client.send(requests.view("venue"))
        flood = [many.submit(wrong, number) for number in range(120)]
        for _ in range(20):
            assert client.send(requests.view("venue"))["started"]
        assert {one.result() for one in flood} <= {401, 503}
