"""Names of contracts against the spellings that ccxt and Deribit publish."""

from __future__ import annotations

import datetime

import pytest

from seawall.market import SymbolError, Terms, read_symbol
from seawall.market.symbol import DAY_MS, civil_date, civil_days

DECIMALS = 10
ONE = 10**DECIMALS


def eight_o_clock(year: int, month: int, day: int) -> int:
    moment = datetime.datetime(year, month, day, 8, tzinfo=datetime.UTC)
    return int(moment.timestamp()) * 1000


AUGUST = eight_o_clock(2024, 8, 9)
JUNE = eight_o_clock(2023, 6, 30)

SENTENCES = [
    # unified symbol, Deribit's name, terms
    ("BTC/USDC", "BTC_USDC", Terms("spot", "BTC", "USDC", "USDC")),
    ("BTC/USDC:USDC", "BTC_USDC-PERPETUAL", Terms("perpetual", "BTC", "USDC", "USDC")),
    ("BTC/USD:BTC", "BTC-PERPETUAL", Terms("perpetual", "BTC", "USD", "BTC", True)),
    (
        "BTC/USDC:USDC-240809",
        "BTC_USDC-9AUG24",
        Terms("future", "BTC", "USDC", "USDC", False, AUGUST),
    ),
    ("BTC/USD:BTC-240809", "BTC-9AUG24", Terms("future", "BTC", "USD", "BTC", True, AUGUST)),
    (
        "BTC/USDC:USDC-240809-60000-C",
        "BTC_USDC-9AUG24-60000-C",
        Terms("option", "BTC", "USDC", "USDC", False, AUGUST, 60_000 * ONE, "call"),
    ),
    (
        "BTC/USD:BTC-240809-60000-P",
        "BTC-9AUG24-60000-P",
        Terms("option", "BTC", "USD", "BTC", True, AUGUST, 60_000 * ONE, "put"),
    ),
    (
        "XRP/USDC:USDC-230630-0.625-C",
        "XRP_USDC-30JUN23-0d625-C",
        Terms("option", "XRP", "USDC", "USDC", False, JUNE, 6_250_000_000, "call"),
    ),
]


@pytest.mark.parametrize(("unified", "deribit", "terms"), SENTENCES)
def test_both_names_say_the_same_contract(unified: str, deribit: str, terms: Terms) -> None:
    assert read_symbol(unified, DECIMALS) == terms
    assert read_symbol(deribit, DECIMALS) == terms
    assert terms.symbol(DECIMALS) == unified
    assert terms.deribit_name(DECIMALS) == deribit


@pytest.mark.parametrize(
    "name",
    [
        "BTC-10MAR20-7750-C",
        "BTC-24JUN22-52000-P",
        "BTC-27DEC24-240000-C",
        "BTC-27MAY22",
        "ETH-22FEB19-120-C",
        "ETH-PERPETUAL",
    ],
)
def test_names_seen_in_published_replies_are_read_and_written_back(name: str) -> None:
    assert read_symbol(name, DECIMALS).deribit_name(DECIMALS) == name


REFUSED = [
    ("", "'' is not the name of a contract"),
    ("BTC", "'BTC' is not the name of a contract"),
    ("BTC/USDC:USDC ", "'BTC/USDC:USDC ' is not the name of a contract"),
    ("BTC/USDC:USDC-240809-60000", "is not the name of a contract"),
    ("BTC/USDC:USDC-240809-60000-X", "is not the name of a contract"),
    ("BTC/USDC:USDC-240809--60000-C", "is not the name of a contract"),
    ("BTC/BTC", "BTC/BTC: BTC cannot be quoted in itself"),
    ("BTC/USD:ETH", "BTC/USD:ETH: a contract on BTC/USD cannot settle in ETH"),
    ("BTC/USDC:USDC-240230", "BTC/USDC:USDC-240230: 2024-02-30 is not a date"),
    ("BTC/USDC:USDC-230229", "BTC/USDC:USDC-230229: 2023-02-29 is not a date"),
    ("BTC/USDC:USDC-240009", "BTC/USDC:USDC-240009: 2024-00-09 is not a date"),
    ("BTC-9AUX24", "BTC-9AUX24: AUX is not a month"),
    ("BTC-09AUG24", "BTC-09AUG24 is written BTC-9AUG24"),
    ("BTC-PERPETUAL-9AUG24", "'BTC-PERPETUAL-9AUG24' is not the name of a contract"),
    ("BTC_USDC-9AUG24-0-C", "BTC_USDC-9AUG24-0-C: the strike is zero"),
    ("BTC_USDC-9AUG24-060000-C", "is written BTC_USDC-9AUG24-60000-C"),
    ("BTC/USDC:USDC-240809-0.50-C", "is written BTC/USDC:USDC-240809-0.5-C"),
    ("BTC/USDC:USDC-240809-0.00000000001-C", "0.00000000001 has more than 10 decimals"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_name_that_is_none_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(SymbolError) as refused:
        read_symbol(text, DECIMALS)
    assert message in str(refused.value)


def test_a_coin_settled_contract_in_euro_has_no_name_at_deribit() -> None:
    assert read_symbol("BTC/EUR:BTC", DECIMALS).deribit_name(DECIMALS) is None


def test_every_day_of_three_centuries_agrees_with_the_calendar() -> None:
    epoch = datetime.date(1970, 1, 1).toordinal()
    first, last = datetime.date(1899, 12, 31).toordinal(), datetime.date(2201, 1, 1).toordinal()
    for ordinal in range(first, last):
        date = datetime.date.fromordinal(ordinal)
        said = (date.year, date.month, date.day)
        assert civil_days(*said) == ordinal - epoch
        assert civil_date(ordinal - epoch) == said
    assert civil_days(2024, 8, 9) == AUGUST // DAY_MS
