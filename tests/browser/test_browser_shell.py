"""The shell: live, stale, live again; keys, search, theme, the key of a tab; and the files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import httpx

from seawall.service.client import requests

POLICY = re.compile(r"default-src 'none'; script-src 'self'; style-src 'self';")


def test_files_have_their_type_their_tag_and_a_policy(harbour: Any) -> None:
    with httpx.Client(base_url=harbour.url, trust_env=False) as client:
        first = client.get("/")
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        assert POLICY.match(first.headers["content-security-policy"])
        assert first.headers["x-content-type-options"] == "nosniff"
        tag = first.headers["etag"]
        again = client.get("/", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        other = client.get("/", headers={"If-None-Match": '"another"'})
        assert other.content == first.content
        kinds = {"js/main.js": "text/javascript", "css/seawall.css": "text/css"}
        for name, kind in kinds.items():
            assert client.get(f"/static/{name}").headers["content-type"].startswith(kind)
        packed = client.get("/static/vendor/echarts/echarts.min.js")
        assert packed.headers["content-encoding"] == "gzip"
        plain = client.get(
            "/static/vendor/echarts/echarts.min.js", headers={"Accept-Encoding": "identity"}
        )
        assert plain.content == packed.content
        for name in ("../routes.py", "%2e%2e/routes.py", "js", "no.js", "vendor/../../routes.py"):
            answer = client.get(f"/static/{name}")
            assert answer.status_code == 404, name
        api = client.get("/v1/venue")
        assert (
            api.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        )
        assert api.headers["cache-control"] == "no-store"


def test_a_page_says_that_it_is_stale_and_goes_on_after_a_restart(
    serve: Callable[..., Any], born: Any, visit: Callable[..., Any]
) -> None:
    served = serve()
    with served.client() as client:
        born(client)
    page = visit(served.url, "overview")
    page.get_by_text("As of").wait_for()
    before = page.locator(".now .event b").inner_text()
    served.end()
    ended = time.monotonic()
    page.wait_for_selector('html[data-feed="stale"]', timeout=6000)
    assert time.monotonic() - ended < 5
    assert page.locator(".banner").inner_text().startswith("Stale since ")
    page.wait_for_timeout(600)
    grey = "node => getComputedStyle(node).filter"
    assert page.locator("main").evaluate(grey).startswith("grayscale(1)")
    served.start()
    page.wait_for_selector('html[data-feed="live"]', timeout=15_000)
    assert page.locator(".banner").is_hidden()
    with served.client() as client:
        sequence = client.send(requests.deposit("bob", "USDC", "1")).sequence
    assert sequence > int(before)
    page.locator(".now .event b", has_text=str(sequence)).wait_for(timeout=3000)
    page.locator(".page-head .moment", has_text=f"event {sequence}").wait_for(timeout=3000)


def test_the_keyboard_goes_everywhere(harbour: Any, visit: Callable[..., Any]) -> None:
    page = visit(harbour.url, "overview")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.locator("h1", has_text="Liquidation map").wait_for()
    page.keyboard.press("?")
    page.locator("dialog.help").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.help").wait_for(state="detached")
    page.keyboard.press("/")
    page.keyboard.type("car")
    page.locator(".found li", has_text="carol").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    page.keyboard.press("/")
    page.locator("dialog.search").wait_for()
    page.keyboard.type("#3")
    page.locator(".found li", has_text="Event 3").wait_for()
    page.keyboard.press("Enter")
    page.locator(".event-head h3", has_text="Event 3").wait_for()
    assert page.url.endswith("#/journal/3")
    page.keyboard.press("Escape")
    for name in ("dark", "light"):
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == name
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert dark == "rgb(246, 245, 241)"  # --page of the light theme: 246, 245, 241 is f6f5f1.
    page.seen.check(harbour.url)


def test_a_key_stays_in_its_tab_and_out_of_the_address(
    serve: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    served = serve("--bootstrap")
    admin = next(line.split()[-1] for line in served.said if "admin key" in line)
    page = visit(served.url, "incidents", live=False)
    page.locator("dialog.key").wait_for()
    page.locator('html[data-feed="locked"]').wait_for(state="attached", timeout=8000)
    page.get_by_label("Key with the scope read").fill(admin)
    page.get_by_role("button", name="Use this key").click()
    page.wait_for_selector('html[data-feed="live"]', timeout=8000)
    page.get_by_text("What is shut or reduced now").wait_for()
    assert page.evaluate("sessionStorage.getItem('seawall-key')") == admin
    assert page.evaluate("localStorage.length") == 0
    assert not [one for one in page.seen.asked if admin in one]
    assert admin not in page.content()


def test_one_socket_outlives_the_time_limits_of_requests(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "overview")
    opened: list[str] = []
    page.on("websocket", lambda one: opened.append(one.url))
    page.wait_for_timeout(11_500)  # A head has ten seconds; what became a socket has no head.
    assert opened == []
    page.seen.check(harbour.url)
