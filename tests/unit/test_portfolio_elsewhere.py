"""The same book under methods of its rulebook and presets of venues, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.engine.rules import presets
from seawall.portfolio import PortfolioError, compare, elsewhere, load, margin, method_names

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
DOLLAR = 10**10


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return int(stopped.value.code or 0), shown.out + shown.err


def test_every_method_and_every_preset_judges_the_examples() -> None:
    for file in ("portfolio.toml", "options.toml"):
        account = load(EXAMPLE / file)
        names = method_names(account.venue.rulebook)
        assert {*account.venue.rulebook.method_names, *presets.names()} == set(names)
        reports = compare(account, names)
        assert [report.method for report in reports] == list(names)
        assert len({report.requirement.equity for report in reports}) == 1
        held = {account.venue.catalogue.names[asset] for asset, _ in account.rows}
        for report in reports:
            assert report.requirement.initial >= report.requirement.maintenance > 0
            assert set(report.refused) <= held
            sums = (sum(term.equity for term in report.told.terms),
                    sum(term.maintenance for term in report.told.terms))  # fmt: skip
            assert sums == (report.requirement.equity, report.requirement.maintenance)


def test_a_preset_asks_what_its_brackets_say() -> None:
    # 3.5 · 52,480 of BTC and 20 · 2,308.5 of ETH: the first bracket of each, 0.4 %.
    need = margin(load(EXAMPLE / "portfolio.toml", method="binance_usdm")).requirement
    assert need.maintenance == (183_680 + 46_170) * DOLLAR * 4 // 1_000
    # Bybit's page names BTC alone: ETH is not marginable, and charged in full.
    report = margin(load(EXAMPLE / "portfolio.toml", method="bybit_linear"))
    assert report.refused == ("ETH/USDC:USDC",)
    assert (
        report.requirement.maintenance == (183_680 * 5 // 1_000 + 46_170) * DOLLAR + 4_000_000_000
    )


def test_the_fingerprint_stays_that_of_the_rulebook() -> None:
    account = load(EXAMPLE / "portfolio.toml")
    wider = elsewhere(account, ["paradex", "cross"])
    assert wider.presets == ("paradex",)
    assert wider.fingerprint == account.venue.rulebook.fingerprint == account.fingerprint
    assert elsewhere(wider, ["paradex"]) is wider
    assert wider.under("cross").judge() == account.judge()


def test_a_method_that_is_nowhere_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(PortfolioError, match=r"no preset - at `\$.method`"):
        load(EXAMPLE / "portfolio.toml", method="mtgox")
    code, text = said(capsys, "margin", EXAMPLE / "portfolio.toml", "--method", "mtgox")
    assert code == 2
    assert "mtgox is not in the rulebook and no preset; methods are cross, isolated" in text


def test_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "margin", EXAMPLE / "options.toml", "--method", "all")
    assert code == 0
    for name in presets.names():
        assert name in text
    assert "not marginable under hyperliquid: BTC/USDC:USDC-240816-46000-P" in text
    assert "that venue would not carry it" in text
    code, text = said(
        capsys, "margin", EXAMPLE / "options.toml", "--json",
        "--method", "portfolio", "--method", "derive_pm",
    )  # fmt: skip
    own, other = json.loads(text)["methods"]
    assert own["preset"] is None
    assert other["preset"]["as_of"] == "2026-01-21"
    assert own["equity"] == other["equity"]


def test_a_preset_that_asks_for_another_coin_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = (EXAMPLE.parents[1] / "rules" / "minimal.toml").read_text().replace("USDC", "USDT")
    (tmp_path / "rules.toml").write_text(text)
    (tmp_path / "market.toml").write_text(
        "time = 2024-08-05T06:30:00Z\nprices = { USDT = 1, BTC = 52500 }\n"
        '[[contracts]]\nid = "BTC/USDT:USDT"\nlot = 0.001\ntick = 0.1\n'
    )
    file = tmp_path / "desk.toml"
    file.write_text(
        'name = "desk"\nrules = "rules.toml"\nmarket = "market.toml"\n'
        '[[holdings]]\nid = "USDT"\nquantity = 5000\n'
        '[[holdings]]\nid = "BTC/USDT:USDT"\nquantity = 1\n'
    )
    reason = "preset derive_pm cannot judge here: stable: the table has no coin USDC"
    code, text = said(capsys, "margin", file, "--method", "all")
    assert code == 0
    assert reason in text
    assert "hyperliquid, binding: BTC/USDT:USDT: tier 1" in text
    told = json.loads(said(capsys, "margin", file, "--method", "all", "--json")[1])
    assert told["not_judged"]["derive_pm"] == reason
    assert "derive_pm" not in {one["method"] for one in told["methods"]}
    for methods in (("derive_pm",), ("cross", "derive_pm")):
        given = [part for name in methods for part in ("--method", name)]
        assert said(capsys, "margin", file, *given) == (2, f"{file}: {reason}\n")


def test_cells_name_each_coins_own_move() -> None:
    report = margin(load(EXAMPLE / "portfolio.toml", method="sixteen_example"))
    assert report.coins == ("BTC", "ETH")
    # A third of 12 % and of 15 %, with volatility up by 12 and by 15 points.
    assert report.cells[2].moves == (40_000_000, 50_000_000)
    assert report.cells[2].volatilities == (120_000_000, 150_000_000)
    assert report.cells[2].profit[0] == 183_680 * DOLLAR * 4 // 100
    tilted = margin(load(EXAMPLE / "options.toml", method="derive_pm_two"))
    assert {cell.tilt for cell in tilted.cells} == {0, 1, 2}


@pytest.mark.parametrize("method", ["derive_pm", "hyperliquid"])
def test_the_other_commands_take_presets_too(
    capsys: pytest.CaptureFixture[str], method: str
) -> None:
    file = EXAMPLE / "portfolio.toml"
    code, text = said(capsys, "liquidation-price", file, "--method", method)
    assert code == 0
    assert f"method {method}" in text
    code, text = said(
        capsys, "what-if", file, "--method", method, "--move", "BTC=-1%", "--largest",
        "BTC/USDC:USDC",
    )  # fmt: skip
    assert code == 0
    assert "largest trade of BTC/USDC:USDC" in text
