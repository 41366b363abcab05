"""Pictures of the pages for the documents: the crash of August 2024, served live, dark and light.

    python tests/browser/screenshots.py [FOLDER [account]]

Plays the scenario with 30,000 accounts, fifteen minutes a second, and takes each page when its
time has come. It ends by itself after some three minutes.
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
SUPPOSED = "?price=BTC%3A-12%2CETH%3A-12&vol=20&after=86400"
DAY = datetime(2024, 8, 5, tzinfo=UTC).timestamp() * 1000
HOUR = 3_600_000
FALLING = """() => [...document.querySelectorAll(".tile")].some((one) =>
  one.textContent.startsWith("In liquidation")
  && Number(one.querySelector(".value").textContent) > 20)"""


def main() -> int:
    """Serve, look, write."""
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        command = [sys.executable, "-m", "seawall.cli", "serve", "--port", "0"]
        command += ["--store", f"{place}/venue.db", "--replay", str(SCENARIO)]
        command += ["--speed", "900x", "--accounts", "30000"]
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
    desk = ask(url, "/v1/accounts?search=desk&order=notional&limit=1")["accounts"][0]["name"]
    account = opened(url, browser, f"account/{desk}{SUPPOSED}", 1100)
    ladder = opened(url, browser, "map/BTC?log=1", 1000)
    overview = opened(url, browser, "overview", 1070)
    wait(url, DAY - 18 * HOUR)
    shoot(account, folder, "account")
    if sys.argv[2:] == ["account"]:
        return
    wait(url, DAY - 7.5 * HOUR)
    shoot(ladder, folder, "map")
    wait(url, DAY + HOUR)
    overview.bring_to_front()
    overview.wait_for_function(FALLING, timeout=120_000)
    shoot(overview, folder, "overview")


def opened(url: str, browser: Any, way: str, height: int) -> Any:
    context = browser.new_context(viewport=SIZE | {"height": height}, color_scheme="dark")
    page = context.new_page()
    page.on("console", lambda message: print(message.type, message.text))
    page.goto(f"{url}/#/{way}")
    return page


def shoot(page: Any, folder: Path, name: str) -> None:
    """Dark, and a moment later light."""
    page.bring_to_front()
    for theme, more in THEMES.items():
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(150)
        file = folder / f"{name}{more}.png"
        page.screenshot(path=file)
        size = file.stat().st_size
        print(f"{file.name}: {size:,} bytes, {page.locator('.moment').inner_text()}")
        assert size < MOST_BYTES, file
    page.context.close()


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
