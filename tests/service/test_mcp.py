"""A real MCP session over stdio, by the protocol's own client, against a served venue.

alice is long 0.1 of BTC against bob at 60,000 and has 1,000 dollars; initial margin 10 %,
maintenance 5 %. A fall of 10 % leaves her 1,000 − 600 = 400 against 0.05 · 0.1 · 54,000 = 270.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from seawall.service.client import Client, requests

mcp = pytest.importorskip("mcp", reason="mcp is not installed: no session is held")
TOOLS = {
    "overview",
    "nearest_to_liquidation",
    "account",
    "explain",
    "what_if",
    "liquidation_prices",
    "calls",
    "liquidations",
    "history",
    "systemic",
    "journal",
    "rulebook",
}


class Room(NamedTuple):
    served: Any
    arguments: list[str]


@pytest.fixture(scope="module")
def room(start: Callable[..., Any], born: Callable[[Client], None]) -> Room:
    served = start("--bootstrap").ready()
    secret = next(line for line in served.said if line.startswith("admin key")).split()[-1]
    with served.client(secret) as client:
        born(client)
        client.send(requests.deposit("pat", "USDC", "1000"))
        client.send(requests.trade("BTC/USDC:USDC", "pat", "bob", "0.1", "60000"))
        key = client.send(requests.make_key("assistant", ["read"])).secret
    file = Path(served.folder) / "key"
    file.write_text(f"{key}\n")
    return Room(served, ["mcp", "--url", served.url, "--key-file", str(file)])


def held(room: Room, talk: Callable[[Any], Awaitable[Any]]) -> Any:
    """One session from the greeting to the end, and what was said in it."""
    import anyio
    from mcp.client.client import Client as Session
    from mcp.client.stdio import StdioServerParameters

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "seawall.cli", *room.arguments]
    )

    async def session() -> Any:
        with anyio.fail_after(60):
            async with Session(server) as client:
                return await talk(client)

    return anyio.run(session)


def asked(room: Room, *questions: tuple[str, dict[str, Any]]) -> list[Any]:
    """Answers of tools; of one that fails, its text."""

    async def talk(client: Any) -> list[Any]:
        answers: list[Any] = []
        for tool, arguments in questions:
            told = await client.call_tool(tool, arguments)
            text = told.content[0].text
            answers.append(text if told.is_error else json.loads(text))
        return answers

    answers: list[Any] = held(room, talk)
    return answers


def test_every_tool_only_reads(room: Room) -> None:
    async def talk(client: Any) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in held(room, talk)}
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert tool.description
    assert tools["account"].input_schema["required"] == ["name"]


def test_a_session_asks_everything_and_changes_nothing(room: Room) -> None:
    with room.served.client((Path(room.served.folder) / "key").read_text().strip()) as client:
        venue = client.send(requests.view("venue"))
        until = time.monotonic() + 40
        while not client.send(requests.view("systemic")).get("sequence"):
            assert time.monotonic() < until
            time.sleep(0.2)
        direct = client.send(requests.margin("alice"))
    answers = asked(
        room,
        ("overview", {}),
        ("nearest_to_liquidation", {"limit": 2}),
        ("account", {"name": "alice"}),
        ("explain", {"name": "alice"}),
        ("what_if", {"name": "alice", "change": {"moves": {"BTC": "-10%"}}}),
        ("liquidation_prices", {"name": "alice"}),
        ("calls", {}),
        ("liquidations", {}),
        ("history", {"of": "calls"}),
        ("systemic", {}),
        ("journal", {"first": 2, "limit": 3}),
        ("rulebook", {}),
    )
    systemic = answers.pop(9)  # Of the last reading, which may be older.
    assert 0 < systemic["sequence"] <= venue["sequence"]
    assert (systemic["modelled"], systemic["time_ms"] <= venue["time_ms"]) == (True, True)
    for answer in answers:
        assert answer["sequence"] == venue["sequence"], "what was asked changed something"
        assert answer["time_ms"] == venue["time_ms"]
    overview, near, account, explained, supposed, lines, calls, taken, history, *others = answers
    assert overview["insurance_funds"] == [
        {"fund": "insurance_fund", "holds": {}, "worth": "0"},
    ]
    assert [one["name"] for one in near["accounts"]] == ["alice", "pat"]
    assert near["accounts"][0]["verdict"]["headroom"] == "700"  # 1,000 − 5 % of 6,000.
    assert account["account"]["verdict"]["equity"] == "1000"
    assert explained["margin"]["verdict"]["maintenance"] == direct.verdict.maintenance == "300"
    assert (supposed["after"]["equity"], supposed["after"]["maintenance"]) == ("400", "270")
    # 0.1 · P − 5,000 = 0.05 · 0.1 · P at P = 5,000 ÷ 0.095 = 52,631.58.
    called = next(
        one
        for one in lines["crossings"]
        if (one["measure"], one["line"], one["direction"]) == ("price", "called", "down")
    )
    assert float(called["at"]) == pytest.approx(5_000 / 0.095, abs=0.11)
    assert (calls["calls"], taken["liquidations"], history["rows"]) == ([], [], [])
    journal, rulebook = others
    assert [one["sequence"] for one in journal["entries"]] == [2, 3, 4]
    assert rulebook["rules"]["name"] == "service"


def test_what_goes_wrong_has_its_code(room: Room) -> None:
    answers = asked(
        room,
        ("account", {"name": "nobody"}),
        ("explain", {"name": "alice", "at": 10**6}),
        ("what_if", {"name": "alice", "change": {"trades": [{"instrument": "X"}]}}),
        ("what_if", {"name": "alice", "change": {"moves": {"BTC": "up"}}}),
        ("nearest_to_liquidation", {"limit": 1000}),
    )
    assert answers[0].endswith(" unknown_account: no account nobody")
    assert " unknown_sequence: " in answers[1]
    assert "quantity" in answers[2]
    assert " bad_" in answers[3]
    assert "less than or equal to 100" in answers[4]
    wrong = Room(room.served, ["mcp", "--url", room.served.url])
    assert " unauthenticated: " in asked(wrong, ("overview", {}))[0]
    nobody = Room(room.served, ["mcp", "--url", "http://127.0.0.1:9"])
    assert " no answer: " in asked(nobody, ("overview", {}))[0]


@pytest.mark.parametrize("options", [["--url", "ftp://x"], ["--key-file", "/nowhere"]])
def test_a_wrong_option_is_one_line(options: list[str]) -> None:
    command = [sys.executable, "-m", "seawall.cli", "mcp", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
