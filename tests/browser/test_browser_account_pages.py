"""Accounts, one account, the waterfall and the rules in a real browser, on a napkin's venue.

Initial margin 10 %, maintenance 5 %. alice, pat and eve have 1,000 dollars and are long 0.1 at
60,000: notional 6,000, equity 0.1 · P − 5,000, maintenance 0.005 · P.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seawall.engine.rules.rulebook import read
from seawall.service.client import Client, requests
from seawall.service.words.wire import Supposed, SupposedTrade

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"
TEN_S = 10_000
ROOT = Path(__file__).parents[2]
RULEBOOKS = sorted([*ROOT.glob("rules/*.toml"), *ROOT.glob("examples/*/rules*.toml")])


@pytest.fixture(scope="module")
def crowd(harbour: Any) -> Any:
    """The same venue with 3,000 accounts more."""
    with harbour.client() as client:
        for first in range(0, 3000, 1000):
            names = {f"x{number:04}": "cross" for number in range(first, first + 1000)}
            client.send(requests.open_accounts(names))
    return harbour


def test_accounts_are_found_sorted_and_scrolled(crowd: Any, visit: Callable[..., Any]) -> None:
    page = visit(crowd.url, "accounts")
    rows = page.locator(".accounts .table .row")
    page.wait_for_selector(".accounts [role=status]:text-is('3,005 accounts')", timeout=TEN_S)
    assert {rows.nth(n).locator("a").inner_text() for n in range(3)} == {"alice", "eve", "pat"}
    assert "11.67 %" in rows.nth(0).inner_text()  # 700 ÷ 6,000
    # However long the list, only what is seen is laid out.
    page.eval_on_selector(".accounts .table", "node => { node.scrollTop = node.scrollHeight }")
    page.wait_for_selector(".accounts .row a:text-is('x2999')", timeout=TEN_S)
    assert rows.count() < 60
    page.get_by_label("Search accounts").fill("EV")
    page.wait_for_selector(".accounts [role=status]:text-is('1 account')", timeout=TEN_S)
    assert rows.count() == 1
    assert page.url.endswith("?search=EV")
    rows.nth(0).locator("a").click()
    page.wait_for_selector("h1:text-is('eve')")
    page.seen.check(crowd.url)


def test_rows_sum_to_the_headline_and_the_margin_is_drawn(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "account/alice")
    page.wait_for_selector(".sum-check.good")
    assert "1,000.00" in page.locator(".tile", has_text="Margin equity").inner_text()
    assert page.locator(".holdings tbody tr").count() == 3
    page.wait_for_selector("[aria-label^='Margin equity and margins'] canvas", timeout=TEN_S)
    page.wait_for_selector(".lines >> text=52,631")  # 0.1 · P − 5,000 = 0.005 · P
    assert page.locator(".happened >> text=traded").count() == 1
    page.seen.check(harbour.url)


def test_what_is_supposed_changes_numbers_and_can_be_shared(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "account/eve")
    slider = page.get_by_role("slider", name="ETH price")
    slider.wait_for()
    slider.evaluate("node => { node.value = -5; node.dispatchEvent(new Event('input')) }")
    # 0.1 ETH at 57,000: equity 700, initial 570, maintenance 285.
    page.wait_for_selector(".compare >> text=700.00", timeout=TEN_S)
    page.get_by_role("button", name="Add a trade").click()
    page.get_by_label("Quantity; negative sells").fill("0.1")
    # The second 0.1 at today's 60,000: equity 1,000 − 300 − 300, maintenance 570, initial 1,140.
    page.wait_for_selector(".compare >> text=below maintenance", timeout=TEN_S)
    with harbour.client() as client:
        trade = SupposedTrade(instrument=ETH, quantity="0.1")
        told = client.send(requests.what_if("eve", Supposed(trades=(trade,), moves={"ETH": "-5%"})))
    table = page.locator(".compare").inner_text()
    assert (told.after.equity, told.after.maintenance) == ("400", "570")
    assert all(shown in table for shown in ("400.00", "570.00", "1,140.00"))
    link = page.url
    assert re.search(r"price=ETH(:|%3A)-5", link)
    other = visit(harbour.url, link.split("#/")[1])
    other.wait_for_selector(".compare >> text=1,140.00", timeout=TEN_S)
    other.get_by_role("button", name="Reset").click()
    other.wait_for_selector(".compare", state="hidden")
    assert "?" not in other.url
    for one in (page, other):
        one.seen.check(harbour.url)


def test_a_supposition_that_cannot_be_read_says_why(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "account/alice")
    page.get_by_role("button", name="Add a trade").click()
    page.get_by_label("Quantity; negative sells").fill("0.00001")
    page.wait_for_selector(".wrong >> text=bad_change", timeout=TEN_S)


def test_rules_are_tried_on_the_live_book_and_then_activated(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "rules")
    page.get_by_role("button", name="From the rules that hold").click()
    rules = page.get_by_label("Rulebook in TOML")
    while len(rules.input_value()) < 100:
        page.wait_for_timeout(50)
    activate = page.get_by_role("button", name="Activate…")
    page.get_by_role("button", name="Show the effect").click()
    page.wait_for_selector("text=These are the rules that hold.", timeout=TEN_S)
    assert activate.is_disabled()
    # eve's 1,000 dollars against 25 % of 6,000; BTC stays as it is.
    text = rules.input_value().replace("2026-01-01.1", "2026-01-02.1")
    before, mark, eth = text.partition("[margin.cross.brackets]")
    eth = re.sub(
        r'(ETH = \[\n.*?)"0.1", maintenance = "0.05"',
        r'\1"0.3", maintenance = "0.25"',
        eth,
        count=1,
    )
    rules.fill(before + mark + eth)
    page.get_by_role("button", name="Show the effect").click()
    liquidated = page.locator(".effect-of-rules .tile", has_text="Would be liquidated")
    page.wait_for_selector(".effect-of-rules .row >> text=eve", timeout=TEN_S)
    assert "1" in liquidated.inner_text()
    assert page.locator(".diff >> text=margin.cross.brackets.ETH[0].maintenance").count() == 1
    activate.click()
    page.get_by_role("button", name="Leave it").click()
    with harbour.client() as client:
        assert client.send(requests.view("rulebook"))["version"] == "2026-01-01.1"
    activate.click()
    page.get_by_role("button", name="Activate", exact=True).click()
    page.wait_for_selector(".toast >> text=The rules hold from event", timeout=TEN_S)
    with harbour.client() as client:
        assert client.send(requests.view("rulebook"))["version"] == "2026-01-02.1"
        assert client.send(requests.account("eve")).account.status == "liquidating"
    page.seen.check(harbour.url)


def test_a_call_comes_to_the_page_of_its_account_and_losses_to_the_waterfall(
    serve: Callable[..., Any], born: Callable[[Client], None], visit: Callable[..., Any]
) -> None:
    harbour = serve()
    with harbour.client() as client:
        born(client)
        client.send(requests.deposit("insurance_fund", "USDC", "5000"))
        page = visit(harbour.url, "account/pat")
        page.wait_for_selector(".standing >> text=healthy")
        falls = visit(harbour.url, "waterfall")
        falls.wait_for_selector("text=Nothing was liquidated yet.", timeout=TEN_S)
        # 0.1 · 52,500 − 5,000 = 250 < 262.5: alice's method has no grace, pat's ten minutes.
        depth = {BTC: ("100", "100")}
        client.send(requests.tell_prices({"BTC": "52500"}, {BTC: "52500"}, depth=depth))
        page.wait_for_selector(".standing .pill:text-is('called')", timeout=3000)
        page.wait_for_selector(".standing .countdown")
        page.wait_for_selector(".happened >> text=called for", timeout=TEN_S)
        # 0.1 · 49,000 − 5,000 = −100: no grace below half of the maintenance.
        client.send(requests.tell_prices({"BTC": "49000"}, {BTC: "49000"}, depth=depth))
        while orders := client.send(requests.view("orders"))["orders"]:
            client.send(requests.fill(orders[0]["order"], -orders[0]["lots"], "49000"))
        # Two accounts owe 100 each, and the fund paid for both.
        falls.wait_for_selector(".tile:has-text('Bankrupt accounts') >> text=2", timeout=TEN_S)
        falls.wait_for_selector("[aria-label^='Latest losses'] .row >> text=pat", timeout=TEN_S)
        falls.wait_for_selector("[aria-label^='What accounts could not pay'] canvas", timeout=TEN_S)
    for one in (page, falls):
        one.seen.check(harbour.url)


@pytest.mark.parametrize("rules", RULEBOOKS, ids=lambda path: path.name)
def test_the_rules_that_hold_are_written_as_the_same_rulebook(
    harbour: Any, visit: Callable[..., Any], rules: Path
) -> None:
    book = read(rules.read_text())
    page = visit(harbour.url, "rules", live=False)
    script = "async (rules) => (await import('/static/js/pages/rules/toml.js')).toml(rules)"
    text = page.evaluate(script, json.loads(book.canonical()))
    assert read(text).fingerprint == book.fingerprint


def test_a_price_is_old_after_a_minute_of_the_venue(
    harbour: Any, visit: Callable[..., Any]
) -> None:
    page = visit(harbour.url, "accounts", live=False)
    script = """async () => {
      const { aged, isOld } = await import('/static/js/pages/account/age.js');
      const shown = aged(1_000, 62_000);
      return [isOld(1_000, 61_000), isOld(1_000, 61_001), aged(1_000, 61_000), shown.textContent,
        shown.querySelector('svg').getAttribute('aria-label'), aged(null, 61_000)];
    }"""
    assert page.evaluate(script) == [False, True, "60 s", "61 s", "old price", "–"]
