"""`seawall margin` of a table: states and amounts of each account, wrong tables by their column."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from seawall.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
VENUE = ("--rules", EXAMPLE.parents[1] / "rules" / "example.toml")
VENUE += ("--market", EXAMPLE / "market.toml")
# 0.1 BTC at 52,480 asks 1 % of 5,248 dollars; one BTC ten times that.
BOOK = """account,asset,quantity
small,USDC,1000
small,BTC/USDC:USDC,0.1
large,USDC,10
large,BTC/USDC:USDC,1
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return int(stopped.value.code or 0), shown.out, shown.err


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.csv"
    file.write_text(BOOK)
    return file


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_account_is_judged_and_written(
    kind: str, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = book.with_name(f"judged.{kind}")
    code, out, error = said(
        capsys, "margin", book, *VENUE, "--method", "cross", "--output", output, "--json"
    )
    assert (code, error) == (0, "")
    told = json.loads(out)
    assert (told["method"], told["accounts"], told["unit"]) == ("cross", 2, "USD")
    assert {row["state"]: row["accounts"] for row in told["states"]} == {
        "healthy": 1, "below maintenance": 1
    }  # fmt: skip
    (lacking,) = told["lacking_most"]
    assert (lacking["account"], lacking["maintenance"]) == ("large", "524.8")
    assert lacking["headroom"] == "-514.8"
    written = pl.read_csv(output) if kind == "csv" else pl.read_parquet(output)
    assert written["account"].to_list() == ["small", "large"]
    assert written["maintenance"].to_list() == [52.48, 524.8]
    assert written["state"].to_list() == ["healthy", "below maintenance"]


def test_a_person_sees_states_and_who_lacks_most(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, "margin", book, *VENUE, "--method", "hyperliquid")
    assert code == 0
    assert out.startswith("2 accounts under hyperliquid, USD")
    assert "below maintenance" in out
    assert "lacking most" in out


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (BOOK.replace("account,", "acount,"), (), "column account is missing; there are acount,"),
        (BOOK.replace("USDC,10\n", "USCD,10\n"), (), "column asset, row 2: instrument USCD"),
        (BOOK, ("--method", "all"), "a table is judged under one --method"),
        (BOOK, ("--method", "mtgox"), "$.method: mtgox is not in the rulebook and no preset"),
    ],
)
def test_a_wrong_table_is_named_in_one_line(
    text: str, more: tuple[str, ...], reason: str, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book.write_text(text)
    chosen = more or ("--method", "cross")
    code, out, error = said(capsys, "margin", book, *VENUE, *chosen)
    assert (code, out) == (2, "")
    assert error.startswith(f"{book}: {reason}")
    assert error.count("\n") == 1


def test_places_that_cannot_be_read_or_written(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--method", "cross")
    code, _, error = said(capsys, "margin", tmp_path / "none.parquet", *VENUE, *ask)
    assert (code, error) == (2, f"{tmp_path}/none.parquet: No such file or directory\n")
    code, _, error = said(capsys, "margin", book, *VENUE, *ask, "--output", tmp_path / "a/b.csv")
    assert (code, error) == (3, f"{tmp_path}/a/b.csv: No such file or directory\n")
    code, _, error = said(capsys, "margin", book, *VENUE, *ask, "--output", tmp_path / "b.xlsx")
    assert (code, error) == (2, f"{tmp_path}/b.xlsx: a table is written as .csv or .parquet\n")
    code, _, error = said(capsys, "margin", book)
    assert (code, error) == (2, f"{book}: $.market: missing; name a file or give --market\n")
    account = EXAMPLE / "portfolio.toml"
    code, _, error = said(capsys, "margin", account, "--output", tmp_path / "b.csv")
    assert (code, error) == (2, f"{account}: --output is for a table of accounts\n")
