"""Portfolios under collateral rules: feeds in the market file, counted coins in the report."""

import json
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.portfolio import (
    Account,
    PortfolioError,
    load,
    margin,
    margin_frame,
    read_change,
    what_if,
)

DOLLAR = 10**10
RULES = """
format = 1
name = "collateral"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }

[[coins]]
id = "USDC"
decimals = 6
collateral = [{ rule = "depeg", threshold = 0.99, factor = 5 }]

[[coins]]
id = "wstETH"
decimals = 8

[[coins.collateral]]
rule = "yield_bearing"
snapshot = 1.2
growth_bps = 500

[[coins.collateral]]
rule = "capped"
most = 50_000

[margin.cross]
method = "tiered"
brackets.wstETH = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
MARKET = """
time = 2026-01-01T00:00:00Z
prices = { USDC = 1, wstETH = 2_000 }
collateral.wstETH = { rate = 1.4, elapsed_s = 31_536_000 }

[[contracts]]
id = "wstETH/USDC:USDC"
lot = 0.01
tick = 0.01
"""
PORTFOLIO = """
name = "staker"
rules = "rules.toml"
market = "market.toml"
holdings = [
  { id = "USDC", quantity = 10_000 },
  { id = "wstETH", quantity = 30 },
  { id = "wstETH/USDC:USDC", quantity = -10 },
]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name, text in (("rules", RULES), ("market", MARKET), ("portfolio", PORTFOLIO)):
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path / "portfolio.toml"


@pytest.fixture
def staker(file: Path) -> Account:
    return load(file)


def test_a_report_shows_what_each_coin_counts_for(staker: Account) -> None:
    report = margin(staker)
    # 60,000 × 1.26 ÷ 1.4 = 54,000, and the cap takes 4,000 of it.
    assert [(one.value, one.counted, one.steps) for one in report.counted] == [
        (10_000 * DOLLAR, 10_000 * DOLLAR, ()),
        (60_000 * DOLLAR, 50_000 * DOLLAR, (("capped", 4_000 * DOLLAR),)),
    ]
    assert report.requirement.margin_equity == 60_000 * DOLLAR
    assert report.told.terms[-1].label == "wstETH: capped"


def test_another_market_counts_another_share(staker: Account) -> None:
    # A stablecoin at 0.97: 10,000 × 0.97 × (1 − 5 × 0.02); as a quote it has no haircut.
    changed = what_if(staker, read_change(staker, moves=["USDC=-3%"]))
    terms = {term.label: term.margin_equity for term in changed.after.terms}
    assert terms["USDC"] == 8_730 * DOLLAR
    # 5 more coins count nothing more; without any, the cap has nothing to take.
    same = what_if(staker, read_change(staker, deposits=["wstETH=5"]))
    assert same.after.requirement.margin_equity == same.before.requirement.margin_equity
    less = what_if(staker, read_change(staker, deposits=["wstETH=-30"]))
    assert less.after.requirement.margin_equity == 10_000 * DOLLAR


def test_a_frame_is_judged_by_the_same_rules(staker: Account) -> None:
    import polars as pl

    book = pl.DataFrame(
        {"account": ["a", "a", "b"], "asset": ["wstETH", "USDC", "wstETH"],
         "quantity": ["30", "-50000", "10"]}
    )  # fmt: skip
    found = margin_frame(book, staker.venue, "cross")
    assert found["margin_equity"].to_list() == [0.0, 18_000.0]


def test_the_command_line_prints_the_rule(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["margin", str(file), "--json"])
    terms = {term["label"]: term for term in json.loads(capsys.readouterr().out)["terms"]}
    assert ended.value.code == 0
    assert terms["wstETH: capped"]["margin_equity"] == "-4000"
    with pytest.raises(SystemExit):
        main(["margin", str(file)])
    assert "wstETH: capped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ("{ rate = -1 }", "rate must not be negative - at `$.collateral.wstETH.rate`"),
        ("{ rate = 1.0000000001 }", "at `$.collateral.wstETH.rate`"),
        ("{ elapsed_s = -1 }", "elapsed_s must not be negative"),
        ("{ fair_price = 0.00000000001 }", "at `$.collateral.wstETH.fair_price`"),
        ("{ price = 1 }", "unknown field `price`"),
    ],
)
def test_a_feed_that_cannot_be_names_its_key(file: Path, feed: str, says: str) -> None:
    market = file.parent / "market.toml"
    market.write_text(MARKET.replace("{ rate = 1.4, elapsed_s = 31_536_000 }", feed))
    with pytest.raises(PortfolioError) as told:
        load(file)
    assert says in str(told.value)
    assert str(market) in str(told.value)


def test_a_feed_of_an_unknown_coin_is_refused(file: Path) -> None:
    market = file.parent / "market.toml"
    market.write_text(MARKET.replace("collateral.wstETH", "collateral.stETH"))
    with pytest.raises(PortfolioError, match="stETH"):
        load(file)
