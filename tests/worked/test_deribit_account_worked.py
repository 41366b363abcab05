"""A Deribit account from its payloads to its margin and its liquidation price, file by file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seawall.cli import main
from seawall.portfolio import Account, liquidation_price, load, margin, what_if
from seawall.portfolio.what_if import read_change

RULES = Path(__file__).parents[2] / "rules" / "example.toml"
DOLLAR = 10**10
CALL = "BTC/USD:BTC-240830-60000-C"
MARKET = """
time = 2024-08-05T06:30:00Z
[prices]
USDC = 1
BTC = {price}
ETH = 2310
[[contracts]]
id = "BTC/USD:BTC"
face = 10
tick = 0.5
[[contracts]]
id = "BTC/USD:BTC-240830-60000-C"
lot = 0.1
tick = 0.0001
premium = "paid"
{mark}
[[smiles]]
coin = "BTC"
expires = 2024-08-30T08:00:00Z
a = 0.022
b = 0.04
rho = -0.1
m = 0
sigma = 0.15
"""
POSITIONS = [
    {
        "instrument_name": "BTC-PERPETUAL", "kind": "future", "direction": "sell", "size": -5000,
        "average_price": 52000.5, "mark_price": 52500,
    },
    {
        "instrument_name": "BTC-30AUG24-60000-C", "kind": "option", "direction": "sell",
        "size": 2.5, "average_price": 0.031, "mark_price": 0.0325,
    },
    {"instrument_name": "SOMETHING", "kind": "future", "direction": "buy", "size": 1},
]  # fmt: skip
SUMMARY = {"currency": "BTC", "equity": 1.25, "options_value": -0.08125}


def imported(folder: Path) -> Path:
    answers = {"positions": POSITIONS, "summary": SUMMARY}
    for name, answer in answers.items():
        (folder / f"{name}.json").write_text(json.dumps({"jsonrpc": "2.0", "result": answer}))
    desk = folder / "desk.toml"
    given = ["--output", desk, "--rules", RULES, "--market", "market.toml"]
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                str(part)
                for part in (
                    *("import", "deribit", folder / "positions.json", folder / "summary.json"),
                    *given,
                )
            ]
        )
    assert not stopped.value.code
    return desk


def account(folder: Path, method: str, price: str = "52_500", mark: str = "") -> Account:
    (folder / "market.toml").write_text(MARKET.format(price=price, mark=mark))
    return load(folder / "desk.toml", method=method)


def test_equity_is_the_venues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path)
    assert "SOMETHING" in capsys.readouterr().err
    report = margin(account(tmp_path, "deribit_pm_btc", mark="mark = 0.0325"))
    # 1.25 BTC at 52,500. The perpetual's coins, 5,000 / 52,500, are rounded to a satoshi, of which
    # half is worth 0.00026250 dollars.
    assert abs(report.requirement.equity - 65_625 * DOLLAR) <= 2_625_000
    assert report.refused == ()
    assert [entry.split(":")[0] for entry in report.left_out] == ["SOMETHING"]
    # Coins are the cash 1.25 + 0.08125 and the perpetual's −5,000 / 52,500.
    coins = next(e for e in report.exposures if e.expires_ms == 0)
    assert coins.delta == pytest.approx(1.33125 - 5000 / 52_500, abs=1e-8)
    option = next(e for e in report.exposures if e.expires_ms)
    assert -2.5 < option.delta < 0 < option.theta


def test_a_trade_of_a_coin_settled_option_is_paid_in_coins(tmp_path: Path) -> None:
    imported(tmp_path)
    desk = account(tmp_path, "deribit_pm_btc", mark="mark = 0.0325")
    told = what_if(desk, read_change(desk, trades=[f"{CALL}=1@0.0330"]))
    before, after = dict(desk.rows), dict(told.rows)
    # One coin of it costs 0.033 BTC, and 5 basis points of that as the example's fee.
    assert after[1] - before[1] == -(3_300_000 + 1_650)
    assert after[desk.venue.catalogue.lot_asset[1]] == -15  # Of 25 lots of 0.1.


@pytest.mark.parametrize("method", ["deribit_pm_btc", "derive_pm", "portfolio", "sixteen_example"])
def test_the_liquidation_price_is_where_a_fresh_reading_is_below(
    tmp_path: Path, method: str
) -> None:
    imported(tmp_path)
    told = liquidation_price(account(tmp_path, method))
    for line in ("initial", "called"):
        assert told.find("price", line, "down", "BTC").at is None  # A short call, coins beside it.
        at = told.find("price", line, "up", "BTC").at
        assert at is not None
        assert at > 52_500 * DOLLAR
        for atoms, is_below in ((at, True), (at - 1, False)):
            text = f"{atoms // DOLLAR}.{atoms % DOLLAR:010d}"
            need = account(tmp_path, method, text).judge()
            # The perpetual is carried from the mark that the payload said, so rows are the same.
            limit = need.initial if line == "initial" else need.maintenance
            assert (need.margin_equity < limit) is is_below
    sigmas = told.find("sigma", "called", "up").at
    assert sigmas is not None
    # One coin: the joint distance is ln(price / 52,500) in daily sigmas.
    at = told.find("price", "called", "up", "BTC").at
    assert at is not None
    moved = 52_500 * DOLLAR * 2.718281828459045 ** (sigmas / 1e6 * told.sigma["BTC"] / 365**0.5)
    assert moved == pytest.approx(at, rel=1e-6)


def test_a_rise_of_volatility_and_the_time_that_passes(tmp_path: Path) -> None:
    imported(tmp_path)
    told = liquidation_price(account(tmp_path, "deribit_pm_btc"))
    up = told.find("volatility", "called", "up")
    assert up.at is not None
    assert up.at > 10**9
    assert up.standing is not None
    assert up.standing.margin_equity < up.standing.maintenance
    assert told.find("volatility", "called", "down").at is None
    assert told.find("time", "called", "up").at is None  # What was sold decays.


def test_an_inverse_long_is_liquidated_below(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(
        f'name = "long"\nrules = "{RULES}"\nmarket = "market.toml"\n'
        '[[holdings]]\nid = "BTC"\nquantity = 0.05\n'
        '[[holdings]]\nid = "BTC/USD:BTC"\nquantity = 8000\n'
    )
    told = liquidation_price(account(tmp_path, "deribit_pm_btc"))
    at = told.find("price", "liquidated", "down", "BTC").at
    assert at is not None
    # Bought at its mark m: 8,000 / m coins. Equity at p: (0.05 + 8,000 / m) p − 8,000.
    equity = (0.05 + 8_000 / 52_500) * at / DOLLAR - 8_000
    standing = told.find("price", "liquidated", "down", "BTC").standing
    assert standing is not None
    # Half a satoshi of the coins bought, and half an atom of the value of each of 20,238,095.
    off = 0.5e-8 * 52_500 + 0.5e-10 * 20_238_095
    assert standing.equity / DOLLAR == pytest.approx(equity, rel=0, abs=off)
    assert 52_500 * 0.8 < at / DOLLAR < 52_500
