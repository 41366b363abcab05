"""Ten thousand bodies, each a valid one with something wrong in it: a clear answer to each.

Requests are made from one seed, so every run sends the same ones. Whatever is answered, the service
goes on, no answer is a fault of its own, and its journal replays to the same state.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import verify
from seawall.service.client import Client, requests

BODIES = int(os.environ.get("SEAWALL_FUZZED", "10000"))
SEED = int(os.environ.get("SEAWALL_FUZZ_SEED", "20260101"))
CONNECTIONS = 8  # As many long questions may wait; none is told `busy`.
BTC = "BTC/USDC:USDC"
NOW_MS = 1_700_000_000_000

VALID: list[tuple[str, Any]] = [
    ("/v1/accounts", {"accounts": [{"name": "new", "method": "cross"}]}),
    ("/v1/accounts/bob/deposits", {"coin": "USDC", "amount": "12.5"}),
    ("/v1/accounts/bob/withdrawals", {"coin": "USDC", "amount": "0.25"}),
    ("/v1/trades", {"instrument": BTC, "buyer": "bob", "seller": "carol", "quantity": "0.001",
                    "price": "60000"}),
    ("/v1/trades/check", {"instrument": BTC, "buyer": "bob", "seller": "carol",
                          "quantity": "0.1", "price": "60000"}),
    ("/v1/accounts/alice/what-if", {"trades": [{"instrument": BTC, "quantity": "0.1",
                                                "price": "59000"}],
                                    "deposits": {"USDC": "5"}, "moves": {"BTC": "-10%"},
                                    "volatility": "+15%"}),
    ("/v1/what-if", {"suppositions": [{"account": "alice", "change": {"moves": {"ETH": "0.1"}}}]}),
    ("/v1/prices", {"prices": {"BTC": "60000", "ETH": "60000.5"}, "marks": {BTC: "60000"},
                    "depth": {BTC: {"bid": "10", "ask": "10"}}, "confidence": {"BTC": "0.001"}}),
    ("/v1/prices", {"smiles": [{"coin": "BTC", "expires_ms": NOW_MS * 2, "forward_ratio": "1",
                                "discount": "1", "a": "0.04", "b": "0.1", "rho": "-0.3", "m": "0",
                                "sigma": "0.2"}]}),
    ("/v1/reports", {"coin": "LINK", "reports": [{"source": "a", "price": "20", "confidence": "0",
                                                  "published_ms": NOW_MS, "halted": False}]}),
    ("/v1/instruments", {"instruments": [{"id": "X/USDC:USDC", "type": "perpetual", "base": "SOL",
                                          "quote": "USDC", "settle": "USDC", "lot": "0.01",
                                          "tick": "0.1"}]}),
    ("/v1/instruments", {"instruments": [{"id": "O", "type": "option", "base": "BTC",
                                          "quote": "USDC", "settle": "USDC", "lot": "0.01",
                                          "tick": "0.1", "expires_ms": NOW_MS * 2,
                                          "strike": "50000", "right": "call"}]}),
    ("/v1/orders/1/fill", {"lots": 1, "price": "60000"}),
    ("/v1/auctions/1/take", {"account": "bob", "lots": 1, "limit": "60000", "flash": False}),
    ("/v1/auctions/1/take-share", {"account": "bob", "share": "0.5", "limit": "100"}),
    ("/v1/auctions/1/bids", {"account": "bob", "price": "60000", "lots": 1}),
    ("/v1/auctions/1/commitments", {"account": "bob", "digest": "00" * 32}),
    ("/v1/auctions/1/revelations", {"account": "bob", "lots": 1, "price": "1", "salt": "00"}),
    ("/v1/overrides", {"scope": "market", "mode": "halted", "subject": "BTC", "reason": "test"}),
    ("/v1/accounts/alice/picture", {"change": {"moves": {"BTC": "5%"}}, "after_s": 60}),
    ("/v1/accounts/alice/curves", {"coin": "BTC", "low_percent": 50, "high_percent": 150,
                                   "points": 5}),
    ("/v1/notice-rules", {"account": "alice", "on": ["call"], "ratio": {"below": "1.2"},
                          "sigmas": {"below": "2", "volatilities": {"BTC": "0.6"}},
                          "targets": ["log"], "silence": {"begins": "22:00", "ends": "06:30",
                                                          "zone": "Europe/Berlin"}}),
    ("/v1/rulebook/diff", {"toml": "format = 1\nname = 'x'"}),
    ("/v1/rulebook/activations", {"toml": "format = 1\nname = 'x'"}),
]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**53, 2**63, -(2**63), 10**30,
    "", "0", "-0", "-1", "00", "1.", ".5", "+1", "1_000", "1,5", " 1", "0x10", "1e3", "1e30", "NaN",
    "nan", "Infinity", "-inf", "9" * 64, "-" + "9" * 63, "0." + "0" * 61 + "1",
    "922337203.6854775807",
    "9223372036854.775807", "900719925.4740993", "1" + "0" * 30, "0.0000000001", "0.000001",
    "\uff11\uff12", "\u0661", "\u0000", "\ud7ff", "\U0001f4a5", "x" * 101, "x" * 5000,
    "'; DROP TABLE",
    "../..", "%00", "100%", "-100%", "-99.999%", "+1000000%", "BTC", "USDC", "USD", BTC, "alice",
    "nobody", "fees", "outside", "insurance_fund", "cross", "patient", [], {}, [[]], [None],
    {"a": 1}, {"": ""}, ["x"] * 2000, [[[[[[[[]]]]]]]],
]  # fmt: skip
BYTES = [
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b'"',
    b"\\",
    b"\\u0000",
    b",",
    b"1e999",
    b"-",
]
STATUSES = {200, 201, 400, 403, 404, 405, 409, 413, 415, 422}


class Sent(NamedTuple):
    path: str
    body: bytes


def places(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to every place of a tree but its root."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, entry in entries:
        yield (*above, key)
        if isinstance(entry, dict | list):
            yield from places(entry, (*above, key))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def mutated(dice: random.Random) -> Sent:
    """A valid request with one to three things wrong."""
    path, body = copy.deepcopy(dice.choice(VALID))
    content: bytes | None = None
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        paths = list(places(body)) if isinstance(body, dict | list) else []
        way = dice.randrange(9)
        if not paths or way == 0:
            body = copy.deepcopy(dice.choice(ODD))
        elif way <= 4:
            *above, last = dice.choice(paths)
            table = at(body, tuple(above))
            alike = [odd for odd in ODD if type(odd) is type(table[last])]
            table[last] = copy.deepcopy(dice.choice(alike if dice.random() < 0.8 else ODD))
        elif way == 5:
            *above, last = dice.choice(paths)
            del at(body, tuple(above))[last]
        elif way == 6:
            one, two = dice.choice(paths), dice.choice(paths)
            taken = copy.deepcopy(at(body, two))
            at(body, one[:-1])[one[-1]] = taken
        elif way == 7:
            tables = [p for p in [(), *paths] if isinstance(at(body, p), dict)]
            if tables:
                at(body, dice.choice(tables))[str(dice.choice(ODD))[:80]] = dice.choice(ODD)
        else:
            steps = path.split("/")
            steps[dice.randrange(2, len(steps))] = quote(str(dice.choice(ODD))[:200], safe="")
            path = "/".join(steps)
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    if dice.random() < 0.2:
        place = dice.randrange(len(content) + 1)
        kind = dice.randrange(3)
        if kind == 0:
            content = content[:place]
        elif kind == 1:
            content = content[:place] + dice.choice(BYTES) + content[place:]
        else:
            content = content[:place] + content[place : place + 20] * 3 + content[place + 1 :]
    return Sent(path, content)


async def ask(reader: Any, writer: Any, host: str, sent: Sent, key: str) -> tuple[int, str, bytes]:
    head = (
        f"POST {sent.path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"idempotency-key: {key}\r\ncontent-length: {len(sent.body)}\r\n\r\n"
    )
    writer.write(head.encode() + sent.body)
    top = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status = int(top[9:12])
    fields = dict(line.split(": ", 1) for line in top.split("\r\n")[1:] if ": " in line)
    content = await reader.readexactly(int(fields["content-length"]))
    return status, fields.get("content-type", ""), content


async def storm(url: str, many: list[Sent]) -> list[tuple[Sent, int, str, bytes]]:
    place = urlsplit(url)
    waiting = list(enumerate(many))[::-1]
    told: list[tuple[Sent, int, str, bytes]] = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        while waiting:
            number, sent = waiting.pop()
            told.append((sent, *await ask(reader, writer, place.netloc, sent, f"fuzz-{number}")))
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return told


def test_ten_thousand_fuzzed_bodies_each_get_a_clear_answer(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
    dice = random.Random(SEED)
    told = asyncio.run(storm(served.url, [mutated(dice) for _ in range(BODIES)]))
    wrong = [(sent, status, content) for sent, status, _, content in told if status not in STATUSES]
    assert not wrong, (len(wrong), wrong[:5])
    counted = Counter(status for _, status, _, _ in told)
    codes: Counter[str] = Counter()
    for sent, status, kind, content in told:
        answer = json.loads(content)
        if status < 400:
            assert kind == "application/json", sent
            continue
        assert kind == "application/problem+json", sent
        assert answer["status"] == status
        assert answer["detail"], sent
        codes[answer["code"]] += 1
    # It got past the first gate: commands were done, and others refused for many reasons.
    assert counted[201] > BODIES // 100
    assert len(codes) >= 15, codes
    with served.client() as client:
        assert client.send(requests.view("venue"))["started"]
        assert client.send(requests.deposit("bob", "USDC", "1")).sequence > counted[201]
    assert served.stop() == 0
    with Journal.open(served.store, read_only=True) as journal:
        whole = verify(journal, Engine)
        assert whole.ok, whole.difference
