"""The pages in a browser beside a venue of 100,000 accounts: how soon they show, how smoothly.

    python benches/bench_dashboard.py [--accounts 100000] [--speed 60x]

One `seawall serve` plays the crash of August 2024 while Chromium has a page open; both share the
machine. Printed are the seconds from opening a page to its numbers, and the time between two frames
over ten seconds. Needs Playwright and the system's Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import httpx

SCENARIO = Path(__file__).resolve().parents[1] / "examples" / "crash-2024-08-05" / "scenario.toml"
PAGES = (
    ("overview", ".band:nth-child(9)"),
    ("accounts", ".table .row"),
    ("journal", ".table .row .pill"),
    ("map/BTC", ".plot canvas"),
)
FRAMES = """async (wait_ms) => {
  const long = [];
  new PerformanceObserver((seen) => {
    for (const one of seen.getEntries()) long.push(one.duration);
  }).observe({ entryTypes: ["longtask"] });
  const times = []; let last = performance.now(); const end = last + wait_ms;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - last); last = performance.now();
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.floor(times.length * part)];
  return { p50: at(0.5), p99: at(0.99), longest: times.at(-1), tasks: long.length }; }"""


def main() -> None:
    """Open each page on a live replay and watch it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--speed", default="60x")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with _served(asked.accounts, asked.speed) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(f"{asked.accounts:,} accounts, {asked.speed}, Chromium {browser.version}")
        for way, shown in PAGES:
            _watch(browser, url, way, shown)
        browser.close()


def _watch(browser: Any, url: str, way: str, shown: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    began = perf_counter()
    page.goto(f"{url}/#/{way}")
    page.locator(shown).first.wait_for(timeout=60_000)
    opened_s = perf_counter() - began
    seen = page.evaluate(FRAMES, 10_000)
    page.close()
    print(
        f"{way}: shown after {opened_s:.2f} s; frames p50 {seen['p50']:.1f} ms, "
        f"p99 {seen['p99']:.1f} ms, longest {seen['longest']:.0f} ms; "
        f"{seen['tasks']} tasks over 50 ms in ten seconds"
    )


@contextmanager
def _served(accounts: int, speed: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0"]
        command += ["--store", str(Path(folder) / "venue.db"), "--replay", str(SCENARIO)]
        command += ["--accounts", str(accounts), "--speed", speed]
        ran = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert ran.stdout is not None
        try:
            url = next(line.split()[-1] for line in ran.stdout if "serves http" in line)
            while httpx.get(f"{url}/readyz", trust_env=False).status_code != 200:
                sleep(0.1)
            yield url
        finally:
            ran.kill()
            ran.wait()
            ran.stdout.close()


if __name__ == "__main__":
    main()
