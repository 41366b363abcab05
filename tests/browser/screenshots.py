"""Pictures of the pages for the documents: the crash of August 2024, served live, dark and light.

    python tests/browser/screenshots.py [FOLDER]

Plays the scenario with 10,000 accounts, ten minutes a second, and takes each page when its time has
come. It ends by itself after some three minutes.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "examples" / "crash-2024-08-05" / "scenario.toml"
SIZE = {"width": 1440, "height": 1000}
THEMES = {"dark": "", "light": "-light"}
MOST_BYTES = 250_000
ACCOUNT = "account/desk-000171?price=BTC%3A-12&vol=20&after=86400"
ACCOUNT += "&trade=BTC%2FUSDC%3AUSDC~25"
DAY = datetime(2024, 8, 5, tzinfo=UTC).timestamp() * 1000
HOUR = 3_600_000
FALLING = """() => [...document.querySelectorAll(".tile")].some((one) =>
  one.textContent.startsWith("In liquidation")
  && Number(one.querySelector(".value").textContent) > 2)"""


def main() -> int:
    """Serve, look, write."""
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0"]
        command += ["--store", f"{place}/venue.db", "--replay", str(SCENARIO)]
        command += ["--speed", "600x", "--accounts", "10000"]
        ran = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert ran.stdout is not None
            url = next(line.split()[-1] for line in ran.stdout if "serves http" in line)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            look(url, browser, folder)
            browser.close()
        finally:
            ran.send_signal(signal.SIGINT)
            ran.wait(30)
    return 0


def look(url: str, browser: Any, folder: Path) -> None:
    """Each page at its hour of 4 and 5 August."""
    wait(url, DAY - 23 * HOUR)
    take(url, browser, ACCOUNT, folder / "account", DAY - 18 * HOUR, 1100)
    ways = {"overview": 1070, "map/BTC?log=1": 1000}
    early = [opened(url, browser, way, theme, ways[way]) for way in ways for theme in THEMES]
    wait(url, DAY - 7.5 * HOUR)
    for page, name in zip(early[2:], THEMES.values(), strict=True):
        shoot(page, folder / f"map{name}.png")
        page.context.close()
    wait(url, DAY + HOUR)
    for page, name in zip(early[:2], THEMES.values(), strict=True):
        page.bring_to_front()
        page.wait_for_function(FALLING, timeout=120_000)
        shoot(page, folder / f"overview{name}.png")


def take(url: str, browser: Any, way: str, file: Path, at_ms: float, height: int) -> None:
    pages = [opened(url, browser, way, theme, height) for theme in THEMES]
    wait(url, at_ms)
    for page, name in zip(pages, THEMES.values(), strict=True):
        shoot(page, file.with_name(f"{file.name}{name}.png"))
        page.context.close()


def opened(url: str, browser: Any, way: str, theme: str, height: int = 1000) -> Any:
    context = browser.new_context(viewport=SIZE | {"height": height}, color_scheme=theme)
    page = context.new_page()
    page.on("console", lambda message: print(message.type, message.text))
    page.goto(f"{url}/#/{way}")
    return page


def shoot(page: Any, file: Path) -> None:
    page.bring_to_front()
    page.screenshot(path=file)
    size = file.stat().st_size
    print(f"{file.name}: {size:,} bytes, {page.locator('.moment').inner_text()}")
    assert size < MOST_BYTES, file


def wait(url: str, time_ms: float) -> None:
    """Until the venue has come to this time."""
    while True:
        now = ask(url, "/v1/venue")
        if now.get("time_ms", 0) >= time_ms:
            return
        time.sleep(0.1)


def ask(url: str, way: str) -> Any:
    return httpx.get(f"{url}{way}", trust_env=False, timeout=60).json()


if __name__ == "__main__":
    sys.exit(main())
