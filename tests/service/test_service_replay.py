"""The crash of August 2024 played into a live service, stopped, and gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seawall.engine import Engine
from seawall.engine.history.journal import Journal
from seawall.engine.history.replay import verify
from seawall.service.client import Client, Problem, requests

LAST_MS = 1_722_820_200_000  # 5 August 2024, 01:10 UTC: the end of the cut's last bar.


def until(client: Client, time_ms: int, seconds: float = 60.0) -> dict[str, Any]:
    ends = time.monotonic() + seconds
    while (venue := client.send(requests.view("venue")))["time_ms"] < time_ms:
        assert time.monotonic() < ends, venue
        time.sleep(0.02)
    return venue


def test_a_scenario_plays_is_stopped_and_goes_on(start: Callable[..., Any], cut: Path) -> None:
    served = start("--replay", str(cut), "--speed", "300x", rules=None).ready()
    with served.client() as client:
        begun = client.send(requests.view("venue"))
        assert begun["accounts"] == 1000
        client.send(requests.open_accounts({"visitor": begun["methods"][0]}))
        client.send(requests.deposit("visitor", "USDC", "100"))
        middle = until(client, begun["time_ms"] + 600_000)
        past = requests.margin("visitor", begun["sequence"] + 2)
        assert client.send(past).verdict.equity == "100"
    served.kill()
    served.arguments = tuple("3000x" if one == "300x" else one for one in served.arguments)
    served.start()
    served.ready()
    with served.client() as client:
        again = client.send(requests.view("venue"))
        assert again["sequence"] >= middle["sequence"]
        end = until(client, LAST_MS)
        assert end["by_status"]["closed"] + end["by_status"]["bankrupt"] > 0
        assert client.send(requests.account("visitor")).account.verdict is not None
        worst = client.send(requests.accounts(order="health", limit=5)).accounts
        ratios = [float(one.verdict.health or "inf") for one in worst if one.verdict]
        assert ratios == sorted(ratios)
        with pytest.raises(Problem) as caught:  # The scenario tells the time.
            client.send(requests.check_trade("none", "visitor", "visitor", "1", "1"))
        assert caught.value.code == "unknown_instrument"
    assert served.stop() == 0
    with Journal.open(served.store, read_only=True) as journal:
        assert journal.meta["clock"] == "crash-2024-08-05"
        assert verify(journal, Engine).ok
