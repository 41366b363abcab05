"""The report page: whole, offline, escaped, and drawn from exactly the numbers it was given."""

from __future__ import annotations

import json
import math
import os
import random
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from seawall.simulation import report, report_page, report_series
from seawall.simulation.recording import (
    LiquidationPoint,
    Recording,
    Step,
    Summary,
    WorstAccount,
)

USD = 10**10  # Numeraire atoms in one dollar.
START_MS = 1_722_729_600_000  # 4 August 2024, 00:00 UTC.
STEP_MS = 300_000


def crash(ticks: int = 864, seed: int = 7) -> Recording:
    """A made-up crash in the shape of a real one: three days of five-minute ticks."""
    dice = random.Random(seed)
    times = [START_MS + k * STEP_MS for k in range(ticks)]
    depth = [-0.19 * math.exp(-(((k - 0.55 * ticks) / (0.09 * ticks)) ** 2)) for k in range(ticks)]
    drift = [-0.10 * k / ticks for k in range(ticks)]
    noise, walk = 0.0, []
    for _ in range(ticks):
        noise = 0.97 * noise + dice.gauss(0, 0.0017)
        walk.append(noise)
    moves = [1 + a + b + c for a, b, c in zip(depth, drift, walk, strict=True)]
    prices = {
        "BTC": [int(6_063_981 * move) * USD // 100 for move in moves],
        "ETH": [int(290_520 * (1.25 * move - 0.25)) * USD // 100 for move in moves],
    }
    fund, points, calls = [50_000_000 * USD], [], [0] * ticks
    for k in range(1, ticks):
        fall = max(0.0, moves[k - 1] - moves[k])
        count = int(fall * 4_000 * max(0.0, -depth[k]) * 6 + dice.random() * 0.4)
        calls[k] = count
        for _ in range(count):
            coin = "BTC" if dice.random() < 0.62 else "ETH"
            side = "long" if dice.random() < 0.9 else "short"
            notional = int(min(400.0, dice.paretovariate(1.1)) * 9_000 * USD)
            account = f"retail-{dice.randrange(20_000):05d}"
            points.append(
                LiquidationPoint(
                    times[k], account, f"{coin}/USDC:USDC", side, notional,
                    max(1, notional // USD // 60), prices[coin][k], dice.random() < 0.6,
                )
            )  # fmt: skip
        taken = sum(point.notional for point in points[-count:]) if count else 0
        loss = int(taken * max(0.0, dice.gauss(-0.004, 0.02)) * 2)
        fund.append(fund[-1] + taken // 200 - loss)
    edges = [-(10**9), 0, *(int(1.22**k * 4e8) for k in range(4)), 10**9]
    edges += [int(1.22**k * 1e9) for k in range(1, 16)]
    counts = []
    for k in range(0, ticks, 4):
        row = [0] * len(edges)
        centre = 9 + 9 * (moves[k] - 0.8) * 3.0
        for bucket in range(len(row)):
            row[bucket] = int(4_000 * math.exp(-(((bucket - centre) / 3.4) ** 2)))
        counts.append(row)
    notional = sum(point.notional for point in points)
    return Recording(
        scenario="Crash of 5 August 2024",
        seed=20240805,
        fingerprint="9f1c44d2a07be35c",
        state_hash="5e2f" * 16,
        chain="a1b2" * 16,
        rulebook="crash-2024",
        time_ms=times,
        prices=prices,
        fund=fund,
        calls=calls,
        ratio_edges=edges,
        ratio_time_ms=times[::4],
        ratio_counts=counts,
        liquidations=points,
        counts={"called": sum(calls), "liquidated": len(points), "state_changed": 9_213},
        worst=[worst_account(rank) for rank in range(10)],
        summary=Summary(
            ticks=ticks,
            events=ticks + len(points),
            accounts=20_000,
            calls=sum(calls),
            warned=4_120,
            liquidations_partial=sum(not point.full for point in points),
            liquidations_full=sum(point.full for point in points),
            notional=notional,
            fees=notional // 200,
            bad_debt=1_834_221 * USD + 77,
            fund_start=fund[0],
            fund_low=min(fund),
            fund_end=fund[-1],
            deleveraged_notional=0,
            deleveraged_count=0,
            shared_loss=0,
            bankrupt=211,
            seconds=12.3,
            assets=41,
        ),
        sources=("Binance public market data: BTCUSDT and ETHUSDT, 4 to 6 August 2024",),
    )


def worst_account(rank: int) -> WorstAccount:
    moment = START_MS + (430 + 3 * rank) * STEP_MS
    said = [
        ("called", "Called: margin equity 41,207.15 USD was below maintenance 48,911.02 USD; "
         "the binding scenario is BTC −12 %, volatility +30 %. 62,114.90 USD were asked for."),
        ("liquidated", "Sold 412 lots of BTC/USDC:USDC at 52,104.50 USD: notional 214,670.54 USD, "
         "fee 1,073.35 USD."),
        ("liquidated", "Sold 1,020 lots of ETH/USDC:USDC at 2,204.10 USD: notional "
         "224,818.20 USD, fee 1,124.09 USD."),
        ("fund_paid", "The insurance fund paid 12,480.33 USD."),
        ("state_changed", "Bankrupt: nothing is left and nothing is owed."),
    ]  # fmt: skip
    steps = tuple(
        Step(moment + k * STEP_MS, 91_000 + 7 * rank + k, text, effect)
        for k, (effect, text) in enumerate(said)
    )
    return WorstAccount(f"retail-{rank * 173:05d}", "portfolio", steps, 48_000 * USD, 12_480 * USD)


def nothing() -> Recording:
    zero = dict.fromkeys(Summary.__struct_fields__, 0)
    return Recording(
        scenario="A quiet night",
        seed=1,
        fingerprint="00",
        state_hash="00",
        time_ms=[],
        prices={},
        fund=[],
        ratio_edges=[],
        ratio_time_ms=[],
        ratio_counts=[],
        liquidations=[],
        worst=[],
        summary=msgspec.convert(zero | {"zero_sum": True}, Summary),
    )


def embedded(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="recording">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def recording() -> Recording:
    return crash()


@pytest.fixture(scope="module")
def page(recording: Recording) -> str:
    return report.page(recording)


def test_the_page_loads_nothing(page: str) -> None:
    without_data = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert (
        re.findall(r"""(?:src|srcset|action|data-src)\s*=\s*["']?[^"'>\s]+""", without_data) == []
    )
    links = re.findall(r'href="([^"]*)"', without_data)
    assert set(links) == {"#charts", "data:,"}
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|importScripts", page)
    assert "default-src 'none'" in page


def test_data_of_the_charts_equal_the_recording(page: str, recording: Recording) -> None:
    data = embedded(page)
    assert data["time_ms"] == recording.time_ms
    for coin, prices in recording.prices.items():
        assert [int(Decimal(text) * USD) for text in data["prices"][coin]] == prices
    assert [int(Decimal(text) * USD) for text in data["fund"]] == recording.fund
    assert data["heat"]["counts"] == recording.ratio_counts
    assert [int(Decimal(edge) * 10**9) for edge in data["heat"]["edges"]] == recording.ratio_edges


def test_bars_and_bubbles_lose_no_atom(page: str, recording: Recording) -> None:
    data = embedded(page)
    bars = data["bars"]
    for side in ("long", "short"):
        taken = sum(p.notional for p in recording.liquidations if p.side == side)
        assert sum(int(Decimal(text) * USD) for text in bars[side]) == taken
        assert int(Decimal(bars[f"total_{side}"][-1]) * USD) == taken
        drawn = [m for marks in data["bubbles"].values() for m in marks if m["side"] == side]
        assert sum(int(Decimal(mark["notional"]) * USD) for mark in drawn) == taken
    assert sum(bars["fills"]) == len(recording.liquidations)
    assert sum(bars["calls"]) == sum(recording.calls)
    # 864 ticks of five minutes: 2 d 23 h 55 min ÷ 300 bars is 14.4 minutes, so bars of 15.
    assert data["bar_ms"] == 900_000
    assert len(bars["time_ms"]) == 288


def test_amounts_beyond_the_doubles_of_a_browser_keep_their_last_digit() -> None:
    base = crash(ticks=3)
    fund = [2**53 + 1, 2**62 + 1, -1]
    data = embedded(report.page(msgspec.structs.replace(base, fund=fund)))
    assert data["fund"] == ["900719.9254740993", "461168601.8427387905", "-0.0000000001"]


def test_names_from_outside_cannot_leave_their_place(recording: Recording) -> None:
    evil = "</script><img src=x onerror=alert(1)>&\u2028"
    point = msgspec.structs.replace(
        recording.liquidations[0], account=evil, notional=10**9 * USD, instrument="BTC/" + evil
    )
    worst = WorstAccount(evil, evil, (Step(START_MS, 1, evil, evil),))
    changed = msgspec.structs.replace(
        recording, scenario=evil, liquidations=[point], worst=[worst], sources=(evil,)
    )
    page = report.page(changed)
    assert "<img" not in page
    assert page.count("</script>") == 3
    assert embedded(page)["bubbles"]["BTC"][0]["largest"] == evil


def test_dollar_signs_in_names_are_text(recording: Recording) -> None:
    page = report.page(msgspec.structs.replace(recording, scenario="$title ${payload}"))
    assert "<h1>$title ${payload}</h1>" in page


def test_an_empty_run_says_so() -> None:
    page = report.page(nothing())
    assert "No account was called" in page
    assert "no tick recorded" in page
    assert embedded(page)["bars"]["time_ms"] == []


def test_every_step_of_the_worst_accounts_is_told(page: str, recording: Recording) -> None:
    for account in recording.worst:
        assert f"<h3>{account.name}</h3>" in page
    assert page.count("Called: margin equity 41,207.15 USD") == 10
    assert recording.state_hash in page
    assert recording.fingerprint in page
    assert "Every asset sums to zero: 41 assets, 20,000 accounts." in page


def test_a_broken_zero_sum_is_not_hidden(recording: Recording) -> None:
    summary = msgspec.structs.replace(recording.summary, zero_sum=False)
    page = report.page(msgspec.structs.replace(recording, summary=summary))
    assert "An asset does not sum to zero" in page
    assert "Every asset sums to zero" not in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fund": [1]}, "recording.fund: 1 values for 864 ticks"),
        ({"prices": {"BTC": []}}, r"recording.prices.BTC: 0 values for 864 ticks"),
        ({"ratio_counts": []}, "recording.ratio_counts: 0 rows for 216 samples"),
    ],
)
def test_series_that_do_not_fit_are_refused(
    recording: Recording, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        report_series.series(msgspec.structs.replace(recording, **change))


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path, recording: Recording) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    broken = msgspec.structs.replace(recording, fund=[1])
    with pytest.raises(ValueError, match="fund"):
        report.write_report(path, broken)
    assert path.read_text() == "old"
    report.write_report(path, recording)
    assert path.read_text().startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_an_error(tmp_path: Path, recording: Recording) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="Permission"):
        report.write_report(tmp_path / "report.html", recording)


def test_short_amounts() -> None:
    # 1,234,567.89 is 1.23 million; cut, not rounded: 999,999 stays below a million.
    assert report_page.short(1_234_567 * USD, 10) == "1.23 M"
    assert report_page.short(999_999 * USD, 10) == "999.9 k"
    assert report_page.short(-42 * USD, 10) == "−42"
    assert report_page.short(0, 10) == "0"
