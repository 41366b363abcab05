"""What a page does when the service is paused, starts, or wants another key."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

from seawall.service import requests

STALE_S = 5.0


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


def test_a_page_that_is_opened_while_the_service_starts_comes_by_itself(
    serve: Callable[..., Any], born: Any, visit: Callable[..., Any]
) -> None:
    served = serve()
    with served.client() as client:
        born(client)
    page = visit(served.url, "overview")
    not_now = {"code": "replaying", "status": 503, "title": "replaying", "detail": "not now"}
    # A start takes too short a time here to be sure to fall into it, so its answer is given.
    page.route("**/v1/accounts/bob/**", lambda route: route.fulfill(status=503, json=not_now))
    page.goto(f"{served.url}/#/account/bob")
    page.get_by_text("not now").wait_for()
    page.unroute_all()
    page.wait_for_selector(".sum-check.good", timeout=5000)
    assert page.get_by_text("not now").count() == 0


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
