"""Asset numbers, lookups and what a catalogue refuses to list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from seawall.market import Catalogue, CatalogueError, Instrument, Kind, LedgerAsset, read_instrument
from seawall.money import Asset

USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))


def contract(name: str, **more: Any) -> Instrument:
    size = {"face": "100"} if name.endswith(":BTC") else {"lot": "0.01"}
    return read_instrument({"id": name, "tick": "0.1", **size, **more}, USD, COINS)


EMPTY = Catalogue.empty(USD, COINS)


def test_coins_come_first_and_are_their_own_assets() -> None:
    assert EMPTY.names == ("USDC", "BTC", "ETH")
    assert EMPTY.assets[1] == LedgerAsset("BTC", Kind.CURRENCY, 8, 1, 1, -1)
    assert EMPTY.coin("ETH") == 2


def test_a_margined_contract_has_lots_and_a_quote() -> None:
    catalogue = EMPTY.listed([contract("ETH/USDC:USDC")])
    assert catalogue.lot_asset == (3,)
    assert catalogue.cash_asset == (4,)
    assert catalogue.assets[3] == LedgerAsset("ETH/USDC:USDC", Kind.LINEAR, 0, 2, 0, 0)
    assert catalogue.assets[4] == LedgerAsset("ETH/USDC:USDC quote", Kind.QUOTE, 6, 0, 0, 0)


def test_an_inverse_quote_is_in_coins() -> None:
    catalogue = EMPTY.listed([contract("BTC/USD:BTC")])
    assert catalogue.assets[3] == LedgerAsset("BTC/USD:BTC", Kind.INVERSE, 0, 1, 1, 0)
    assert catalogue.assets[4] == LedgerAsset("BTC/USD:BTC quote", Kind.QUOTE, 8, 1, 1, 0)


def test_a_paid_premium_is_paid_in_the_currency_itself() -> None:
    catalogue = EMPTY.listed([contract("BTC/USDC:USDC-240809-60000-C", premium="paid")])
    assert catalogue.names[3:] == ("BTC/USDC:USDC-240809-60000-C",)
    assert (catalogue.lot_asset, catalogue.cash_asset) == ((3,), (0,))


def test_spot_exchanges_two_coins_and_adds_no_asset() -> None:
    catalogue = EMPTY.listed([contract("BTC/USDC"), contract("ETH/BTC")])
    assert catalogue.assets == EMPTY.assets
    assert (catalogue.lot_asset, catalogue.cash_asset) == ((1, 2), (0, 1))


ORDERED = (
    "BTC/USDC:USDC",
    "BTC/USDC:USDC-240809",
    "BTC/USDC:USDC-240809-9000-C",
    "BTC/USDC:USDC-240809-9000-P",
    "BTC/USDC:USDC-240809-60000-C",
    "BTC/USDC:USDC-240830-9000-P",
    "ETH/USDC:USDC",
)


def test_numbers_follow_coin_expiry_strike_and_right() -> None:
    catalogue = EMPTY.listed([contract(name) for name in reversed(ORDERED)])
    assert tuple(i.id for i in catalogue.instruments) == ORDERED
    assert list(catalogue.lot_asset) == sorted(catalogue.lot_asset)


def test_a_call_comes_before_a_put_whatever_they_are_called() -> None:
    call, put = (contract(f"BTC/USDC:USDC-240809-9000-{right}") for right in "CP")
    named = [msgspec.structs.replace(put, id="a"), msgspec.structs.replace(call, id="b")]
    assert [i.right for i in EMPTY.listed(named).instruments] == ["call", "put"]


def test_a_later_listing_moves_no_number() -> None:
    first = EMPTY.listed([contract("ETH/USDC:USDC")])
    second = first.listed([contract("BTC/USDC:USDC")])
    assert second.assets[: len(first.assets)] == first.assets
    assert second.instrument("ETH/USDC:USDC") == 0
    assert second.instrument("BTC/USDC:USDC") == 1
    assert len(first.instruments) == 1


def test_an_instrument_is_found_by_each_of_its_names() -> None:
    own = msgspec.structs.replace(contract("BTC/USDC:USDC-240809-60000-C"), id="call 7")
    catalogue = EMPTY.listed([contract("BTC/USDC:USDC"), own])
    for name in ("call 7", "BTC/USDC:USDC-240809-60000-C", "BTC_USDC-9AUG24-60000-C"):
        assert catalogue.instrument(name) == 1
    with pytest.raises(CatalogueError, match="instrument BTC-PERPETUAL is not listed"):
        catalogue.instrument("BTC-PERPETUAL")
    with pytest.raises(CatalogueError, match="coin SOL is not listed"):
        catalogue.coin("SOL")


def test_catalogues_with_the_same_listing_are_equal() -> None:
    first, second = (EMPTY.listed([contract("BTC/USDC:USDC")]) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)


def changed(name: str, **change: Any) -> Instrument:
    return msgspec.structs.replace(contract(name), **change)


REFUSED = [
    ([contract("BTC/USDC:USDC")] * 2, "BTC/USDC:USDC: it is listed already"),
    ([changed("BTC/USDC:USDC", id="BTC")], "BTC: it is listed already"),
    ([changed("BTC/USDC:USDC", id="X", base="SOL")], "X: base coin SOL is not listed"),
    (
        [changed("BTC/USDC:USDC", id="X", quote="EUR", settle="EUR")],
        "X: settle coin EUR is not listed",
    ),
    ([changed("BTC/USD:BTC", id="X", quote="EUR")], "X: quote must be the numeraire USD"),
    (
        [changed("BTC/USDC:USDC-240809-60000-C", strike=61_000 * 10**10)],
        f"BTC/USDC:USDC-240809-60000-C: strike is {61_000 * 10**10}, but the name says",
    ),
    (
        [changed("BTC/USDC:USDC-240809", expires_ms=1_723_276_800_000)],
        "BTC/USDC:USDC-240809: expires_ms is 1723276800000, but the name says 1723190400000",
    ),
    ([changed("BTC/USDC:USDC", base="ETH")], "BTC/USDC:USDC: base is ETH, but the name says BTC"),
]


@pytest.mark.parametrize(("instruments", "message"), REFUSED)
def test_what_cannot_be_listed_is_refused(instruments: list[Instrument], message: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        EMPTY.listed(instruments)
    assert str(refused.value).startswith(message)


def test_an_expiry_at_another_hour_of_the_day_agrees_with_its_name() -> None:
    catalogue = EMPTY.listed([changed("BTC/USDC:USDC-240809", expires_ms=1_723_219_200_000)])
    assert catalogue.instruments[0].expires_ms == 1_723_219_200_000


@pytest.mark.parametrize(
    ("numeraire", "coins", "message"),
    [
        (USD, (Asset("BTC", 8), Asset("BTC", 8)), "coin BTC is listed twice"),
        (USD, (Asset("ETH", 18),), "coin ETH cannot have 18 decimals"),
        (Asset("USD", 11), COINS, "numeraire USD cannot have 11 decimals"),
        (USD, (Asset("USD", 2),), "numeraire USD is also a coin"),
    ],
)
def test_coins_that_no_ledger_can_hold_are_refused(
    numeraire: Asset, coins: tuple[Asset, ...], message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        Catalogue.empty(numeraire, coins)
