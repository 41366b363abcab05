"""The crash of August 2024 in a browser: each page shows what the API says at the same event."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

from seawall.service.client import picture_requests, requests
from seawall.service.client.stream import State, Stream
from seawall.service.words.wire import Supposed, SupposedTrade

DESK = "desk-000171"  # Short options, the largest of the desks.
PERPETUAL = "BTC/USDC:USDC"
PATIENCE_MS = 20_000
MOMENTS = 3
HEADLINE = """() => {
  const tile = (label) => [...document.querySelectorAll(".tile")].find((one) =>
    one.querySelector(".label").textContent === label)?.querySelector(".value").title;
  return [document.querySelector(".moment").textContent.split("event ")[1],
    tile("Equity"), tile("Initial margin"), tile("Maintenance")]; }"""


def test_an_account_shows_the_numbers_of_the_event_under_its_title(
    crash: Any, visit: Callable[..., Any]
) -> None:
    page = visit(crash.url, f"account/{DESK}")
    page.wait_for_selector(".sum-check.good", timeout=PATIENCE_MS)
    shown: dict[int, list[str]] = {}
    until = time.monotonic() + PATIENCE_MS / 1000
    with crash.client() as client:
        while len(shown) < MOMENTS and time.monotonic() < until:
            event, *told = page.evaluate(HEADLINE)
            if event and all(told):
                shown.setdefault(int(event.replace(",", "")), told)
            client.send(requests.deposit(DESK, "USDC", "1000"))  # Also when the replay is over.
            page.wait_for_timeout(300)
        assert len({tuple(told) for told in shown.values()}) == len(shown) == MOMENTS
        for event, told in shown.items():
            margin = client.send(requests.margin(DESK, at=event))
            assert margin.sequence == event
            verdict = margin.verdict
            expected = [verdict.equity, verdict.initial, verdict.maintenance]
            assert [one.replace(",", "").replace("−", "-") for one in told] == expected
    page.seen.check(crash.url)


def test_the_overview(silent: Any, visit: Callable[..., Any]) -> None:
    now = read(silent.url, "overview")
    page = visit(silent.url, "overview")
    assert stamped(page) == now["sequence"]
    assert tile_title(page, "Open notional") == now["totals"]["notional"]
    assert tile_title(page, "Equity") == now["totals"]["equity"]
    worth = sum(Decimal(one["worth"]) for one in now["funds"])
    assert Decimal(tile_title(page, "Insurance funds")) == worth
    with silent.client() as client:
        venue = client.send(requests.view("venue"))
        prices = {
            one["coin"]: one["price"] for one in client.send(requests.view("prices"))["coins"]
        }
    assert venue["by_status"]["bankrupt"] > 100  # It was a crash.
    stand = page.locator(".panel", has_text="Where accounts stand")
    for status, number in venue["by_status"].items():
        row = stand.locator("dl > div", has=page.get_by_text(status, exact=True))
        assert row.locator("dd").inner_text().split()[0] == f"{number:,}", status
    for coin in ("BTC", "ETH"):
        row = page.locator(".oracle", has=page.get_by_text(coin, exact=True))
        assert row.locator("[title$='USD']").get_attribute("title") == f"{prices[coin]} USD"
    bands = page.locator(".band:not(.head)")
    for i, told in enumerate(now["by_distance"]):
        cells = bands.nth(i).locator("[role=cell]")
        assert cells.nth(0).get_attribute("title") == f"{told['notional']} USD"
        assert cells.nth(2).inner_text() == f"{told['accounts']:,}"
    page.seen.check(silent.url)


def test_the_map(silent: Any, visit: Callable[..., Any]) -> None:
    page = visit(silent.url, "map/BTC?range=0.4")
    head = page.locator(".tile", has_text="Price").first
    head.wait_for(timeout=PATIENCE_MS)
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:  # A reading that differs in its stamp alone is not told, so the channel is asked.
        with Stream(silent.url, ["map/BTC"]) as stream:
            now = next(iter(stream)).state
        page.wait_for_timeout(500)
        if now is not None and stamped(page) == now["sequence"]:
            break
        assert time.monotonic() < until, (stamped(page), now and now["sequence"])
    assert tile_title(page, "Price") == now["price"]
    top = max(now["down"] + now["up"], key=lambda one: float(one["notional"]))
    row = page.get_by_role("grid", name="Largest clusters").locator(".row").first
    cells = row.locator("[role=gridcell]").all_inner_texts()
    assert cells[3] == f"{top['accounts']:,}"
    assert short(top["notional"]) == cells[2]
    within = [one for one in now["down"] if float(one["price"]) > 0.95 * float(now["price"])]
    sold = page.locator(".tile", has_text="Sold in a fall of 5 %")
    accounts = sum(one["accounts"] for one in within)
    assert abs(
        int(sold.locator(".note").inner_text().split()[0].replace(",", "")) - accounts
    ) <= max(one["accounts"] for one in within)  # The step at the edge may count on either side.
    page.seen.check(silent.url)


def test_accounts(silent: Any, visit: Callable[..., Any]) -> None:
    page = visit(silent.url, "accounts")
    page.locator(".accounts .row").nth(9).wait_for()
    page.wait_for_selector(".accounts [role=status]:text-is('10,000 accounts')")
    with silent.client() as client:
        told = client.send(requests.accounts(order="distance", limit=10))
    for i, one in enumerate(told.accounts):
        row = page.locator(".accounts .row").nth(i)
        assert row.locator("a").inner_text() == one.name
        assert row.locator(f"[title='{grouped(one.verdict.equity)}']").count() >= 1
        assert row.locator(f"[title='{grouped(one.notional)}']").count() == 1
    assert stamped(page) == told.sequence
    page.seen.check(silent.url)


def test_an_account_and_what_if(silent: Any, visit: Callable[..., Any]) -> None:
    page = visit(silent.url, f"account/{DESK}")
    page.wait_for_selector(".sum-check.good")
    with silent.client() as client:
        account = client.send(requests.account(DESK))
        lines = client.send(requests.liquidation_prices(DESK))["crossings"]
        change = Supposed(
            trades=(SupposedTrade(instrument=PERPETUAL, quantity="-7"),), moves={"BTC": "-12%"}
        )
        told = client.send(requests.what_if(DESK, change))
    assert page.locator(".holdings tbody tr").count() == len(account.rows)
    for row in account.rows:
        assert page.locator(f".holdings [title^='{grouped(row.value)}']").count() >= 1
    page.locator(".lines tbody tr").first.wait_for(timeout=PATIENCE_MS)
    titles = page.locator(".lines [title]").evaluate_all("all => all.map((one) => one.title)")
    at = {grouped(one["at"]) for one in lines if one["measure"] == "price" and one["at"]}
    assert at
    assert at <= set(titles)
    slider = page.get_by_role("slider", name="BTC price")
    slider.evaluate("node => { node.value = -12; node.dispatchEvent(new Event('input')) }")
    page.get_by_role("button", name="Add a trade").click()
    page.get_by_label("Contract").fill(PERPETUAL)
    page.get_by_label("Quantity; negative sells").fill("-7")
    after = [told.after.equity, told.after.initial, told.after.maintenance]
    for text in after:
        page.locator(".compare", has_text=whole(text)).wait_for(timeout=PATIENCE_MS)
    # Somebody else who has the link sees the same.
    other = visit(silent.url, page.url.split("#/")[1])
    for text in after:
        other.locator(".compare", has_text=whole(text)).wait_for(timeout=PATIENCE_MS)
    for one in (page, other):
        one.seen.check(silent.url)


def test_the_waterfall(silent: Any, visit: Callable[..., Any]) -> None:
    page = visit(silent.url, "waterfall")
    with silent.client() as client:
        told = client.send(picture_requests.losses(limit=1))
        queue = client.send(picture_requests.deleveraging_queue("BTC/USD:BTC"))
    stages = told["stages"]
    page.locator(".tile", has_text=f"{stages['liquidations']:,}").wait_for()
    bankrupt = page.locator(".tile", has_text="Bankrupt accounts").locator(".value").inner_text()
    assert bankrupt == f"{stages['bankruptcies']:,}"
    assert tile_title(page, "Paid by funds") == grouped(stages["funds"])
    assert tile_title(page, "Liquidation fees") == grouped(stages["fees"])
    latest = page.get_by_role("grid", name="Latest losses").locator(".row").first
    assert told["losses"][0]["account"] in latest.inner_text()
    for side in queue["queues"]:
        page.get_by_text(side["accounts"][0]["account"]).first.wait_for()
    page.seen.check(silent.url)


def test_the_rules_the_incidents_the_journal_and_auctions(
    silent: Any, visit: Callable[..., Any]
) -> None:
    with silent.client() as client:
        venue = client.send(requests.view("venue"))
    sequence = venue["sequence"]
    entry = httpx.get(f"{silent.url}/v1/journal/{sequence}", trust_env=False).json()
    page = visit(silent.url, "rules")
    page.get_by_text(venue["fingerprint"]).wait_for()
    page.get_by_text(venue["version"]).first.wait_for()
    page.goto(f"{silent.url}/#/incidents")
    page.get_by_text("Nothing out of the ordinary happened.").wait_for()
    page.goto(f"{silent.url}/#/auctions")
    page.get_by_text("Nothing is on offer now.").wait_for()
    page.goto(f"{silent.url}/#/journal/{sequence}")
    page.get_by_text(entry["chain"]).wait_for(timeout=PATIENCE_MS)
    shown = page.locator(".event-detail").inner_text()
    assert f"Event {sequence:,}" in shown
    assert ("Effects" in shown) == bool(entry["effects"]) or "It had none." in shown
    page.seen.check(silent.url)


def read(url: str, channel: str) -> Any:
    """A channel as it stands now."""
    state = State()
    with Stream(url, [channel]) as stream:
        for message in stream:
            state.apply(message)
            return {**state.now, "sequence": message.sequence}
    raise AssertionError("the stream ended")


def stamped(page: Any) -> int:
    page.locator(".moment", has_text="As of").wait_for(timeout=PATIENCE_MS)
    text: str = page.locator(".moment").inner_text()
    return int(text.split("event ")[1].split(maxsplit=1)[0].replace(",", ""))


def tile_title(page: Any, label: str) -> str:
    value = page.locator(".tile", has_text=label).locator(".value[title]:not([title=''])").first
    value.wait_for(timeout=PATIENCE_MS)
    text: str = value.get_attribute("title")
    return text


def grouped(text: str) -> str:
    """Every digit that was told, in groups of three."""
    return f"{Decimal(text):,}".replace("-", "−")


def whole(text: str) -> str:
    """As tables have what is ten thousand or more: without cents, half up."""
    assert abs(Decimal(text)) >= 10_000
    rounded = Decimal(text).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{rounded:,}".replace("-", "−")


def short(text: str) -> str:
    """Three digits and a letter."""
    number = Decimal(text)
    for name, size in ((" B", 10**9), (" M", 10**6), (" k", 10**3)):
        if number >= size:
            part = number / size
            digits = 2 if part < 10 else 1 if part < 100 else 0
            step = Decimal(1).scaleb(-digits)
            return f"{part.quantize(step, ROUND_HALF_UP)}{name}"
    return str(number.quantize(Decimal(1), ROUND_HALF_UP))
