"""`seawall stress`: tables, JSON, a page, and one line that names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from seawall.cli import main
from seawall.simulation.stress import StressError, laws_of, read_depth_file

ROOT = Path(__file__).parents[2]
BOOK, DEPTH = ROOT / "examples/stress/book.csv", ROOT / "examples/stress/depth.toml"
VENUE = ("--rules", ROOT / "rules/example.toml", "--market", ROOT / "examples/margin/market.toml")
COINS, PRICES = ("USDC", "BTC", "ETH"), {"USDC": 1.0, "BTC": 50_000.0, "ETH": 2_000.0}


def ran(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["stress", *map(str, words)])
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


def told(
    capsys: pytest.CaptureFixture[str], out: Path, *words: object, book: Path = BOOK
) -> dict[str, Any]:
    words = (book, "--depth", DEPTH, *VENUE, "--out", out, "--json", *words)
    code, said, error = ran(capsys, *words)
    assert (code, error) == (0, "")
    found: dict[str, Any] = json.loads(said)
    return found


def test_tables_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (BOOK, "--depth", DEPTH, "--shock", "BTC=-12%", *VENUE, "--out", tmp_path)
    code, out, error = ran(capsys, *words, "--beta", "ETH=1.2", "--runs", 300)
    assert (code, error) == (0, "")
    for law in ("no impact", "sqrt", "linear", "exponential", "constant_product", "book"):
        assert f" {law} " in out
    for said in (
        *(
            "65 of 120 accounts taken from",
            "expected shortfall",
            "ticks of the shock",
            "beta of ETH",
        ),
        *("trader-060", "BTC, rising", "runs that empty the fund"),
    ):
        assert said in out
    page = (tmp_path / "stress.html").read_text()
    assert page.count("<svg") == 8
    assert "http" not in page  # Nothing is fetched.
    assert "<script" not in page


def test_the_same_seed_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--shock", "BTC=-15%", "--runs", 200)
    first, again, other = (
        told(capsys, tmp_path, *words, "--seed", seed) for seed in (5, 5, 6)
    )  # fmt: skip
    assert first == again
    assert first["risk"] != other["risk"]
    assert first["laws"] == other["laws"]


def test_impact_off_is_no_feedback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, tmp_path, "--shock", "BTC=-15%", "--runs", 50)
    quiet = found["laws"]["no impact"]
    assert quiet["amplification"] == pytest.approx(1.0)
    assert quiet["largest_gain"] == 0.0
    assert quiet["shock_to_cascade"] is None
    assert all(
        one["final"] < quiet["final"] for name, one in found["laws"].items() if name != "no impact"
    )
    by_cause = sum(found["losses"][key] for key in ("price", "book", "fees"))
    bearers = ("accounts", "fund", "deleveraged", "shared", "uncovered")
    borne = sum(found["losses"][key] for key in bearers)
    assert by_cause == pytest.approx(borne)


def test_a_rise_closes_shorts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, tmp_path, "--shock", "BTC=0.2", "--law", "linear", "--runs", 50)
    linear = found["laws"]["linear"]
    assert linear["units"] < 0.0
    assert linear["final"] > 52_500 * 1.2
    assert found["contributors"][0]["impact"] > 0.0


def test_parquet_and_csv_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "book.parquet"
    pl.read_csv(BOOK, infer_schema=False).write_parquet(copy)
    words = ("--shock", "BTC=-10%", "--runs", 20)
    one, two = told(capsys, tmp_path, *words), told(capsys, tmp_path, *words, book=copy)
    assert one["laws"] == two["laws"]


def test_a_portfolio_with_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = ROOT / "examples/margin/options.toml"
    words = (book, "--depth", DEPTH, "--shock", "BTC=-40%", "--out", tmp_path, "--json")
    code, out, error = ran(capsys, *words, "--runs", 20)
    assert (code, error) == (0, "")
    assert json.loads(out)["laws"]["no impact"]["accounts"] == 1  # Liquidated at 33,781.17.


def test_a_measured_profile(tmp_path: Path) -> None:
    file = tmp_path / "depth.csv"
    file.write_text(
        "market,within_bps_of_mid,mean_bid_usd,mean_ask_usd\n"
        "BTCUSDT perpetual,50,5000000,6000000\nBTCUSDT perpetual,200,15000000,18000000\n"
    )
    coin = read_depth_file(file, COINS, PRICES).of("BTC")
    falls, rises = laws_of(coin, 50_000.0), laws_of(coin, 50_000.0, "short")
    # 5 and 15 million bid at 0.5 % and 2 %: 1 % is a third of the way, 8.33 million or 166.7 BTC.
    assert falls["linear"].price_after(50_000.0, 500 / 3) == pytest.approx(49_500.0)
    assert falls["book"].price_after(50_000.0, 300.0) == pytest.approx(49_000.0)
    assert rises["book"].price_after(50_000.0, -360.0) == pytest.approx(51_000.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fund = 1", "Object missing required field `coins`"),
        ("[coins.BTC]\ndrop = 0.01", "$.coins.BTC: needs sold, levels or laws"),
        ("[coins.BTC]\nsold = 0", "$.coins.BTC.sold: must be above 0, not 0.0"),
        ("[coins.BTC]\nsold = 1\ndrop = 1.5", "$.coins.BTC.drop: must be in (0, 1), not 1.5"),
        ("[coins.BTC]\nsold = 1\nresilience = 1", "$.coins.BTC.resilience: must be in [0, 1)"),
        ("book_share = 2\n[coins.BTC]\nsold = 1", "$.book_share: must be in [0, 1], not 2"),
        ("[coins.BTC]\nsold = 1\nlow = 2", "$.coins.BTC: Object contains unknown field `low`"),
        (
            "[coins.BTC]\nlevels = [{ distance = 0.1, units = 1 }, { distance = 0.1, units = 2 }]",
            "$.coins.BTC.levels[1]: must be farther and deeper",
        ),
        ("[coins.ETH]\nsold = 1", "$.coins.BTC: missing; there are ETH"),
        ("[coins.BTC]\nlevels = [{ distance = 0.1 }]", "$.coins.BTC.levels[0]: Object missing"),
    ],
)
def test_a_wrong_depth_file_is_told_by_its_key(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "depth.toml"
    file.write_text(text)
    code, _, error = ran(capsys, BOOK, "--depth", file, "--shock", "BTC=-5%", *VENUE)
    assert code == 2
    assert error.count("\n") == 1
    assert error.startswith(f"{file}: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shock", "BTC"), "--shock: BTC is not COIN=-20%"),
        (("--shock", "DOGE=-5%"), "--shock: there is no coin DOGE"),
        (("--shock", "BTC=-100%"), "--shock: must lie in [-95 %, 300 %]"),
        (("--shock", "BTC=-5%", "--beta", "ETH=20%"), "--beta: ETH=20% is not COIN=1.2"),
        (("--shock", "BTC=-5%", "--beta", "BTC=1"), "--beta: BTC is the coin that is shocked"),
        (("--shock", "BTC=-5%", "--runs", "0"), "--runs: must be at least 1"),
        (("--shock", "BTC=-5%", "--ticks", "0"), "--ticks: must lie in 1"),
        (("--shock", "BTC=-5%", "--fund", "-1"), "--fund: must be at least 0"),
        (
            ("--shock", "ETH=-5%", "--law", "book"),
            "$.coins.ETH: says not enough for law book; laws are sqrt",
        ),
    ],
)
def test_wrong_words_are_told(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = ran(capsys, BOOK, "--depth", DEPTH, *VENUE, "--out", tmp_path, *words)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "stress.html").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account,asset,quantity\na,BTC,1", "column method: missing"),
        ("account,asset,quantity,method\na,BTC,1,odd", "column method: odd is not in the rulebook"),
        (
            "account,asset,quantity,method\na,BTC,1,cross\na,ETH,1,isolated",
            "column method: account a is under more than one",
        ),
        ("account,asset,quantity,method\na,DOGE,1,cross", "column asset, row 0"),
        ("account,quantity,method\na,1,cross", "column asset is missing"),
    ],
)
def test_a_wrong_book_is_told(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "book.csv"
    file.write_text(text)
    code, _, error = ran(capsys, file, "--depth", DEPTH, "--shock", "BTC=-5%", *VENUE)
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith(str(file))
    assert said in error


def test_a_pool_that_is_bought_empty_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shorts need some 700 BTC; a pool that gives 0.5 for 1 % of price holds about a hundred."""
    file = tmp_path / "depth.toml"
    file.write_text("[coins.BTC]\nsold = 0.5")
    words = (BOOK, "--depth", file, "--shock", "BTC=50%", *VENUE, "--out", tmp_path)
    code, _, error = ran(capsys, *words, "--law", "constant_product", "--runs", 9)
    assert (code, error.count("\n")) == (2, 1)
    assert "--law: constant_product has no price for so much" in error
    code, out, _ = ran(capsys, *words, "--runs", 9)
    assert code == 0
    assert " constant_product " not in out


def test_a_table_needs_rules_and_a_market(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = ran(capsys, BOOK, "--depth", DEPTH, "--shock", "BTC=-5%")
    assert (code, error) == (2, f"{BOOK}: a table of accounts needs --rules\n")


def test_a_depth_file_that_is_not_there() -> None:
    with pytest.raises(StressError, match=r"nowhere\.toml: No such file"):
        read_depth_file(Path("nowhere.toml"), COINS, PRICES)
