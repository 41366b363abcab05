"""`seawall backtest`: a table, JSON, a page, and one line that names what is wrong."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import polars as pl
import pytest

from seawall.cli import main

DAY_MS = 86_400_000


def closes(count: int = 420) -> list[float]:
    """A made market: slow waves and a fall of a tenth every fifty bars."""
    price, found = 100.0, []
    for bar in range(count):
        price *= 0.9 if bar % 50 == 49 else 1 + 0.01 * math.sin(bar * 1.7)
        found.append(price)
    return found


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "made.parquet"
    count = len(closes())
    frame = pl.DataFrame({"ts": [bar * DAY_MS for bar in range(count)], "close": closes()})
    frame.with_columns(pl.from_epoch("ts", "ms").dt.replace_time_zone("UTC")).write_parquet(path)
    return path


def ran(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["backtest", *map(str, words)])
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


def test_a_table_and_a_page(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = ["fhs_es", "fhs_var+half", "historical_es", "evt_es", "ewma", "fixed:0.16"]
    code, out, error = ran(
        capsys, *methods, "--prices", prices, "--window", 150, "--out", tmp_path / "out"
    )
    assert (code, error) == (0, "")
    for method in methods:
        assert re.search(rf"^ *{re.escape(method)} ", out, re.M)
    assert "269 judged losses of a long position" in out  # 420 - 150 - 1 bar to come.
    page = (tmp_path / "out" / "backtest.html").read_text()
    assert page.count("<svg") == len(methods)
    assert "http" not in page  # Nothing is fetched.


def test_json_tells_every_test(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ran(
        capsys, "fhs_es", "fixed:0.05", "--prices", prices, "--window", 150, "--json",
        "--out", tmp_path, "--side", "long", "--horizon", 1,
    )  # fmt: skip
    assert code == 0
    told = json.loads(out)
    assert told["judged"] == 269
    assert told["expected_exceedances"] == pytest.approx(2.69)
    fhs, fixed = told["methods"]
    assert fixed["exceedances"] == fixed["beyond_margin"] == 5  # Bars 199, 249 to 399.
    assert fixed["average_margin"] == pytest.approx(0.05)
    assert fixed["largest_shortfall"] == pytest.approx(0.05)
    assert fixed["expected_shortfall_test"] is None
    assert set(fhs["expected_shortfall_test"]) == {"z1", "z2", "p"}
    assert fhs["peak_to_trough"] >= 1


def test_a_csv_with_a_date_and_another_close(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_parquet(prices)
    path = tmp_path / "made.csv"
    frame.select(pl.col("ts").dt.date().alias("date"), pl.col("close").alias("BTC")).write_csv(path)
    words = ["fhs_es", "--window", 150, "--out", tmp_path, "--json"]
    _, first, _ = ran(capsys, *words, "--prices", prices)
    code, second, _ = ran(capsys, *words, "--prices", path, "--close", "BTC")
    assert code == 0
    assert json.loads(first)["methods"] == json.loads(second)["methods"]


@pytest.mark.parametrize(
    ("columns", "words", "said"),
    [
        ({"ts": [1, 2, 3], "last": [1.0, 2.0, 3.0]}, [], "close: missing column; it has ts, last"),
        ({"day": [1, 2, 3], "close": [1.0, 2.0, 3.0]}, [], "no time column (ts, time"),
        ({"ts": [1, 3, 2], "close": [1.0, 2.0, 3.0]}, [], "ts: bar 3 is not later"),
        ({"ts": [1, 2, 3], "close": [1.0, 0.0, 3.0]}, [], "close: bar 2: 0.0 is not a positive"),
        ({"ts": [1, 2, 3], "close": ["a", "b", "c"]}, [], "close: String is not a number"),
        ({"ts": ["x", "y", "z"], "close": [1.0, 2.0, 3.0]}, [], "ts: "),
        ({"ts": [1, 2, 3], "close": [1.0, 2.0, 3.0]}, [], "window: 3 bars leave 0 to judge"),
        (
            {"symbol": ["A", "B", "B"], "ts": [1, 2, 3], "close": [1.0, 2.0, 3.0]},
            [],
            "symbol: name one with --symbol: A, B",
        ),
        (
            {"ts": [1, 2, 3], "close": [1.0, 2.0, 3.0]},
            ["--symbol", "A"],
            "symbol: missing column",
        ),
    ],
)
def test_a_wrong_column_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    columns: dict[str, list[object]],
    words: list[str],
    said: str,
) -> None:
    path = tmp_path / "wrong.parquet"
    pl.DataFrame(columns).write_parquet(path)
    code, out, error = ran(capsys, "fhs_es", "--prices", path, "--out", tmp_path, *words)
    assert (code, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "backtest.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "METHOD: name at least one"),
        (["fhs"], "fhs: no such method; there are fhs_es"),
        (["fixed"], "fixed: give a positive number"),
        (["fixed:-1"], "fixed:-1: give a positive number"),
        (["fhs_es:3"], "fhs_es takes no number"),
        (["fhs_es+more"], "+more: no such tool"),
        (["evt_es+half"], "+half: only filtered"),
        (["ewma+floor"], "+floor need a method with scenarios"),
        (["fixed:0.1+buffer"], "takes no tool"),
        (["ewma", "ewma"], "named twice"),
        (["ewma", "--horizon", "0"], "horizon: 0 is below 1"),
        (["ewma", "--confidence", "1"], "confidence: 1.0 is not between"),
        (["ewma", "--decay", "1"], "decay: 1.0 is not between"),
        (["evt_es", "--window", "50"], "a Pareto tail needs 100 bars"),
        (["ewma", "--side", "both"], "side"),
    ],
)
def test_a_wrong_method_or_option_is_named(
    prices: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    code, out, error = ran(capsys, *words, "--prices", prices, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert said in error


def test_no_file_and_no_place(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = ran(capsys, "ewma", "--prices", tmp_path / "none.csv")
    assert (code, error) == (2, "none.csv: no such file\n")
    (tmp_path / "file").write_text("")
    code, _, error = ran(
        capsys, "ewma", "--prices", prices, "--window", 150, "--out", tmp_path / "file"
    )
    assert code == 3
    assert "file" in error
