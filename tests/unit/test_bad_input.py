"""Whatever is wrong with a file: one line that names the file, the key and the reason, and exit 2.

Nothing half written is left: a folder of results that was not there is still not there. A place
that cannot be written is exit 3, and a disk that fills up leaves a journal that opens, or none.
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seawall.cli import main

ROOT = Path(__file__).parents[2]
MARGIN = ROOT / "examples" / "margin"
RULES = ROOT / "rules" / "example.toml"


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


def refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], file: str, *said: str
) -> None:
    """Exit 2, nothing on stdout, one line on stderr that begins with the file and says all this."""
    code, out, error = ran(capsys, *arguments)
    assert (code, out) == (2, ""), error
    assert error.count("\n") == 1, error
    assert error.endswith("\n")
    head, _, rest = error.partition(": ")
    assert Path(head).name == file, error
    for part in said:
        assert part in rest, error
    assert "Traceback" not in error


@pytest.fixture
def scenario(cut: Path, tmp_path: Path) -> Path:
    """A folder of one's own with the cut scenario in it."""
    folder = tmp_path / "scenario"
    shutil.copytree(cut.parent, folder, ignore=shutil.ignore_patterns("out*"))
    return folder / "scenario.toml"


def mended(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    changed, found = re.subn(old, new, text, count=1, flags=re.MULTILINE)
    assert found, f"{old} is not in {file.name}"
    file.write_text(changed)


# -- scenario --------------------------------------------------------------------------------------

SCENARIO_CASES = (
    (r"^seed = ", "seed == ", ("at line",)),
    (r"^seed = .*", "", ("$: ", "seed")),
    (r"^seed = .*", "seed = 1.5", ("$.seed: ", "int")),
    (r"^seed = .*", 'seed = "1"', ("$.seed: ", "int")),
    (r"^name = ", "naem = ", ("$: ", "naem")),
    (r"^step_s = 300", "step_s = -300", ("$.path.offsets_s: ",)),
    (r'^order = "nearest_first"', 'order = "furthest_first"', ("$.path.order: ", "furthest_first")),
    (r"^offsets_s = .*", "offsets_s = [200, 100, 300]", ("$.path.offsets_s: ", "must rise")),
    (r'^coins = \["BTC", "ETH"\]', 'coins = ["BTC"]', ("$.contracts[1].base: ", "ETH")),
    (r'^base = "BTC"', 'base = "DOGE"', ("$.contracts[0].base: ", "DOGE")),
    (r'^settle = "USDC"', 'settle = "EUR"', ("$.contracts[0]", "EUR")),
    (r"^lot = 0\.001", "lot = 0", ("$.contracts[0].lot: ", "not positive")),
    (r"^lot = 0\.001", "lot = -0.001", ("$.contracts[0].lot: ", "not positive")),
    (r"^lot = 0\.001", "lot = nan", ("$.contracts[0].lot: ", "finite")),
    (r"^lot = 0\.001", "lot = 0.0000000001", ("$.contracts[0]", "8 decimals")),
    (r"^tick = 0\.1", "tick = inf", ("$.contracts[0].tick: ", "finite")),
    (r"^inverse = true", "inverse = 1", ("$.contracts[2].inverse: ", "bool")),
    (r'^depth = "BTCUSDT perpetual"', 'depth = "none"', ("$.contracts[0].depth: ", "none")),
    (r'^id = "ETH/USDC:USDC"', 'id = "BTC/USDC:USDC"', ("$.contracts: ", "twice")),
    (r"2024-08-06T08:00:00Z,\n", "2024-08-05T08:00:00Z,\n", ("$.chains[0].expires: ", "rise")),
    (r"strike_range = \[40000, 80000, 2500\]", "strike_range = [80000, 40000, 2500]",
     ("$.chains[0].strike_range", "not positive")),
    (r"2024-08-04T12:00:00Z, 0\.1", "2024-08-04T12:00:00Z, 1.1",
     ("$.surface.stress[1][1]: ", "1.1")),
    (r"2024-08-04T12:00:00Z, 0\.1", "2024-08-04T12:00:00, 0.1",
     ("$.surface.stress[1][0]: ", "zone")),
    (r"^hours_utc = .*", "hours_utc = [0, 24]", ("$.funding.hours_utc: ",)),
    (r'^file = "depth.csv"\nshare = \S+', 'file = "depth.csv"\nshare = -0.1',
     ("$.depth.share: ", "not positive")),
    (r"^left_in_stress = 0\.3", "left_in_stress = 3", ("$.depth.left_in_stress: ",)),
    (r"^USDC = [0-9_]+", "USDC = -1", ("$.insurance_fund.USDC: ", "negative")),
    (r"^USDC = [0-9_]+", "DOGE = 1", ("$.insurance_fund", "DOGE")),
    (r"^accounts = .*", "accounts = 0", ("$.population.accounts: ",)),
    (r"^accounts = .*", "accounts = -5", ("$.population.accounts: ",)),
    (r"^share = 0\.70", "share = 0.71", ("$.population: ", "sum to 1")),
    (r"^method = \"isolated\"", 'method = "alone"', ("$.population", "alone")),
    (r"\[\"BTC/USDC:USDC\", 0\.55\]", '["DOGE/USDC:USDC", 0.55]',
     ("$.population.isolated.instruments: ", "DOGE")),
    (r"^checkpoint_ticks = .*", "checkpoint_ticks = 0", ("$.record.checkpoint_ticks: ",)),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), SCENARIO_CASES)
def test_a_wrong_scenario(
    scenario: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: tuple[str, ...]
) -> None:
    mended(scenario, old, new)
    out = scenario.parent / "out"
    refused(capsys, ("replay", scenario, "--out", out), "scenario.toml", *said)
    assert not out.exists()


def test_a_scenario_that_is_no_text(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = scenario.parent / "out"
    scenario.write_bytes(b"name = \xff\xfe")
    refused(capsys, ("replay", scenario, "--out", out), "scenario.toml", "utf-8")
    refused(capsys, ("replay", scenario.parent, "--out", out), "scenario", "no such file")
    refused(capsys, ("replay", scenario.parent / "none.toml"), "none.toml", "no such file")
    assert not out.exists()


@pytest.mark.parametrize("option", [("--accounts", "0"), ("--accounts", "x"), ("--seed", "x")])
def test_a_wrong_option(
    scenario: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    out = scenario.parent / "out"
    code, _, error = ran(capsys, "replay", scenario, "--out", out, *option)
    assert (code, error.count("\n")) == (2, 1)
    assert option[0].strip("-") in error.lower()
    assert not out.exists()


# -- the files that a scenario names ---------------------------------------------------------------


def cell(row: int, column: int, value: str) -> Callable[[list[list[str]]], None]:
    """Put a value into a cell of the bars; row 0 is the head, row n is bar n."""

    def change(rows: list[list[str]]) -> None:
        rows[row][column] = value

    return change


def swapped(rows: list[list[str]]) -> None:
    rows[3], rows[4] = rows[4], rows[3]


def doubled(rows: list[list[str]]) -> None:
    rows.insert(4, rows[3])


def dropped(rows: list[list[str]]) -> None:
    del rows[5]


def emptied(rows: list[list[str]]) -> None:
    del rows[1:]


BARS_CASES = (
    (cell(0, 1, "X"), ("BTC", "missing column")),
    (cell(3, 0, "yesterday"), ("bar 3: bar_start_utc: ", "not a time")),
    (cell(3, 0, "2024-08-05T00:40:00"), ("bar 3: bar_start_utc: ", "no time zone")),
    (cell(2, 1, "-50000"), ("bar 2: ", "not positive")),
    (cell(2, 2, "0"), ("bar 2: ", "not positive")),
    (cell(2, 3, "nan"), ("bar 2: ",)),
    (cell(2, 3, "inf"), ("bar 2: ",)),
    (cell(2, 3, ""), ("bar 2: ",)),
    (cell(2, 3, "5e4x"), ("bar 2: ",)),
    (cell(2, 3, "50000.00000000001"), ("bar 2: ", "10 decimals")),
    (cell(2, 3, "1e30"), ("bar 2: ",)),
    (swapped, ("bar 3: bar_start_utc: ",)),
    (doubled, ("bar 4: bar_start_utc: ", "the same time")),
    (dropped, ("bar 5: bar_start_utc: ", "600 s")),
    (emptied, ("no bars",)),
)


@pytest.mark.parametrize(("change", "said"), BARS_CASES)
def test_wrong_bars(
    scenario: Path, capsys: pytest.CaptureFixture[str],
    change: Callable[[list[list[str]]], None], said: tuple[str, ...],
) -> None:  # fmt: skip
    bars = scenario.parent / "bars.csv"
    rows = [line.split(",") for line in bars.read_text().splitlines()]
    change(rows)
    bars.write_text("".join(",".join(row) + "\n" for row in rows))
    out = scenario.parent / "out"
    refused(capsys, ("replay", scenario, "--out", out), "bars.csv", *said)
    assert not out.exists()


@pytest.mark.parametrize("name", ["bars.csv", "svi.csv", "depth.csv", "rules.toml"])
@pytest.mark.parametrize("fault", ["missing", "folder", "bytes", "empty"])
def test_a_file_beside_the_scenario_that_cannot_be_read(
    scenario: Path, capsys: pytest.CaptureFixture[str], name: str, fault: str
) -> None:
    file = scenario.parent / name
    file.unlink()
    if fault == "folder":
        file.mkdir()
    elif fault == "bytes":
        file.write_bytes(b"\xff\xfe\x00")
    elif fault == "empty":
        file.write_text("")
    out = scenario.parent / "out"
    refused(capsys, ("replay", scenario, "--out", out), name)
    assert not out.exists()


# -- rulebook --------------------------------------------------------------------------------------

RULES_CASES = (
    (r"^format +=", "format ==", ("line",)),
    (r"^format +=.*", "format = 2", ("$.format: ",)),
    (r"^cash +=.*", 'cash = "DOGE"', ("$.cash: ", "DOGE")),
    (r"^cash +=.*", "", ("cash",)),
    (r"^haircut  = 0\.05", "haircut  = 1.05", ("$.coins[1].haircut: ",)),
    (r"^haircut  = 0\.05", "haircut  = -0.05", ("$.coins[1].haircut: ",)),
    (r"^haircut  = 0\.05", "haircut  = nan", ("$.coins[1].haircut: ",)),
    (r"^haircut  = 0\.05", 'haircut  = "much"', ("$.coins[1].haircut: ",)),
    (r"^haircut  = 0\.05", "hair_cut = 0.05", ("$.coins[1]: ", "hair_cut")),
    (r'^id       = "ETH"', 'id       = "BTC"', ("$.coins", "BTC", "twice")),
    (r"^warning_ratio   = .*", "warning_ratio = 0.9", ("$.call.warning_ratio: ",)),
    (r"^grace_ms        = .*", "grace_ms = { nobody = 1 }", ("$.call.grace_ms.nobody: ",)),
    (r"^grace_ms        = .*", "grace_ms = { portfolio = -1 }", ("$.call.grace_ms.portfolio: ",)),
    (r"^slippage_ratio = .*", "slippage_ratio = 1.2", ("$.liquidation.slippage_ratio: ",)),
    (r"^depth_share    = .*", "depth_share = 0", ("$.liquidation.depth_share: ",)),
    (r"^order +=.*", 'order = "at_random"', ("$.liquidation.order: ", "at_random")),
    (r"^isolated = true", "isolated = 2", ("$.margin.isolated.isolated: ", "bool")),
    (r"^method = \"tiered\"", 'method = "tired"', ("$.margin", "tired")),
    (r"above = 0, ", "above = 5, ", ("$.margin.", "begins at 0")),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), RULES_CASES)
def test_a_wrong_rulebook(
    scenario: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: tuple[str, ...]
) -> None:
    file = scenario.parent / "rules.toml"
    mended(file, old, new)
    refused(capsys, ("rules", "check", file), "rules.toml", *said)
    out = scenario.parent / "out"
    refused(capsys, ("replay", scenario, "--out", out), "rules.toml", *said)
    assert not out.exists()


# -- portfolio and market --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"^name +=.*", "", ("name",)),
        (r"^quantity = 40_000", "quantity = nan", ("$.holdings[0]",)),
        (r"^quantity = 40_000", "quantity = inf", ("$.holdings[0]",)),
        (r"^quantity = 40_000", "quantity = 1e30", ("$.holdings[0]",)),
        (r"^quantity = 40_000", "quantity = true", ("$.holdings[0].quantity",)),
        (r"^quantity = 3\.5", "quantity = 3.50001", ("$.holdings[2]", "whole number of lots")),
        (r"^price    = 58_200", "price = -1", ("$.holdings[2]", "positive")),
        (r"^price    = 58_200", "price = 0", ("$.holdings[2]", "positive")),
        (r"^price    = 58_200", "price = nan", ("$.holdings[2]",)),
        (r'^id       = "ETH"', 'id = "DOGE"', ("$.holdings[1]", "DOGE")),
        (r"^method = \"cross\"", 'method = "other"', ("$.method", "other")),
        (r"^rules  = .*", 'rules = "none.toml"', ("$.rules", "none.toml")),
    ],
)
def test_a_wrong_portfolio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: tuple[str, ...]
) -> None:
    file = tmp_path / "portfolio.toml"
    shutil.copy(MARGIN / "portfolio.toml", file)
    mended(file, old, new)
    given = () if "$.rules" in said else ("--rules", RULES)
    arguments = ("margin", file, *given, "--market", MARGIN / "market.toml")
    if "$.rules" in said:
        code, out, error = ran(capsys, *arguments)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert "none.toml" in error
    else:
        refused(capsys, arguments, "portfolio.toml", *said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"^time = .*", "time = 2024-08-05T06:30:00", ("$.time", "zone")),
        (r"^time = .*", "time = 5", ("$.time",)),
        (r"^BTC  = 52_500", "BTC  = -52_500", ("$.prices.BTC", "positive")),
        (r"^BTC  = 52_500", "BTC  = 0", ("$.prices.BTC", "positive")),
        (r"^BTC  = 52_500", "BTC  = nan", ("$.prices.BTC",)),
        (r"^BTC  = 52_500", "BTC  = 1e30", ("$.prices.BTC",)),
        (r"^BTC  = 52_500", "DOGE = 1", ("DOGE",)),
        (r"^lot  = 0\.001", "lot  = -0.001", ("$.contracts[0]", "lot")),
        (r"^lot  = 0\.001", "lot  = nan", ("$.contracts[0].lot",)),
        (r"^lot  = 0\.001", "lots = 0.001", ("$.contracts[0]", "lots")),
        (r"^mark = 52_480", "mark = -1", ("$.contracts[0].mark", "positive")),
        (r"^mark = 52_480", 'mark = "high"', ("$.contracts[0].mark",)),
        (r'^id   = "ETH/USDC:USDC"', 'id   = "BTC/USDC:USDC"', ("BTC/USDC:USDC", "already")),
    ],
)
def test_a_wrong_market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: tuple[str, ...]
) -> None:
    file = tmp_path / "market.toml"
    shutil.copy(MARGIN / "market.toml", file)
    mended(file, old, new)
    arguments = ("margin", MARGIN / "portfolio.toml", "--rules", RULES, "--market", file)
    refused(capsys, arguments, "market.toml", *said)


# -- journal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["missing", "text", "empty", "folder", "other database"])
@pytest.mark.parametrize("command", ["verify", "export", "explain", "resume"])
def test_what_is_no_journal(
    scenario: Path, capsys: pytest.CaptureFixture[str], fault: str, command: str
) -> None:
    import sqlite3

    file = scenario.parent / "venue.db"
    if fault == "text":
        file.write_text("not a database, and long enough to be read as the head of one" * 40)
    elif fault == "empty":
        file.write_bytes(b"")
    elif fault == "folder":
        file.mkdir()
    elif fault == "other database":
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("CREATE TABLE diary (day TEXT)")
    before = file.read_bytes() if file.is_file() else None
    out = scenario.parent / "out"
    target = scenario.parent / "out.jsonl"
    arguments: dict[str, tuple[object, ...]] = {
        "verify": ("journal", "verify", file),
        "export": ("journal", "export", file, "--output", target),
        "explain": ("explain", "6", "--journal", file),
        "resume": ("replay", scenario, "--out", out, "--journal", file, "--resume"),
    }
    if command == "resume" and fault == "missing":
        return  # A run that never began is begun.
    if fault == "text" and command != "resume":  # As a journal whose head was destroyed would.
        code, _, error = ran(capsys, *arguments[command])
        assert (code, error.count("\n")) == (1, 1)
        assert error.startswith(f"{file}: cannot be opened: not a database")
    else:
        refused(capsys, arguments[command], "venue.db")
    assert not target.exists()
    assert (file.read_bytes() if file.is_file() else None) == before
    assert not out.exists() or not any(out.iterdir())


# -- places that cannot be written -----------------------------------------------------------------


@pytest.mark.parametrize("place", ["out", "out/deeper", "journal"])
def test_a_place_below_a_file(
    scenario: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, place: str
) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    given = ("--out", tmp_path / place)
    if place == "journal":
        given = ("--out", tmp_path / "fine", "--journal", tmp_path / "out" / "venue.db")
    code, out, error = ran(capsys, "replay", scenario, *given)
    assert (code, out, error.count("\n")) == (3, "", 1), error
    assert str(tmp_path / "out") in error
    assert (tmp_path / "out").read_text() == "a file, not a folder"
    assert not any((tmp_path / "fine").iterdir()) if (tmp_path / "fine").exists() else True


def test_an_export_to_a_place_that_cannot_be_written(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from seawall.engine.history.journal import Journal

    Journal.create(tmp_path / "venue.db").close()
    target = tmp_path / "none" / "venue.jsonl"
    code, out, error = ran(capsys, "journal", "export", tmp_path / "venue.db", "--output", target)
    assert (code, out, error.count("\n")) == (3, "", 1)
    assert str(target) in error


@pytest.mark.parametrize("kilobytes", [4, 40, 120, 400])
def test_a_full_disk(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kilobytes: int
) -> None:
    """No file may grow beyond a limit: the run stops, and what it acknowledged is still there."""
    limit = kilobytes * 1024

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-B", "-m", "seawall.cli", "replay", cut, "--out", tmp_path / "out"],
        capture_output=True, text=True, check=False, timeout=60, preexec_fn=small,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, ""), (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(tmp_path / "out") in done.stderr
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert "summary.json" not in files, "a run that failed looks finished"
    assert not [name for name in files if name.endswith((".partial", ".tmp"))]
    if "journal.db" in files:
        code, out, error = ran(
            capsys, "journal", "verify", tmp_path / "out" / "journal.db", "--json"
        )
        assert code == 0, error
        assert json.loads(out)["ok"]
