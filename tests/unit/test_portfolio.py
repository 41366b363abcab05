"""Portfolios as a library: reports, changes and tables, with arithmetic that is shown."""

from pathlib import Path

import polars as pl
import pytest

from seawall.cli import main
from seawall.portfolio import (
    Account,
    PortfolioError,
    compare,
    largest_trade,
    load,
    margin,
    margin_frame,
    read_change,
    what_if,
)
from seawall.pricing import black_greeks

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
DOLLAR = 10**10


@pytest.fixture(scope="module")
def desk() -> Account:
    return load(EXAMPLE / "portfolio.toml")


@pytest.fixture(scope="module")
def options() -> Account:
    return load(EXAMPLE / "options.toml")


def test_the_worst_cells_are_what_the_method_asks(desk):
    report = margin(desk.under("portfolio"))
    # Coins are netting sets of their own: the requirement is the sum of each column's worst cell.
    worst = [report.worst(coin) for coin in range(len(report.coins))]
    lost = [report.cells[cell].profit[coin] for coin, cell in enumerate(worst)]
    assert -sum(lost) == report.requirement.maintenance
    # 3.5 BTC lose 16 % of 52,480 each; 20 ETH gain it of 2,308.5.
    assert report.cells[0].profit == (-293_888 * DOLLAR // 10, 73_872 * DOLLAR // 10)
    assert margin(desk).cells == ()


def test_several_methods_see_the_same_account(desk):
    reports = compare(desk, desk.venue.rulebook.method_names)
    assert {r.requirement.equity for r in reports} == {381_475 * DOLLAR // 10}
    assert {r.method: r.refused for r in reports}["isolated"] == ("ETH/USDC:USDC",)


def test_greeks_are_those_of_black_76(options):
    by_expiry = {e.expires_ms: e for e in margin(options).exposures}
    assert by_expiry[0].delta == pytest.approx(0.5 + 0.75)
    catalogue, quotes = options.venue.catalogue, options.table.risk.quotes
    number = catalogue.instrument("BTC/USDC:USDC-240830-70000-C")
    terms, asset = catalogue.instruments[number], catalogue.lot_asset[number]
    years = (terms.expires_ms - options.venue.snapshot.time_ms) / (365 * 86_400_000)
    greeks = black_greeks(52_500, 70_000, float(quotes.volatility[asset]), years)
    told = by_expiry[terms.expires_ms]
    assert told.delta == pytest.approx(4 * greeks.delta)
    assert told.gamma == pytest.approx(4 * greeks.gamma * 525)
    assert told.vega == pytest.approx(4 * greeks.vega / 100)
    assert told.theta == pytest.approx(4 * greeks.theta / 365)


def test_a_trade_a_deposit_and_a_move(desk):
    change = read_change(
        desk, trades=["BTC/USDC:USDC=+1@52000"], deposits=["USDC=1000"], moves=["BTC=-10%"]
    )
    told = what_if(desk, change)
    # 4.5 BTC lose 5,248 each, 23,616; the one bought gains 480; a fee of 0.0005 · 52,000 is paid.
    gained = told.after.requirement.equity - told.before.requirement.equity
    assert gained == (1_000 + 480 - 23_616 - 26) * DOLLAR
    # 1 % of 4.5 · 47,232 and of 20 · 2,308.5.
    assert told.after.requirement.maintenance == pytest.approx(2_587.14 * DOLLAR, rel=1e-12)


def test_the_largest_trade_is_the_last_that_fits(desk):
    told = largest_trade(desk, "BTC/USDC:USDC")
    for sign, lots in ((1, told.buy), (-1, told.sell)):
        for more, fits in ((0, True), (1, False)):
            size = f"{sign * (lots + more) / 1000:.3f}"
            after = what_if(desk, read_change(desk, trades=[f"BTC/USDC:USDC={size}"])).after
            need = after.requirement
            assert (need.margin_equity >= need.initial) is fits


def test_an_account_below_initial_can_trade_nothing(desk):
    told = largest_trade(desk.under("portfolio"), "BTC/USDC:USDC")
    assert (told.buy, told.sell) == (0, 0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"trades": ["BTC/USDC:USDC=0.0005"]}, "is not a whole number of lots"),
        ({"trades": ["BTC/USDC:USDC"]}, "is not written NAME=VALUE"),
        ({"deposits": ["DOGE=1"]}, "coin DOGE is not listed"),
        ({"moves": ["BTC=-100%"]}, "nothing can fall by all that it is worth"),
        ({"volatility": "much%"}, "is not a number"),
    ],
)
def test_a_wrong_change_is_named(desk, asked, said):
    with pytest.raises(PortfolioError, match=said):
        read_change(desk, **asked)


def book() -> pl.DataFrame:
    rows = [
        ("hedged-desk", "USDC", "40000", None),
        ("other", "BTC", "0.25", None),
        ("hedged-desk", "ETH", "5.25", None),
        ("hedged-desk", "BTC/USDC:USDC", "3.5", "58200"),
        ("hedged-desk", "ETH/USDC:USDC", "-20", "2610.5"),
    ]
    return pl.DataFrame(rows, schema=["account", "asset", "quantity", "price"], orient="row")


def test_a_table_of_accounts_is_judged_as_each_alone(desk, tmp_path):
    for method in desk.venue.rulebook.method_names:
        told = margin_frame(book(), desk.venue, method)
        need = margin(desk.under(method)).requirement
        first = told.row(0, named=True)
        assert first["account"] == "hedged-desk"
        for key in ("equity", "margin_equity", "initial", "maintenance"):
            assert first[key] == pytest.approx(getattr(need, key) / DOLLAR, rel=1e-12)
        assert first["state"] == margin(desk.under(method)).state
        for name, write in (("book.csv", "write_csv"), ("book.parquet", "write_parquet")):
            getattr(book(), write)(tmp_path / name)
            assert margin_frame(tmp_path / name, desk.venue, method).equals(told)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b.drop("asset"), "column asset is missing"),
        (lambda b: b.rename({"price": "prize"}), "column prize is not one of"),
        (lambda b: b.with_columns(quantity=pl.lit("many")), "column quantity, row 0: many is not"),
        (lambda b: b.with_columns(asset=pl.lit("DOGE")), "column asset, row 0: instrument DOGE"),
        (lambda b: b.with_columns(price=pl.lit("0")), "column price, row 0: USDC is a coin"),
        (
            lambda b: b.with_columns(quantity=pl.lit("1.00000000005")),
            "column quantity, row 0: 1.00000000005 has more than 6",
        ),
    ],
)
def test_a_wrong_column_is_named(desk, change, said):
    with pytest.raises(PortfolioError, match=said):
        margin_frame(change(book()), desk.venue, "cross")


def said(capsys, *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return int(stopped.value.code or 0), shown.out + shown.err


def test_the_commands_answer(capsys):
    portfolio = EXAMPLE / "portfolio.toml"
    code, text = said(capsys, "margin", portfolio, "--method", "all")
    assert code == 0
    assert "not marginable under isolated: ETH/USDC:USDC" in text
    code, text = said(capsys, "liquidation-price", portfolio, "--volatility", "BTC=0.6")
    assert code == 0
    assert "42,500.158790632" in text  # −34,636.25 ÷ (3.5 · 0.99 · 52,480 ÷ 52,500) from 52,500.
    assert "no joint distance: the volatility of ETH is not known" in text
    code, text = said(
        capsys, "what-if", portfolio, "--trade", "BTC/USDC:USDC=-1", "--move", "BTC=-10%",
        "--largest", "BTC/USDC:USDC", "--json",
    )  # fmt: skip
    assert code == 0
    assert '"largest"' in text
    code, text = said(capsys, "what-if", portfolio, "--move", "DOGE=-10%")
    assert (code, text) == (2, "what-if: coin DOGE is not listed\n")
    code, text = said(capsys, "liquidation-price", EXAMPLE / "options.toml", "--json")
    assert code == 0
    assert '"measure": "volatility"' in text
