"""Liquidation prices against arithmetic that is shown."""

from pathlib import Path

import pytest

from seawall.engine.rules.rulebook import load as load_rulebook
from seawall.portfolio import Market, Portfolio, liquidation_price, load, read, rows_of, venue_at
from seawall.portfolio.account import Account

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "margin"
DOLLAR = 10**10


def desk(tmp_path: Path, holdings: str, method: str = "cross", market: str = "") -> Account:
    file = tmp_path / "portfolio.toml"
    file.write_text(f'name = "desk"\nmethod = "{method}"\n{holdings}')
    place = tmp_path / "market.toml"
    base = (EXAMPLE / "market.toml").read_text()
    place.write_text(base.replace("mark = 52_480", "").replace("mark = 2_308.5", "") + market)
    return load(file, rules=ROOT / "rules" / "example.toml", market=place)


def holding(id: str, quantity: str, price: str | None = None) -> str:
    said = "" if price is None else f"price = {price}\n"
    return f'[[holdings]]\nid = "{id}"\nquantity = {quantity}\n{said}'


def test_a_long_perpetual_is_called_where_one_per_cent_of_its_notional_is_left(tmp_path):
    # 10 BTC from 50,000 on 30,000 USDC: 30,000 + 10·(p − 50,000) < 1 % · 10·p
    # at 9.9·p < 470,000, p < 47,474.7474…; the initial 2 %: 9.8·p < 470,000, p < 47,959.18….
    account = desk(tmp_path, holding("USDC", "30_000") + holding("BTC/USDC:USDC", "10", "50_000"))
    told = liquidation_price(account)
    called = told.find("price", "called", "down", "BTC").at
    assert called / DOLLAR == pytest.approx(470_000 / 9.9, abs=2e-6)
    initial = told.find("price", "initial", "down", "BTC").at
    assert initial / DOLLAR == pytest.approx(470_000 / 9.8, abs=2e-6)
    # cross has no grace time, so who is called is liquidated.
    assert told.find("price", "liquidated", "down", "BTC").at == called
    assert told.find("price", "called", "up", "BTC").at is None


def test_the_bracket_is_that_of_the_solved_price(tmp_path):
    # Short 300 BTC from 30,000 on 900,000: at 30,000 the notional is 9 million, in the bracket of
    # 1 %; above 33,333.33 the part over 10 million pays 2.5 %:
    # 900,000 + 300·(30,000 − p) < 100,000 + 2.5 % · (300·p − 10,000,000)
    # 9,900,000 − 300·p < 7.5·p − 150,000, p > 10,050,000 ÷ 307.5 = 32,682.9: still below 33,333,
    # so there 1 %: 9,900,000 − 300·p < 3·p, p > 9,900,000 ÷ 303 = 32,673.27. With 2,900,000:
    # 11,900,000 − 300·p < 7.5·p − 150,000, p > 12,050,000 ÷ 307.5 = 39,186.99, in the second one.
    market = "\n"
    for cash, price in (("900_000", 9_900_000 / 303), ("2_900_000", 12_050_000 / 307.5)):
        account = desk(
            tmp_path, holding("USDC", cash) + holding("BTC/USDC:USDC", "-300", "30_000"),
            market=market,
        )  # fmt: skip
        low = moved_to(account, 30_000)
        called = liquidation_price(low).find("price", "called", "up", "BTC").at
        assert called / DOLLAR == pytest.approx(price, abs=2e-6)


def moved_to(account: Account, price: int) -> Account:
    from seawall.portfolio import with_prices
    from seawall.portfolio.account import moved

    venue = account.venue
    shown = with_prices(venue.catalogue, venue.snapshot, {1: price * DOLLAR})
    return moved(account, shown)


def test_collateral_and_position_fall_together(tmp_path):
    # 2 ETH at 90 % beside a long of 10 ETH from 2,310:
    # 1.8·p + 10·(p − 2,310) < 1 % · 10·p at 11.7·p < 23,100, p < 1,974.3589….
    account = desk(tmp_path, holding("ETH", "2") + holding("ETH/USDC:USDC", "10", "2_310"))
    told = liquidation_price(account).find("price", "called", "down", "ETH")
    # The value of an atom of ETH is published to the hundredth of a dollar of a whole coin.
    assert told.at / DOLLAR == pytest.approx(23_100 / 11.7, abs=0.01)


def test_no_position_is_never_called(tmp_path):
    told = liquidation_price(desk(tmp_path, holding("USDC", "5") + holding("BTC", "1")))
    assert {crossing.at for crossing in told.crossings} == {None}


def test_one_underlying_at_n_sigmas_is_its_own_price(tmp_path):
    account = desk(tmp_path, holding("USDC", "30_000") + holding("BTC/USDC:USDC", "10", "50_000"))
    told = liquidation_price(account, {"BTC": 365**0.5 / 50})  # 2 % a day.
    price = told.find("price", "called", "down", "BTC").at
    sigmas = told.find("sigma", "called", "down").at / 1e6
    # ln(p ÷ 52,500) ÷ 2 %
    import math

    assert sigmas == pytest.approx(math.log(price / (52_500 * DOLLAR)) / 0.02, abs=2e-6)


def test_time_alone_calls_a_long_option_bought_with_all_there_was():
    # One dollar is owed against calls worth 1,120; whatever the smiles do, in the end they are
    # worth nothing while the dollar is still owed.
    rulebook = load_rulebook(ROOT / "rules" / "example.toml")
    file = EXAMPLE / "options-market.toml"
    venue = venue_at(rulebook, read(file, Market), file)
    rows = rows_of(
        venue,
        Portfolio(
            name="buyer",
            holdings=(
                _holding("USDC", "-1"),
                _holding("BTC/USDC:USDC-240830-70000-C", "4"),
            ),
        ),
    )
    account = Account("buyer", venue, tuple(rows), "portfolio")
    told = liquidation_price(account)
    called = told.find("time", "liquidated", "up")  # At half the maintenance: there is a grace.
    last_ms = venue.catalogue.instruments[-1].expires_ms
    assert venue.snapshot.time_ms < called.at < last_ms
    assert 2 * called.standing.margin_equity < called.standing.maintenance
    # And a volatility that falls far enough does the same at once.
    assert told.find("volatility", "liquidated", "down").at < 10**9


def _holding(id: str, quantity: str):
    from decimal import Decimal

    from seawall.portfolio import Holding

    return Holding(id=id, quantity=Decimal(quantity))
