"""Terms that no contract can have are refused, with the key or its path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from seawall.market import Instrument, InstrumentError, Kind, read_instrument
from seawall.money import Asset

USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8))
AUGUST_MS = 1_723_190_400_000  # 2024-08-09 08:00 UTC.
LINEAR: dict[str, Any] = {
    "id": "BTC/USDC:USDC",
    "type": "perpetual",
    "base": "BTC",
    "quote": "USDC",
    "settle": "USDC",
    "lot": 100_000,
    "tick": 10**9,
}
OPTION: dict[str, Any] = LINEAR | {
    "id": "BTC/USDC:USDC-240809-60000-C",
    "type": "option",
    "expires_ms": AUGUST_MS,
    "strike": 60_000 * 10**10,
    "right": "call",
}


def test_each_type_has_its_payoff() -> None:
    inverse = LINEAR | {"quote": "USD", "settle": "BTC", "inverse": True}
    future = LINEAR | {"type": "future", "expires_ms": AUGUST_MS}
    spot = LINEAR | {"type": "spot"}
    kinds = [Instrument(**terms).kind for terms in (LINEAR, future, inverse, OPTION, spot)]
    assert kinds == [Kind.LINEAR, Kind.LINEAR, Kind.INVERSE, Kind.OPTION, Kind.CURRENCY]


REFUSED = [
    (LINEAR, {"lot": 0}, "lot must lie in 1 … 2^63 - 1, not 0"),
    (LINEAR, {"lot": 2**63}, f"lot must lie in 1 … 2^63 - 1, not {2**63}"),
    (LINEAR, {"tick": -1}, "tick must lie in 1 … 2^63 - 1, not -1"),
    (LINEAR, {"base": ""}, "base must not be empty"),
    (LINEAR, {"quote": "BTC"}, "quote must differ from the base coin BTC"),
    (LINEAR, {"settle": "BTC"}, "settle must be USDC (linear), not BTC"),
    (LINEAR, {"inverse": True}, "settle must be BTC (inverse), not USDC"),
    (LINEAR, {"premium": "paid"}, "premium must be margined for type perpetual"),
    (LINEAR, {"expires_ms": AUGUST_MS}, "expires_ms must be absent for type perpetual"),
    (LINEAR, {"type": "future"}, "expires_ms is missing for type future"),
    (LINEAR, {"strike": 1}, "strike must be absent for type perpetual"),
    (LINEAR, {"right": "put"}, "right must be absent for type perpetual"),
    (OPTION, {"strike": None}, "strike is missing for type option"),
    (OPTION, {"strike": 0}, "strike must lie in 1 … 2^63 - 1, not 0"),
    (OPTION, {"right": None}, "right is missing for type option"),
    (OPTION, {"expires_ms": None}, "expires_ms is missing for type option"),
    (OPTION, {"expires_ms": 0}, "expires_ms must be after listed_ms, not 0"),
    (OPTION, {"expires_ms": 4_102_444_800_000}, "expires_ms must be before 2100"),
    (OPTION, {"listed_ms": -1}, "listed_ms must not be negative, not -1"),
    (OPTION, {"listed_ms": AUGUST_MS}, f"expires_ms must be after listed_ms, not {AUGUST_MS}"),
    (OPTION, {"inverse": True, "quote": "USD"}, "settle must be BTC (inverse), not USDC"),
    (LINEAR, {"type": "spot", "inverse": True}, "inverse must be false for type spot"),
]


@pytest.mark.parametrize(("terms", "change", "message"), REFUSED)
def test_impossible_terms_are_refused(
    terms: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    Instrument(**terms)
    with pytest.raises(InstrumentError) as refused:
        Instrument(**(terms | change))
    assert str(refused.value).startswith(message)


def test_terms_are_checked_when_the_journal_is_read() -> None:
    text = msgspec.json.encode([Instrument(**LINEAR)]).replace(b'"lot":100000', b'"lot":0')
    with pytest.raises(msgspec.ValidationError, match=r"lot must lie in .* at `\$\[0\]`"):
        msgspec.json.decode(text, type=list[Instrument])


# -- decimal text ----------------------------------------------------------------------------------


def test_a_linear_table_is_read_in_whole_units() -> None:
    tree = {"id": "BTC/USDC:USDC", "lot": "0.001", "tick": Decimal("0.1")}
    # 0.001 BTC = 100,000 satoshi; 0.1 USDC = 10⁹ price atoms.
    assert read_instrument(tree, USD, COINS) == Instrument(**LINEAR)


def test_an_inverse_table_says_a_face_in_the_numeraire() -> None:
    tree = {"id": "BTC-PERPETUAL", "face": 100, "tick": "0.5"}
    contract = read_instrument(tree, USD, COINS)
    assert contract.id == "BTC/USD:BTC"
    assert contract.lot == 100 * 10**10
    assert contract.kind is Kind.INVERSE


def test_a_dated_table_takes_strike_right_and_expiry_from_its_name() -> None:
    tree = {"id": "BTC_USDC-9AUG24-60000-C", "lot": "0.001", "tick": "0.1", "premium": "paid"}
    assert read_instrument(tree, USD, COINS) == Instrument(**OPTION, premium="paid")
    later = read_instrument(tree | {"expires_ms": AUGUST_MS + 3_600_000}, USD, COINS)
    assert later.expires_ms == AUGUST_MS + 3_600_000


REFUSED_TABLES = [
    ({"lot": "0.000000001"}, "1E-9 has more than 8 decimals - at `$.list[0].lot`"),
    ({"tick": "0.00000000001"}, "1E-11 has more than 10 decimals - at `$.list[0].tick`"),
    ({"lot": 0.001}, "0.001 is a float; write it as text - at `$.list[0].lot`"),
    ({"lot": "much"}, "Invalid decimal string - at `$.list[0].lot`"),
    ({"lot": "nan"}, "NaN is not a finite number - at `$.list[0].lot`"),
    ({"lot": "0"}, "lot must lie in 1 … 2^63 - 1, not 0 - at `$.list[0]`"),
    ({"lots": "1"}, "Object contains unknown field `lots` - at `$.list[0]`"),
    ({"premium": "free"}, "Invalid enum value 'free' - at `$.list[0].premium`"),
    ({"face": "1"}, "write `lot`, not `face`, here - at `$.list[0].face`"),
    ({"id": "BTC/USD:BTC"}, "write `face`, not `lot`, here - at `$.list[0].lot`"),
    ({"id": "SOL/USDC:USDC"}, "coin SOL is not known - at `$.list[0].id`"),
    ({"id": "BTC"}, "'BTC' is not the name of a contract - at `$.list[0].id`"),
    ({"id": "BTC/USDC:USDC-240230"}, "2024-02-30 is not a date - at `$.list[0].id`"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED_TABLES)
def test_a_wrong_table_is_refused_with_the_path_of_its_key(
    change: dict[str, Any], message: str
) -> None:
    tree = {"id": "BTC/USDC:USDC", "lot": "0.001", "tick": "0.1"} | change
    with pytest.raises(InstrumentError) as refused:
        read_instrument(tree, USD, COINS, "$.list[0]")
    assert str(refused.value).endswith(message)


def test_a_table_without_its_size_is_refused() -> None:
    with pytest.raises(InstrumentError, match=r"missing required field `lot` - at `\$`"):
        read_instrument({"id": "BTC/USDC:USDC", "tick": "0.1"}, USD, COINS)


def test_a_coin_settled_option_has_lots_of_its_coin_and_a_tick_in_coins() -> None:
    tree = {"id": "BTC-9AUG24-60000-C", "lot": "0.1", "tick": "0.0001"}
    option = read_instrument(tree, USD, COINS)
    assert option.id == "BTC/USD:BTC-240809-60000-C"
    assert (option.kind, option.is_sized_in_numeraire) == (Kind.OPTION, False)
    # 0.1 BTC is 10,000,000 satoshi; 0.0001 BTC per BTC is 1,000,000 price atoms of 10^-10.
    assert (option.lot, option.tick, option.strike) == (10**7, 10**6, 60_000 * 10**10)
    with pytest.raises(InstrumentError, match="write `lot`, not `face`, here - at"):
        read_instrument({**tree, "face": "100"}, USD, COINS)
