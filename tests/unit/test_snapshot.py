"""Ticks: what they change, what they touch and what no market can show."""

from __future__ import annotations

from typing import Any

import pytest

from seawall.market import Catalogue, Snapshot, SnapshotError, VolatilitySlice, read_instrument
from seawall.money import Asset

USD = Asset("USD", 10)
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))


def listed(catalogue: Catalogue, *names: str) -> Catalogue:
    tables = ({"id": name, "lot": "0.01", "tick": "0.1"} for name in names)
    return catalogue.listed(read_instrument(table, USD, COINS) for table in tables)


CATALOGUE = listed(Catalogue.empty(USD, COINS), "BTC/USDC:USDC", "ETH/USDC:USDC")
EMPTY = Snapshot.empty(CATALOGUE)
SMILE = VolatilitySlice(
    coin=2,
    expires_ms=1_723_190_400_000,
    forward_ratio=1_001_000_000,
    discount=999_000_000,
    a=1_000_000,
    b=10_000_000,
    rho=-300_000_000,
    m=0,
    sigma=100_000_000,
)


def tick(snapshot: Snapshot, **seen: Any) -> tuple[Snapshot, frozenset[int]]:
    return snapshot.priced(CATALOGUE, 1, 5, **seen)


def smile(**change: Any) -> VolatilitySlice:
    return VolatilitySlice(**({f: getattr(SMILE, f) for f in SMILE.__struct_fields__} | change))


def test_nothing_was_seen_yet() -> None:
    assert EMPTY.price == (0, 0, 0)
    assert EMPTY.mark == EMPTY.funding == (0, 0)
    assert EMPTY.depth == ((0, 0), (0, 0))


def test_a_tick_changes_what_it_names_and_nothing_else() -> None:
    shown, touched = tick(EMPTY, price=((1, 60),), mark=((1, 30),), depth=((0, 7, 8),))
    assert (shown.sequence, shown.time_ms) == (1, 5)
    assert shown.price == (0, 60, 0)
    assert shown.mark == (0, 30)
    assert shown.depth == ((7, 8), (0, 0))
    assert touched == {1, 2}  # BTC by its price, ETH by the mark of its perpetual.
    assert EMPTY.price == (0, 0, 0)


def test_a_tick_that_repeats_what_was_seen_touches_nothing() -> None:
    seen = {"price": ((1, 60),), "mark": ((1, 30),), "slices": (SMILE,)}
    shown, _ = tick(EMPTY, **seen)
    assert tick(shown, **seen) == (shown, frozenset())


def test_a_price_has_a_time_and_a_confidence_that_holds_until_another_is_told() -> None:
    assert EMPTY.confidence == (10**9,) * 3
    assert EMPTY.priced_ms == (0, 0, 0)
    shown, touched = tick(EMPTY, price=((1, 60),), confidence=((1, 9 * 10**8), (2, 10**9)))
    assert touched == {1}  # The confidence of ETH is what it was.
    assert shown.confidence == (10**9, 9 * 10**8, 10**9)
    assert shown.priced_ms == (0, 5, 0)
    again, touched = shown.priced(CATALOGUE, 2, 8, price=((1, 60),))
    assert touched == frozenset()
    assert again.confidence == shown.confidence
    assert again.priced_ms == (0, 8, 0)  # The same price, but seen later.
    wider, touched = again.priced(CATALOGUE, 3, 9, confidence=((1, 0),))
    assert (wider.confidence[1], wider.priced_ms[1], touched) == (0, 8, {1})


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (((3, 1),), "confidence of coin 3, which is not listed"),
        (((1, -1),), r"confidence must lie in 0 … 1, not -1 parts"),
        (((1, 10**9 + 1),), r"confidence must lie in 0 … 1, not 1000000001 parts"),
    ],
)
def test_a_confidence_outside_its_range_is_refused(told: Any, message: str) -> None:
    with pytest.raises(SnapshotError, match=message):
        tick(EMPTY, confidence=told)


def test_depth_alone_touches_no_price() -> None:
    assert tick(EMPTY, depth=((1, 3, 4),))[1] == frozenset()


def test_a_slice_replaces_the_one_of_its_coin_and_expiry() -> None:
    later = smile(expires_ms=SMILE.expires_ms + 1)
    other = smile(coin=1)
    shown, touched = tick(EMPTY, slices=(later, SMILE, other))
    assert shown.slices == (other, SMILE, later)
    assert touched == {1, 2}
    shifted = smile(a=2_000_000)
    shown, touched = tick(shown, slices=(shifted,))
    assert shown.slices == (other, shifted, later)
    assert touched == {2}
    assert shown.without_slices(SMILE.expires_ms).slices == (later,)


def test_growth_keeps_what_was_seen() -> None:
    shown, _ = tick(EMPTY, mark=((0, 9),), depth=((1, 1, 2),))
    grown = shown.funded(2, 6, 1, -5).grown(listed(CATALOGUE, "BTC/USDC:USDC-240809"))
    assert grown.mark == (9, 0, 0)
    assert grown.funding == (0, -5, 0)
    assert grown.depth == ((0, 0), (1, 2), (0, 0))


REFUSED = [
    ({"price": ((3, 1),)}, "price of coin 3, which is not listed"),
    ({"price": ((-1, 1),)}, "price of coin -1, which is not listed"),
    ({"price": ((1, 0),)}, "price must lie in 1 … 2^63 - 1, not 0"),
    ({"price": ((1, 2**63),)}, "price must lie in"),
    ({"mark": ((2, 1),)}, "mark of instrument 2, which is not listed"),
    ({"mark": ((0, -1),)}, "mark must lie in 1 … 2^63 - 1, not -1"),
    ({"depth": ((2, 1, 1),)}, "depth of instrument 2, which is not listed"),
    ({"depth": ((0, 1, -1),)}, "depth must not be negative, not (1, -1)"),
    ({"slices": (smile(coin=3),)}, "slices of coin 3, which is not listed"),
    ({"slices": (smile(discount=0),)}, "discount must be positive, not 0"),
    ({"slices": (smile(forward_ratio=-1),)}, "forward_ratio must be positive, not -1"),
    ({"slices": (smile(sigma=0),)}, "sigma must be positive, not 0"),
    ({"slices": (smile(b=-1),)}, "b must not be negative, not -1"),
    ({"slices": (smile(rho=1_000_000_001),)}, "rho must lie in -1 … 1"),
]


@pytest.mark.parametrize(("seen", "message"), REFUSED)
def test_what_no_market_shows_is_refused(seen: dict[str, Any], message: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        tick(EMPTY, **seen)
    assert str(refused.value).startswith(message)


def test_the_least_variance_may_be_zero_but_not_below() -> None:
    # b·sigma·√(1 − 0.6²) = 0.01 × 0.1 × 0.8 = 0.0008 = 800,000 parts per billion.
    smile(rho=-600_000_000, a=-800_000).check()
    with pytest.raises(SnapshotError, match="a of -800001 makes the least variance negative"):
        smile(rho=-600_000_000, a=-800_001).check()


def test_funding_of_an_unlisted_contract_is_refused() -> None:
    with pytest.raises(SnapshotError, match="funding of instrument 2, which is not listed"):
        EMPTY.funded(1, 1, 2, 1)
