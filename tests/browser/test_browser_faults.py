"""What a page does when the service is paused, starts, or wants another key."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

from seawall.service.client import requests

STALE_S = 5.0
RULES = """
format = 1
name = "later"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "ETH", decimals = 8 }]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
[margin.cross.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
ETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]

[margin.patient]
method = "tiered"
[margin.patient.brackets]
BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""


def test_a_paused_service_makes_every_page_stale_and_then_live_again(
    serve: Callable[..., Any], born: Any, visit: Callable[..., Any]
) -> None:
    served = serve()
    with served.client() as client:
        born(client)
        ways = ("overview", "account/alice", "waterfall")
        pages = [visit(served.url, way) for way in ways]
        os.kill(served.ran.pid, signal.SIGSTOP)
        paused = time.monotonic()
        try:
            for page in pages:
                page.wait_for_selector('html[data-feed="stale"]', timeout=STALE_S * 1000)
                page.locator(".banner", has_text="Nothing below is current").wait_for()
                told = page.locator("main").evaluate("node => getComputedStyle(node).filter")
                assert told != "none"
            took_s = time.monotonic() - paused
        finally:
            os.kill(served.ran.pid, signal.SIGCONT)
        print(f"stale after {took_s:.1f} s")
        assert took_s < STALE_S
        sequence = client.send(requests.deposit("alice", "USDC", "11")).sequence
    for page in pages:
        page.wait_for_selector('html[data-feed="live"]', timeout=10_000)
        page.locator(".now .event b", has_text=f"{sequence}").wait_for()
        page.locator(".banner").wait_for(state="hidden")
    pages[1].locator(".tile", has_text="Margin equity").get_by_text("1,011.00").wait_for()
    for page in pages:
        page.seen.check(served.url)


def test_pages_of_a_venue_that_does_not_exist_yet_come_by_themselves(
    serve: Callable[..., Any], born: Any, visit: Callable[..., Any]
) -> None:
    served = serve(rules=None)
    ways = ("overview", "accounts", "account/alice", "rules", "incidents", "waterfall", "map/BTC")
    pages = [visit(served.url, way) for way in ways]
    for page in pages:
        page.get_by_text(
            re.compile("No venue has been opened|has no rulebook yet")
        ).first.wait_for()
        assert "1970" not in page.locator("main").inner_text()
    with served.client() as client:
        client.send(requests.start_venue(RULES))
        born(client)
    pages[1].locator(".accounts .row", has_text="alice").wait_for(timeout=5000)
    pages[2].wait_for_selector(".sum-check.good", timeout=5000)
    pages[3].get_by_role("button", name="From the rules that hold").wait_for()
    pages[4].get_by_text("What is shut or reduced now").wait_for()
    for page in (pages[0], pages[5]):
        page.locator(".moment", has_text="As of").wait_for()
    pages[6].locator("h1", has_text="Liquidation map · BTC").wait_for()
    for page in pages:
        assert page.locator(".toast").count() == 0  # Nothing went wrong.


def test_a_wrong_key_is_said_to_be_wrong_and_kept_nowhere(
    serve: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    served = serve("--bootstrap")
    admin = next(line.split()[-1] for line in served.said if "admin key" in line)
    wrong = re.sub(r"_[^_]+$", "_" + "x" * 43, admin)
    page = visit(served.url, "accounts", live=False)
    page.locator("dialog.key").wait_for()
    assert page.locator("dialog.key .wrong").count() == 0  # Nobody has said anything yet.
    page.get_by_label("Key with the scope read").fill(wrong)
    page.get_by_role("button", name="Use this key").click()
    page.locator("dialog.key .wrong", has_text="does not take").wait_for(timeout=5000)
    page.get_by_label("Key with the scope read").fill(admin)
    page.get_by_role("button", name="Use this key").click()
    page.wait_for_selector('html[data-feed="live"]', timeout=8000)
    page.wait_for_selector("dialog.key", state="detached")
    assert page.evaluate("JSON.stringify(Object.values(localStorage))") == "[]"
    assert page.evaluate("document.cookie") == ""
    assert wrong not in page.evaluate("JSON.stringify(Object.values(sessionStorage))")
    for key in (wrong, admin):
        assert not [one for one in [*page.seen.asked, page.url] if key in one]
    # Another tab knows nothing of it.
    other = page.context.new_page()
    other.goto(f"{served.url}/#/accounts")
    other.locator("dialog.key").wait_for()
