"""Venue payloads as portfolios: made by hand, and recorded ones if SEAWALL_DATA is set."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.portfolio import Holding, PortfolioError, from_ccxt, from_deribit, load, rows_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin" / "portfolio.toml"
LINEAR = {
    "symbol": "BTC/USDC:USDC",
    "side": "short",
    "contracts": 35.0,
    "contractSize": 0.1,
    "entryPrice": 58_200.3,
    "markPrice": "58000",
}
INVERSE = {**LINEAR, "symbol": "BTC/USD:BTC", "side": "long", "contracts": 7, "contractSize": 100}
OPTION = {**LINEAR, "symbol": "BTC/USDC:USDC-240816-60000-C", "contracts": 2, "contractSize": 1}
FUTURE = {
    "instrument_name": "BTC-PERPETUAL",
    "kind": "future",
    "size": -50,
    "size_currency": -0.0066,
    "direction": "sell",
    "average_price": 7440.18,
    "mark_price": 7476.65,
}
CALL = {
    "instrument_name": "BTC_USDC-9AUG24-60000-C",
    "kind": "option",
    "size": 1.5,
    "direction": "buy",
    "average_price": 900,
    "mark_price": 1000,
}


def test_ccxt_amounts_are_base_coins_or_dollars() -> None:
    portfolio, left_out = from_ccxt(
        [LINEAR, INVERSE, OPTION], {"total": {"USDC": 0.1, "BTC": "0"}, "free": {}}, "desk"
    )
    assert left_out == ()
    assert portfolio.name == "desk"
    assert portfolio.holdings == (
        Holding(id="USDC", quantity=Decimal("0.1")),
        Holding(id="BTC/USDC:USDC", quantity=Decimal("-3.5"), price=Decimal("58200.3")),
        Holding(id="BTC/USD:BTC", quantity=Decimal(700), price=Decimal("58200.3")),
        Holding(id="BTC/USDC:USDC-240816-60000-C", quantity=Decimal(-2)),
    )


def test_profit_in_the_total_is_not_counted_again() -> None:
    read = from_ccxt([LINEAR], {"total": {}}, profit_in_total=True)
    assert read.portfolio.holdings[0].price == 58_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": None}, "symbol is missing"),
        ({"symbol": "what"}, "'what' is not the name"),
        ({"symbol": "BTC/USDC"}, "spot market"),
        ({"symbol": "BTC/USDT:BTC-240816-60000-C"}, "its strike is USDT"),
        ({"symbol": "BTC/USDT:BTC"}, "its face is USDT"),
        ({"side": None}, "None is neither long nor short"),
        ({"side": "long", "contracts": -1}, "contradicts a negative size"),
        ({"contracts": None}, "contracts is missing"),
        ({"contracts": float("nan")}, "nan is not a finite number"),
        ({"contracts": True}, "bool is not a number"),
        ({"contracts": "many"}, "'many' is not a number"),
        ({"contracts": Decimal("1e200") + 1, "contractSize": "1e-9"}, None),
        ({"contracts": "1" * 100, "contractSize": "1" * 100}, "too many digits"),
        ({"contractSize": None}, "contractSize is missing"),
        ({"contractSize": 0}, "0 is not positive"),
        ({"entryPrice": None}, "entryPrice is missing"),
        ({"entryPrice": 0.0}, "0.0 is not positive"),
    ],
)
def test_a_ccxt_position_is_read_or_named(change: dict[str, Any], reason: str | None) -> None:
    portfolio, left_out = from_ccxt([LINEAR, {**LINEAR, **change}], {"total": {}})
    assert len(portfolio.holdings) + len(left_out) == 2
    if reason is None:
        assert left_out == ()
    else:
        assert reason in left_out[0]
        assert "`$.positions[1]" in left_out[0]


def test_closed_positions_are_skipped_quietly() -> None:
    closed = {"symbol": "BTC/USDC:USDC", "contracts": 0.0, "side": None}
    assert from_ccxt([closed], {"total": {}}) == from_ccxt([], {"total": {}})
    flat = {"instrument_name": "BTC-PERPETUAL", "size": 0, "direction": "zero"}
    summary = {"currency": "BTC", "equity": 0}
    assert from_deribit([flat], summary) == from_deribit([], summary)


def test_a_position_that_is_none_is_named() -> None:
    assert from_ccxt([7], {"total": {"X": None}}).left_out == (  # type: ignore[list-item]
        "X: its amount is missing - at `$.balance.total.X`",
        "no position - at `$.positions[0]`",
    )


def test_a_float_is_its_shortest_decimal() -> None:
    portfolio, _ = from_ccxt([{**LINEAR, "contracts": 0.1, "contractSize": 0.7}], {"total": {}})
    assert portfolio.holdings[0].quantity == Decimal("-0.07")  # 0.1 * 0.7 is 0.06999…99 in floats.


def test_what_was_read_can_be_margined() -> None:
    venue = load(EXAMPLE).venue
    portfolio, _ = from_ccxt([LINEAR], {"total": {"USDC": "40000"}})
    quantities = dict(rows_of(venue, portfolio))
    number = venue.catalogue.instrument("BTC/USDC:USDC")
    assert quantities[venue.catalogue.lot_asset[number]] == -3_500  # 3.5 / 0.001
    cash = quantities[venue.catalogue.cash_asset[number]]
    assert cash == 203_701_050_000  # 3.5 * 58 200.3 dollars of six decimals


def test_a_deribit_account_is_worth_its_equity() -> None:
    summary = {"currency": "BTC", "equity": 0.5, "balance": 0.4}
    usdc = {"currency": "USDC", "equity": "2500.5", "options_value": 1_500, "balance": 1_000.5}
    portfolio, left_out = from_deribit([FUTURE, CALL], [summary, usdc])
    assert left_out == ()
    assert portfolio.holdings == (
        Holding(id="BTC", quantity=Decimal("0.5")),
        Holding(id="USDC", quantity=Decimal("1000.5")),  # And 1.5 calls at 1 000.
        Holding(id="BTC-PERPETUAL", quantity=Decimal(-50), price=Decimal("7476.65")),
        Holding(id="BTC_USDC-9AUG24-60000-C", quantity=Decimal("1.5")),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"instrument_name": "BTC-9AUG24-60000-C"}, "'future' is not option"),
        ({"kind": "future_combo"}, "'future_combo' is not future"),
        ({"direction": "buy"}, "contradicts a negative size"),
        ({"direction": "zero"}, "'zero' is neither buy nor sell"),
        ({"mark_price": None}, "mark_price is missing"),
        ({"size": None}, "size is missing"),
    ],
)
def test_a_deribit_position_that_cannot_be_read_is_named(
    change: dict[str, Any], reason: str
) -> None:
    summary = {"currency": "BTC", "equity": 1, "options_value": 0.25}
    portfolio, left_out = from_deribit([{**FUTURE, **change}], summary)
    assert portfolio.holdings == (Holding(id="BTC", quantity=Decimal("0.75")),)
    assert len(left_out) == 1
    assert reason in left_out[0]


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("BTC", r"no list of account summaries - at `\$.account`"),
        ({"summaries": 1}, r"no list of account summaries - at `\$.account.summaries`"),
        ({}, r"no currency - at `\$.account.currency`"),
        ([{"currency": "BTC"}], r"equity is missing - at `\$.account\[0\].equity`"),
        ([{"currency": "BTC", "equity": 1}] * 2, r"BTC is there twice - at `\$.account\[1\]"),
        ({"currency": "USDC", "equity": 1}, r"options_value is missing - at `\$.account.options"),
    ],
)
def test_a_summary_that_cannot_be_read_is_refused(account: Any, reason: str) -> None:
    with pytest.raises(PortfolioError, match=reason):
        from_deribit([CALL], account)


def test_payloads_of_another_shape_are_refused() -> None:
    with pytest.raises(PortfolioError, match=r"\$.balance.total"):
        from_ccxt([], {"USDC": 1})
    with pytest.raises(PortfolioError, match=r"\$.balance.total.USDC"):
        from_ccxt([], {"total": {"USDC": "a"}})
    with pytest.raises(PortfolioError, match=r"\$.positions"):
        from_ccxt({"result": []}, {"total": {}})  # type: ignore[arg-type]


def recorded(name: str) -> Any:
    folder = os.environ.get("SEAWALL_DATA")
    if not folder:
        pytest.skip("NOT CHECKED: set SEAWALL_DATA to read recorded payloads of venues")
    found = [path for path in Path(folder).glob(f"**/api_fixtures/{name}") if path.is_file()]
    if not found:
        pytest.skip(f"NOT CHECKED: SEAWALL_DATA has no api_fixtures/{name}")
    return json.loads(found[0].read_text(), parse_float=Decimal)


def test_recorded_deribit_summaries() -> None:
    account = recorded("deribit_http_mit/account_summary.json")
    portfolio, left_out = from_deribit([], account)
    # 302.61869214 + 0.0086, which the venue publishes as margin_balance.
    assert [(row.id, row.quantity) for row in portfolio.holdings] == [
        ("BTC", Decimal("302.62729214")),
        ("ETH", Decimal(100)),
    ]
    assert left_out == ()
    btc = account["summaries"][0]
    parts = ("balance", "futures_session_upl", "futures_session_rpl", "options_value")
    assert abs(sum(btc[part] for part in parts) - btc["equity"]) <= Decimal("1e-8")


def test_recorded_deribit_positions() -> None:
    samples = recorded("ccxt_inline_mit/deribit.json")
    answers = {row["method"]: row.get("payload") for row in samples}
    summary = answers["fetchBalance"]["result"]
    positions = answers["fetchPositions"]["result"]
    portfolio, left_out = from_deribit([*positions, answers["fetchPosition"]["result"]], summary)
    assert left_out == ()
    cash, future = portfolio.holdings
    assert cash == Holding(id="BTC", quantity=Decimal("0.00062359"))
    assert future.quantity == 50
    assert future.price is not None  # The size is dollars: dollars / mark are the venue's coins.
    assert round(future.quantity / future.price, 9) == positions[0]["size_currency"]


def test_recorded_binance_position_in_the_unified_shape() -> None:
    samples = recorded("ccxt_inline_mit/binance.json")
    sent = next(
        row["payload"][0]
        for row in samples
        if row["method"] == "fetchPositionsRisk" and "linear portfolio" in row["label"]
    )
    unified = {
        **sent,
        "symbol": "BTC/USDT:USDT",
        "side": sent["positionSide"].lower(),
        "contracts": sent["positionAmt"],
        "contractSize": 1,
    }
    portfolio, left_out = from_ccxt([unified], {"total": {}})
    assert left_out == ()
    (held,) = portfolio.holdings
    assert held.price is not None
    profit = held.quantity * (Decimal(sent["markPrice"]) - held.price)
    assert abs(profit - Decimal(sent["unRealizedProfit"])) < Decimal("1e-8")
    # As the venue sends it, it is no position of ccxt, and is named.
    assert len(from_ccxt([sent], {"total": {}}).left_out) == 1
