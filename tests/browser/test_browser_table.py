"""A table of 100,000 rows lays out what is seen, sorts, and is walked with the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

MAKE = """async (total) => {
  const { table } = await import("/static/js/table.js");
  const rows = Array.from({ length: total },
    (unused, i) => ({ name: `a${i}`, size: (i * 7919) % total }));
  window.opened = [];
  window.list = table({ label: "Many", most: 400, open: (row) => window.opened.push(row.name),
    columns: [{ name: "name", label: "Name", width: "120px", cell: (row) => row.name },
      { name: "size", label: "Size", number: true, width: "80px", cell: (row) => row.size,
        sort: (row) => row.size }] });
  document.querySelector("main").replaceChildren(window.list.node);
  const began = performance.now();
  window.list.show(rows);
  return performance.now() - began;
}"""
ROWS_MOST = 40  # 400 pixels of 36 each, and some to spare on both sides.


@pytest.fixture
def many(browser: Any, harbour: Any) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(f"{harbour.url}/#/overview")
    page.locator("h1").wait_for()
    assert page.evaluate(MAKE, 100_000) < 1000
    yield page
    page.close()


def test_only_what_is_seen_is_laid_out(many: Any) -> None:
    grid = many.get_by_role("grid", name="Many")
    assert grid.get_attribute("aria-rowcount") == "100001"
    assert 8 < grid.locator(".row").count() <= ROWS_MOST
    frames = many.evaluate("""async () => {
      const times = []; let last = performance.now();
      for (let i = 0; i < 40; i += 1) {
        window.list.node.scrollTop = i * 90_000;
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - last); last = performance.now();
      }
      return times.sort((a, b) => a - b); }""")
    assert frames[20] < 100  # Half the jumps through 100,000 rows are drawn in less than this, ms.
    assert grid.locator(".row").count() <= ROWS_MOST


def test_it_is_walked_and_sorted_without_a_mouse(many: Any) -> None:
    grid = many.get_by_role("grid", name="Many")
    grid.focus()
    many.keyboard.press("End")
    many.keyboard.press("ArrowUp")
    many.keyboard.press("Enter")
    many.keyboard.press("Home")
    many.keyboard.press("Enter")
    assert many.evaluate("window.opened") == ["a99998", "a0"]
    grid.get_by_role("button", name="Size").click()
    assert grid.get_by_role("columnheader", name="Size").get_attribute("aria-sort") == "descending"
    # 7,919 is prime to 100,000, so each size is there once and the largest is 99,999.
    assert grid.locator('[aria-rowindex="2"]').inner_text().split()[-1] == "99999"
