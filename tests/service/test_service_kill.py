"""SIGKILL while clients write: nothing acknowledged is lost or doubled, and a replay agrees.

Each client sends deposits of known amounts, or trades of known lots, under known keys and repeats
what it has no answer to, as `seawall.service.client` does. Afterwards balances and positions say
how often each was done. `make test-services` kills fifty times on each database.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import recover, verify
from seawall.service.client import AsyncClient, Client, UnknownOutcomeError, requests
from seawall.service.words.wire import Answer

KILLS = int(os.environ.get("SEAWALL_KILLS", "4"))
KILLS_POSTGRESQL = int(os.environ.get("SEAWALL_KILLS", "2"))
WRITERS = 8
LATE = """
import time
from seawall.engine.history.standby import Primary
opened = Primary.open
def open_late(*given, **more):
    time.sleep(1.0)
    return opened(*given, **more)
Primary.open = open_late
"""


def wanted_of(number: int, key: str) -> requests.Wanted[Any]:
    """Deposits by three writers of four; the others buy and sell a lot for carol."""
    if number % 4 != 3:
        return requests.deposit("bob", "USDC", f"0.{number + 1:06d}", key)
    buyer, seller = ("carol", "bob") if is_bought(key) else ("bob", "carol")
    return requests.trade("BTC/USDC:USDC", buyer, seller, "0.001", "60000", key)


def writer_of(key: str) -> int:
    return int(key[1 : key.index("-")])


def is_bought(key: str) -> bool:
    return key[-1] in "02468ace"


async def write(
    url: str, number: int, acknowledged: dict[str, Answer], pending: dict[str, requests.Wanted[Any]]
) -> None:
    """Send deposits until the service is gone; what has no answer is left in `pending`."""
    async with AsyncClient(url, retries=0, timeout_s=10.0) as client:
        while True:
            key = next(iter(k for k in pending if k.startswith(f"w{number}-")), None)
            if key is None:
                key = f"w{number}-{random.getrandbits(60):x}"
                pending[key] = wanted_of(number, key)
            try:
                answer = await client.send(pending[key])
            except UnknownOutcomeError:
                return
            first = acknowledged.setdefault(key, answer)
            assert (first.sequence, first.effects) == (answer.sequence, answer.effects)
            del pending[key]


async def storm(served: Any, acknowledged: dict[str, Answer], pending: dict[str, Any]) -> None:
    writing = [
        asyncio.create_task(write(served.url, number, acknowledged, pending))
        for number in range(WRITERS)
    ]
    done = len(acknowledged)
    while len(acknowledged) < done + random.randrange(20, 120):
        await asyncio.sleep(0.002)
    await asyncio.to_thread(served.kill)
    await asyncio.gather(*writing)


def test_a_killed_service_loses_and_doubles_nothing(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    kill_and_count(start().ready(), born, KILLS)


def test_nor_does_one_on_postgresql(
    start: Callable[..., Any], born: Callable[[Client], None], postgresql_schema: str
) -> None:
    served = start(store=postgresql_schema).ready()
    try:
        kill_and_count(served, born, KILLS_POSTGRESQL)
    finally:
        served.kill()


def kill_and_count(served: Any, born: Callable[[Client], None], kills: int) -> None:
    with served.client() as client:
        born(client)
    acknowledged: dict[str, Answer] = {}
    pending: dict[str, requests.Wanted[Any]] = {}
    for _ in range(kills):
        asyncio.run(storm(served, acknowledged, pending))
        served.start()
        served.ready()
    with served.client() as client:
        for key, wanted in pending.items():  # Not known whether done; now it is, once.
            acknowledged[key] = client.send(wanted)
        for key in random.sample(sorted(acknowledged), 20):
            again = client.send(wanted_of(writer_of(key), key))
            assert again.repeated
            assert again.sequence == acknowledged[key].sequence
        deposits = [key for key in acknowledged if writer_of(key) % 4 != 3]
        trades = [key for key in acknowledged if writer_of(key) % 4 == 3]
        assert min(len(deposits), len(trades)) >= kills
        rows = {row.asset: row.quantity for row in client.send(requests.account("bob")).rows}
        atoms = 10**12 + sum(writer_of(key) + 1 for key in deposits)
        assert Decimal(rows["USDC"]) * 10**6 == atoms
        bought = sum(1 if is_bought(key) else -1 for key in trades)
        rows = {row.asset: row.quantity for row in client.send(requests.account("carol")).rows}
        assert Decimal(rows.get("BTC/USDC:USDC", "0")) * 1000 == bought
        assert client.send(requests.audit("commands", limit=1))["commands"]
    assert len(acknowledged) >= 20 * kills
    assert len({one.sequence for one in acknowledged.values()}) == len(acknowledged)
    assert served.stop() == 0
    with Journal.open(served.store, read_only=True) as journal:
        whole = verify(journal, Engine)
        assert whole.ok, whole.difference
        engine = recover(journal, Engine.restore, Engine)
        assert engine.state_hash() == whole.state_hash
        engine.check()  # Every asset sums to zero, among others.
        assert journal.last_sequence() == whole.events


def test_a_stopped_service_goes_on_where_its_journal_ends(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    """While the journal is being replayed, here for a second longer, it is not ready."""
    served = start(program=LATE).ready()
    with served.client() as client:
        born(client)
        before = client.send(requests.view("venue"))
        sent = requests.deposit("carol", "USDC", "7")
        first = client.send(sent)
    assert served.stop() == 0
    served.start()
    for path, status in (("/healthz", 200), ("/readyz", 503), ("/v1/venue", 503)):
        answer = httpx.get(f"{served.url}{path}", trust_env=False)
        assert answer.status_code == status, path
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("replaying", "1")
    told = httpx.get(f"{served.url}/metrics", trust_env=False).text
    assert "\nseawall_ready 0\n" in told
    served.ready()
    with served.client() as client:
        after = client.send(requests.view("venue"))
        assert (after["sequence"], after["fingerprint"]) == (
            before["sequence"] + 1, before["fingerprint"],
        )  # fmt: skip
        again = client.send(sent)
        assert (again.repeated, again.sequence) == (True, first.sequence)


def test_another_service_or_other_rules_on_the_same_store_are_turned_away(
    start: Callable[..., Any], rules: str
) -> None:
    served = start().ready()
    second = type(served)(served.folder, *served.arguments)
    try:
        assert second.ended() == 3
        assert "another process is writing" in served.errors.read_text()
        with served.client() as client:
            assert client.send(requests.view("venue"))["started"]
    finally:
        second.kill()
    assert served.stop() == 0
    (served.folder / "rules.toml").write_text(rules.replace("fee_ratio = 0.005", "fee_ratio = 0"))
    served.start()
    assert served.ended() == 3
    assert "activate another rulebook" in served.errors.read_text()
