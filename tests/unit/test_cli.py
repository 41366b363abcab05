"""The command line: results on stdout, one line on stderr when it fails, and the exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "margin"
RULES = ROOT / "rules" / "example.toml"
CRASH = ROOT / "examples" / "crash-2024-08-05"


class Ran:
    """One run of the command line in this interpreter."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        self.code = stopped.value.code
        said = capsys.readouterr()
        self.out, self.error = said.out, said.err

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.out)


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example scenario, cut to one hour and few accounts, so that a test can run it."""
    folder = tmp_path_factory.mktemp("crash")
    for file in CRASH.iterdir():
        shutil.copy(file, folder)
    shutil.copy(RULES, folder)
    lines = (folder / "bars.csv").read_text().splitlines(keepends=True)
    cut = [line for line in lines if not line.startswith("2024") or "2024-08-05T01" in line]
    (folder / "bars.csv").write_text("".join(cut))
    scenario = folder / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("../../rules/", ""))
    return scenario


@pytest.fixture(scope="module")
def out(crash: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    program = [sys.executable, "-m", "seawall.cli", "replay", crash, "--accounts", "120"]
    ran = subprocess.run(
        [*map(str, program), "--out", str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert re.search(r"every asset sums to zero: \d+ assets, 120 accounts", ran.stdout)
    assert re.search(r"state hash [0-9a-f]{64}", ran.stdout)
    return folder


def test_help_answers_at_once_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from seawall.cli import app; app(['--help'], result_action='return_value')\n"
        "heavy = {'numba', 'polars', 'sqlalchemy', 'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert time.perf_counter() - began < 2.0  # 0.2 s alone; the rest is for a busy machine.
    for command in ("replay", "margin", "explain", "journal", "rules"):
        assert command in ran.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from seawall import __version__

    ran = Ran(capsys, "--version")
    assert (ran.code, ran.out.strip()) == (0, __version__)


# -- margin ----------------------------------------------------------------------------------------


def test_margin_of_the_example_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    told = Ran(capsys, "margin", EXAMPLE / "portfolio.toml", "--json").json
    # 40,000 + 5.25 × 2,310 + 3.5 × (52,480 − 58,200) − 20 × (2,308.5 − 2,610.5)
    assert told["equity"] == "38147.5"
    # A tenth of the 12,127.5 dollars in ETH does not count.
    assert told["margin_equity"] == "36934.75"
    # 1 % of 183,680 in BTC and of 46,170 in ETH.
    assert told["maintenance"] == "2298.5"
    assert told["headroom"] == "34636.25"
    terms = told["terms"]
    for column in ("equity", "margin_equity", "maintenance"):
        assert sum(Decimal(term[column]) for term in terms) == Decimal(told[column])


def test_margin_prints_every_digit_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "margin", EXAMPLE / "portfolio.toml")
    assert ran.code == 0
    for said in ("38,147.5", "36,934.75", "binding:", "fingerprint"):
        assert said in ran.out


def test_json_and_toml_say_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    portfolio = tmp_path / "portfolio.json"
    holdings = [
        {"id": "USDC", "quantity": "40000"},
        {"id": "ETH", "quantity": 5.25},
        {"id": "BTC/USDC:USDC", "quantity": "3.5", "price": "58200"},
        {"id": "ETH/USDC:USDC", "quantity": -20, "price": 2610.5},
    ]
    text = json.dumps({"name": "hedged-desk", "method": "cross", "holdings": holdings})
    portfolio.write_text(text)
    given = ("--rules", RULES, "--market", EXAMPLE / "market.toml", "--json")
    ran = Ran(capsys, "margin", portfolio, *given)
    assert ran.json == Ran(capsys, "margin", EXAMPLE / "portfolio.toml", "--json").json


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3.5\n", "3.5005\n", "$.holdings[2]: 3.5005 BTC is not a whole number of lots"),
        ("40_000", '"much"', "$.holdings[0].quantity: Invalid decimal string"),
        ('"ETH"', '"DOGE"', "$.holdings[1]: instrument DOGE is not listed"),
        ("quantity = 5.25", "quantity = 5.123456789", "$.holdings[1]: 5.123456789 has more than 8"),
        ('"cross"', '"crossed"', "$.method: crossed is not in the rulebook"),
        ("quantity = -20", "amount = -20", "$.holdings[3]: Object "),
        ('"cross"', '"cross', "Illegal character"),
    ],
)
def test_a_wrong_portfolio_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = (EXAMPLE / "portfolio.toml").read_text()
    assert old in text
    file = tmp_path / "portfolio.toml"
    file.write_text(text.replace(old, new, 1))
    given = ("--rules", RULES, "--market", EXAMPLE / "market.toml")
    ran = Ran(capsys, "margin", file, *given)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith(f"{file}: {said}")
    assert ran.error.count("\n") == 1


def test_a_wrong_market_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "market.toml"
    file.write_text((EXAMPLE / "market.toml").read_text().replace("ETH  = 2_310", ""))
    ran = Ran(capsys, "margin", EXAMPLE / "portfolio.toml", "--market", file)
    assert ran.code == 2
    assert ran.error == f"{file}: $.prices: the price of ETH is missing\n"


# -- rules -----------------------------------------------------------------------------------------


def test_rules(capsys: pytest.CaptureFixture[str]) -> None:
    checked = Ran(capsys, "rules", "check", RULES, "--json").json
    assert re.fullmatch("[0-9a-f]{16}", checked["fingerprint"])
    shown = Ran(capsys, "rules", "show", RULES, "--json").json
    assert shown["rules"]["name"] == checked["name"]
    assert "$.numeraire.decimals" in Ran(capsys, "rules", "show", RULES).out
    assert Ran(capsys, "rules", "diff", RULES, RULES).code == 0


def test_a_changed_rule_is_a_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(re.sub(r"haircut  = 0\.05\b", "haircut  = 0.07", RULES.read_text(), count=1))
    ran = Ran(capsys, "rules", "diff", RULES, file, "--json")
    assert ran.code == 1
    assert ran.json["changes"] == [{"key": "$.coins[1].haircut", "old": "0.05", "new": "0.07"}]


def test_a_wrong_rulebook_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULES.read_text().replace("haircut  = 0.05", "haircut  = 1.05", 1))
    ran = Ran(capsys, "rules", "check", file)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith(f"{file}: $.coins[1].haircut: ")
    assert ran.error.count("\n") == 1


# -- replay, journal, explain ----------------------------------------------------------------------


def test_a_replay_leaves_its_files(out: Path) -> None:
    import polars as pl

    names = {file.name for file in out.iterdir()}
    assert {"report.html", "events.parquet", "summary.json", "journal.db"} <= names
    told = json.loads((out / "summary.json").read_text())
    events = pl.read_parquet(out / "events.parquet")
    for tag, count in told["effects"].items():
        assert events.filter(pl.col("effect") == tag).height == count
    taken = events.filter(pl.col("effect") == "liquidated")["notional"].sum() or 0
    assert Decimal(taken) == Decimal(told["summary"]["notional"])
    assert told["state_hash"] in (out / "report.html").read_text()


def test_the_journal_of_a_replay_verifies(capsys: pytest.CaptureFixture[str], out: Path) -> None:
    told = json.loads((out / "summary.json").read_text())
    shown = Ran(capsys, "journal", "verify", out / "journal.db", "--json").json
    assert shown["ok"]
    assert shown["finished"]
    assert shown["state_hash"] == told["state_hash"]
    assert shown["events"] == told["summary"]["events"]


def test_a_tampered_journal_is_found(
    capsys: pytest.CaptureFixture[str], out: Path, tmp_path: Path
) -> None:
    import sqlite3

    file = tmp_path / "journal.db"
    shutil.copy(out / "journal.db", file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE journal_event SET time_ms = time_ms + 1 WHERE sequence = 7")
    connection.close()
    ran = Ran(capsys, "journal", "verify", file)
    assert (ran.code, ran.out) == (1, "")
    assert ran.error.startswith("event 7: ")
    assert ran.error.count("\n") == 1


def test_export_writes_one_line_for_each_event(
    capsys: pytest.CaptureFixture[str], out: Path, tmp_path: Path
) -> None:
    target = tmp_path / "journal.jsonl"
    ran = Ran(capsys, "journal", "export", out / "journal.db", "--output", target, "--json")
    lines = target.read_text().splitlines()
    assert ran.json["events"] == len(lines) - 2  # A line about the journal, and its end.
    assert json.loads(lines[1])["event"]["event"] == "started"


def test_explain_says_why_an_account_was_called(
    capsys: pytest.CaptureFixture[str], out: Path
) -> None:
    import polars as pl

    events = pl.read_parquet(out / "events.parquet")
    moves = events.filter(pl.col("after") == "liquidating")
    assert moves.height, "nobody was liquidated in the cut scenario"
    row = moves.row(0, named=True)
    given = ("--at", row["sequence"], "--journal", out / "journal.db", "--history")
    told = Ran(capsys, "explain", row["account_name"], *given, "--json").json
    assert told["account"] == row["account"]
    assert Decimal(told["maintenance"]) > 0
    summed = sum(Decimal(term["equity"]) for term in told["terms"])
    assert summed == Decimal(told["equity"])
    assert any("called: margin equity" in step["text"] for step in told["steps"])
    assert Ran(capsys, "explain", row["account"], *given).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "ACCOUNT: no account nobody after event"),
        (("0",), "ACCOUNT: outside is a system account"),
        (("6", "--at", "999999999"), "--at: there is no event 999999999"),
    ],
)
def test_explain_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], out: Path, arguments: tuple[str, ...], said: str
) -> None:
    journal = out / "journal.db"
    ran = Ran(capsys, "explain", *arguments, "--journal", journal)
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.startswith(f"{journal}: {said}")


def test_resume_of_a_finished_run_comes_to_the_same_hash(
    capsys: pytest.CaptureFixture[str], out: Path, crash: Path
) -> None:
    before = json.loads((out / "summary.json").read_text())
    given = ("replay", crash, "--accounts", 120, "--out", out, "--resume", "--json")
    told = Ran(capsys, *given).json
    assert told["state_hash"] == before["state_hash"]
    assert told["effects"] == before["effects"]


def test_resume_refuses_another_run(
    capsys: pytest.CaptureFixture[str], out: Path, crash: Path
) -> None:
    ran = Ran(capsys, "replay", crash, "--accounts", 121, "--out", out, "--resume")
    assert ran.code == 2
    assert "accounts: it was begun with 120, not 121" in ran.error


def test_a_wrong_scenario_leaves_nothing(
    capsys: pytest.CaptureFixture[str], crash: Path, tmp_path: Path
) -> None:
    file = crash.with_name("wrong.toml")
    file.write_text(re.sub(r"(?m)^seed = \d+", 'seed = "x"', crash.read_text()))
    ran = Ran(capsys, "replay", file, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error == f"{file.name}: $.seed: Expected `int`, got `str`\n"
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], crash: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    ran = Ran(capsys, "replay", crash, "--out", tmp_path / "taken")
    assert (ran.code, ran.out) == (3, "")
    assert str(tmp_path / "taken") in ran.error


def test_wrong_arguments_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("replay",), ("nonsense",), ("margin", "x", "--seed", "1")):
        ran = Ran(capsys, *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.error.count("\n") == 1


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    for command in (("replay",), ("margin",), ("rules", "check"), ("journal", "verify")):
        ran = Ran(capsys, *command, missing)
        assert (ran.code, ran.out) == (2, ""), command
        assert ran.error.startswith(f"{missing}: "), command
        assert ran.error.count(os.linesep) == 1


def test_an_interrupted_command_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seawall.cli import run_rules

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_rules, "check", interrupted)
    ran = Ran(capsys, "rules", "check", RULES)
    assert (ran.code, ran.out, ran.error) == (130, "", "seawall: interrupted\n")
