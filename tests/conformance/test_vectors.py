"""`make conformance` finds no failure in the vectors that are here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conformance.case import exactly, nearly, together
from conformance.run import checkers, run

FOLDER = Path(os.environ.get("SEAWALL_DATA", "")) / "vectors"


@pytest.mark.skipif(
    "SEAWALL_DATA" not in os.environ or not FOLDER.exists(),
    reason="SEAWALL_DATA is not set: published vectors are not checked",
)
def test_no_case_of_a_vector_file_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(FOLDER)
    said = capsys.readouterr().out
    assert code == 0, "\n".join(line for line in said.splitlines() if "FAILED" in line)
    assert int(said.splitlines()[-1].split()[0]) > 700


@pytest.mark.parametrize(("printed", "code"), [("90.9090909090909", 0), ("90.92", 1)])
def test_a_wrong_number_fails_and_is_named(
    printed: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Long one at 100 with a margin of 10 and a rate of 1 %: (100 − 10) ÷ (1 − 0.01) = 90.909…"""
    inputs = {"exchange": "okx", "side": "long", "size": "1", "entry_price": "100"}
    inputs |= {"leverage": "10", "margin": "10"}
    inputs |= {"maintenance_margin_rate": "0.01", "taker_fee_rate": "0"}
    case = {"id": "by-hand", "kind": "isolated_liquidation_price", "inputs": inputs}
    case["expected"] = {"liquidation_price": printed}
    (tmp_path / "perps").mkdir()
    (tmp_path / "perps/okx_gate.json").write_text(json.dumps({"cases": [case]}))
    assert run(tmp_path) == code
    assert ("FAILED by-hand" in capsys.readouterr().out) == bool(code)


def test_an_empty_folder_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 2
    assert "no vector file" in capsys.readouterr().out


def test_a_stumbling_checker_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "perps").mkdir()
    (tmp_path / "perps/dydx_v4.json").write_text('{"cases": [{"kind": "position_margin"}]}')
    assert run(tmp_path) == 1


def test_numbers_are_held_to_their_tolerance() -> None:
    assert exactly("one", 5, 5).status == "reproduced"
    assert exactly("one", 5, 6).status == "failed"
    assert nearly("one", "100", "100.00000009").status == "reproduced"
    assert nearly("one", "100", "100.0000002").status == "failed"
    assert together("all", [exactly("a", 1, 1), exactly("b", 1, 2)]).detail == (
        "b: expected 1, found 2"
    )


def test_each_file_has_one_checker() -> None:
    assert len(checkers()) > 30
