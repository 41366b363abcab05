"""Text stands out from what is behind it, in both themes: 4.5 to 1, large text 3 to 1 (WCAG AA)."""

from __future__ import annotations

from typing import Any

import pytest

WAYS = ("overview", "map/BTC", "accounts", "account/desk-000171?price=BTC:-10", "auctions")
WAYS += ("waterfall", "rules", "incidents", "journal/4")
FAINT = """() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    const d = pen.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat([1]);
  const part = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const faint = []; let seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const node = text.parentElement; const style = getComputedStyle(node);
    if (!text.textContent.trim() || !node.getClientRects().length) continue;
    if (node.closest(":disabled, [aria-disabled=true]")) continue;  // As WCAG has it.
    let opacity = 1; const behind = [];
    for (let one = node; one; one = one.parentElement) {
      opacity *= Number(getComputedStyle(one).opacity);
      behind.unshift(rgba(getComputedStyle(one).backgroundColor)); }
    if (opacity < 0.05) continue;
    const ground = behind.reduce((under, one) => over(one, under), [255, 255, 255, 1]);
    const ink = rgba(style.color); ink[3] *= opacity;
    const both = [light(over(ink, ground)), light(ground)].sort((a, b) => b - a);
    const ratio = (both[0] + 0.05) / (both[1] + 0.05);
    seen += 1;
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
      faint.push(`${node.className || node.tagName}: ${text.textContent.slice(0, 30)} ${ratio}`);
  }
  return { faint, seen }; }"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_can_be_read(browser: Any, silent: Any, theme: str) -> None:
    page = browser.new_page(color_scheme=theme)
    for way in WAYS:
        page.goto(f"{silent.url}/#/{way}")
        page.wait_for_selector('html[data-feed="live"]')
        page.locator(".page-body > *").first.wait_for(state="attached")
        page.wait_for_timeout(700)
        told = page.evaluate(FAINT)
        assert told["seen"] > 20, way
        assert told["faint"] == [], way
    page.evaluate("document.documentElement.style.setProperty('--soft', 'var(--card)')")
    assert page.evaluate(FAINT)["faint"]  # It sees a text that nobody else would.
    page.close()
