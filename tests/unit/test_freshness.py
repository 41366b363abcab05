"""Positions on old or unsure prices are listed with their age, and stay counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.portfolio import Account, PortfolioError, load, margin

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
RULES = EXAMPLE.parents[1] / "rules" / "example.toml"
MARKET = (EXAMPLE / "market.toml").read_text()
OPTIONS = (EXAMPLE / "options-market.toml").read_text()


def desk(folder: Path, *changes: tuple[str, str], stale_after_s: int | None = None) -> Account:
    text = MARKET
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    market = folder / "market.toml"
    market.write_text(text)
    return load(EXAMPLE / "portfolio.toml", market=market, stale_after_s=stale_after_s)


def listed(account: Account) -> list[tuple[str, str, float | None, bool, bool]]:
    names = account.venue.catalogue.names
    return [
        (names[d.asset], d.of, None if d.age_ms is None else d.age_ms / 1000, d.is_stale,
         d.is_unsure)
        for d in margin(account).doubts
    ]  # fmt: skip


def old(seconds: int) -> tuple[str, str]:
    minute, second = 30 - seconds // 60 - (seconds % 60 > 0), -seconds % 60
    moment = f"2024-08-05T06:{minute:02d}:{second:02d}Z"
    return "ETH  = 2_310", f"ETH = {{ price = 2_310, time = {moment} }}"


def test_a_market_of_one_moment_has_no_doubts(tmp_path: Path) -> None:
    assert listed(desk(tmp_path)) == []


def test_an_old_price_is_told_for_the_coin_and_its_contract_alone(tmp_path: Path) -> None:
    fresh = desk(tmp_path)
    account = desk(tmp_path, old(61))
    # The cash leg of the contract is not listed beside its lots; BTC's price is of now.
    assert listed(account) == [
        ("ETH", "price of ETH", 61.0, True, False),
        ("ETH/USDC:USDC", "price of ETH", 61.0, True, False),
    ]
    assert account.judge() == fresh.judge()  # Counted all the same.
    assert listed(desk(tmp_path, old(60))) == []  # Not older than 60 seconds.


def test_the_limit_is_the_callers_before_the_markets(tmp_path: Path) -> None:
    market = (old(61), ("[prices]", "stale_after_s = 100\n[prices]"))
    assert listed(desk(tmp_path, *market)) == []
    assert len(listed(desk(tmp_path, *market, stale_after_s=60))) == 2


def test_confidence_below_what_is_asked_is_told(tmp_path: Path) -> None:
    unsure = ("USDC = 1", "USDC = { price = 1, confidence = 0.9 }")
    account = desk(tmp_path, unsure)
    # USDC is cash, and what both contracts settle in.
    assert [name for name, *_ in listed(account)] == ["USDC", "BTC/USDC:USDC", "ETH/USDC:USDC"]
    assert listed(account)[0] == ("USDC", "price of USDC", 0.0, False, True)
    assert account.venue.snapshot.confidence == (900_000_000, 10**9, 10**9)
    enough = ("[prices]", "least_confidence = 0.9\n[prices]")
    assert listed(desk(tmp_path, unsure, enough)) == []


def test_marks_and_smiles_have_ages_too(tmp_path: Path) -> None:
    text = OPTIONS.replace("mark    = 450", "mark_time = 2024-08-05T06:20:00Z\nmark    = 450")
    text = text.replace("a       = 0.022", "time = 2024-08-05T06:28:00Z\na       = 0.022")
    market = tmp_path / "market.toml"
    market.write_text(text)
    told = listed(load(EXAMPLE / "options.toml", market=market))
    call, later = "BTC/USDC:USDC-240816-60000-C", "BTC/USDC:USDC-240830-70000-C"
    assert told == [
        (call, f"mark of {call}", 600.0, True, False),
        (later, "smile of BTC", 120.0, True, False),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (old(-1), r"is after the market's time - at `\$.prices.ETH.time`"),
        (("USDC = 1", "USDC = { price = 1, confidence = 1.1 }"), "1.1 is not between 0 and 1"),
        (("USDC = 1", "USDC = { price = 0 }"), r"0 is not positive - at `\$.prices.USDC.price`"),
        (("USDC = 1", "USDC = { confidence = 1 }"), "missing required field `price`"),
        (("[prices]", "least_confidence = 2\n[prices]"), r"at `\$.least_confidence`"),
        (("[prices]", "stale_after_s = -1\n[prices]"), r"-1 is negative - at `\$.stale_after_s`"),
        (("mark = 52_480", 'mark_time = "x"'), r"at `\$.contracts\[0\].mark_time`"),
    ],
)
def test_a_wrong_reading_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(PortfolioError, match=said):
        desk(tmp_path, change)


def test_the_command_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk(tmp_path, old(61))
    given = ["margin", str(EXAMPLE / "portfolio.toml"), "--market", str(tmp_path / "market.toml")]

    def said(*more: str) -> str:
        with pytest.raises(SystemExit):
            main([*given, *more])
        return capsys.readouterr().out

    assert "61.0 s" in said()
    assert "61.0 s" in said("--method", "all")
    assert "61.0 s" not in said("--stale-after", "61")
    told = json.loads(said("--json"))["doubts"]
    assert told[0] == {
        "id": "ETH", "rests_on": "price of ETH", "age_s": "61", "confidence": "1", "stale": True,
        "unsure": False,
    }  # fmt: skip
