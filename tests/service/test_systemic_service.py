"""The systemic monitor over HTTP, on a venue whose numbers fit on a napkin.

alice is long 0.1 BTC from 60,000 with 1,000 dollars and must hold 5 % of the notional. At p she has
1,000 + 0.1·(p − 60,000) above 0.005·p: she is closed at 5,000 ÷ 0.095 = 52,631.58 and worth nothing
at 50,000. bob, short against her with a million, is beyond every line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from seawall.service.client import Client, requests

PERPETUAL = "BTC/USDC:USDC"


def _get(url: str, path: str) -> httpx.Response:
    return httpx.get(f"{url}{path}", trust_env=False, timeout=10)


def _live(url: str, sequence: int) -> dict[str, Any]:
    """Wait for a reading that is at least as young as an event."""
    until = time.monotonic() + 60
    while True:
        shown: dict[str, Any] = _get(url, "/v1/systemic").json()
        if shown["state"] == "live" and shown["sequence"] >= sequence:
            return shown
        assert shown["state"] != "failed", shown["failure"]
        assert time.monotonic() < until, shown
        time.sleep(0.1)


def test_it_can_be_left_out(start: Any) -> None:
    served = start("--monitor", "off").ready()
    for path in ("/v1/systemic", "/v1/systemic/map/BTC"):
        answer = _get(served.url, path)
        assert (answer.status_code, answer.json()["code"]) == (409, "no_monitor")
    assert served.stop() == 0


def test_the_reading_follows_the_venue(start: Any, born: Callable[[Client], None]) -> None:
    served = start().ready()
    assert _get(served.url, "/v1/systemic").json()["state"] in ("waiting", "live")
    with served.client() as client:
        born(client)
        told = requests.tell_prices({"BTC": "60000"}, depth={PERPETUAL: ("0.5", "2")})
        sequence = client.send(told).sequence
        shown = _live(served.url, sequence)
        assert shown["modelled"] is True
        coin = next(one for one in shown["coins"] if one["coin"] == "BTC")
        fall, rise = coin["fall"], coin["rise"]
        assert (coin["price"], fall["accounts"], rise["accounts"]) == ("60000", 1, 0)
        assert fall["notional"] == pytest.approx(6_000)  # 0.1 at today's 60,000.
        assert fall["depth"] == {"told": True, "units": 0.5, "notional": 30_000.0, "within": 0.01}
        # Nothing is impact before she is reached, so the first debt is where she is sold below
        # 50,000: the shock that, with 0.1 ÷ 0.5 of 1 % of 60,000 on top, averages below it. A
        # linear law sells at half of its fall of 120 on average: 50,060 ÷ 60,000 − 1 = −16.567 %.
        assert fall["to_bad_debt"] == pytest.approx(50_060 / 60_000 - 1, abs=1e-6)
        quiet = next(law for law in fall["by_law"] if law["law"] == "no impact")
        assert quiet["to_bad_debt"] == pytest.approx(50_000 / 60_000 - 1, abs=1e-6)
        assert [one["account"] for one in fall["contributors"]] == []  # −10 % does not reach her.

        there = client.send(requests.liquidation_map("BTC"))
        reached = [row for row in there["down"] if row["accounts"]]
        # 52,631.58 is 12.28 % down: in the bucket that ends at 12.5 %, 52,500.
        assert len(reached) == 1
        assert reached[0]["price"] == pytest.approx(52_500)
        assert reached[0]["notional"] == pytest.approx(0.1 * 5_000 / 0.095, rel=1e-6)
        assert not any(row["accounts"] for row in there["up"])
        # Half of 0.5 coins in each half per cent, at the bucket's middle price.
        assert there["depth"]["down"][0]["notional"] == pytest.approx(0.25 * 59_850)

        # 400 less in it: 5,400 ÷ 0.095 is 56,842.11, now in reach of a fall of 10 %.
        sequence = client.send(requests.withdraw("alice", "USDC", "400")).sequence
        shown = _live(served.url, sequence)
        fall = next(one for one in shown["coins"] if one["coin"] == "BTC")["fall"]
        assert shown["refreshed"] <= 3, "it asked more than who moved money"
        assert [one["account"] for one in fall["contributors"]] == ["alice"]
        assert fall["contributors"][0]["price"] == pytest.approx(5_400 / 0.095, rel=1e-6)
        # 54,000 less 0.1 coins' impact of 0.2 · 1 % · 60,000 = 120.
        assert fall["shocked"]["final"] == pytest.approx((54_000 - 120) / 60_000 - 1, rel=1e-9)
        # Worth nothing at 54,000, sold at 53,940 on average: she owes 6.
        assert fall["shocked"]["bad_debt"] == pytest.approx(0.1 * (54_000 - 53_940), rel=1e-6)

    assert _get(served.url, "/v1/systemic/map/DOGE").json()["code"] == "unknown_coin"
    assert _get(served.url, "/v1/systemic/map/LINK").json()["code"] == "no_map"
    assert served.stop() == 0
