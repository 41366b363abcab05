"""`fhs_es` by hand: ten moves of two coins, one long and one short."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from seawall.margin import (
    Concentration,
    ExactTable,
    FilteredHistorical,
    PeaksOverThreshold,
    check_margin_method,
)
from seawall.market import Catalogue, Instrument, Snapshot, VolatilitySlice
from seawall.money import Asset as Coin
from seawall.pricing import risk_table

BTC = ("-0.10", "-0.08", "-0.05", "0.02", "0.01", "0.03", "0.00", "0.04", "0.06", "0.12")
ETH = ("-0.15", "-0.06", "-0.09", "0.03", "0.02", "0.01", "0.02", "0.05", "0.10", "0.20")
HISTORY = {"BTC": tuple(map(Decimal, BTC)), "ETH": tuple(map(Decimal, ETH))}
DOLLAR = 10**10
YEAR_MS = 365 * 86_400_000


@pytest.fixture
def venue() -> tuple[Catalogue, Snapshot]:
    """BTC at 50,000 and ETH at 2,500, a perpetual of each; a lot is one coin."""
    coins = (Coin("USDC", 6), Coin("BTC", 8), Coin("ETH", 8))
    listed = [
        Instrument(
            id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
            lot=10**8, tick=DOLLAR,
        )
        for coin in ("BTC", "ETH")
    ]  # fmt: skip
    catalogue = Catalogue.empty(Coin("USD", 10), coins).listed(listed)
    snapshot, _ = Snapshot.empty(catalogue).priced(
        catalogue, 1, 1_000, price=[(0, DOLLAR), (1, 50_000 * DOLLAR), (2, 2_500 * DOLLAR)]
    )
    return catalogue, snapshot


def owed(method: FilteredHistorical, venue: tuple[Catalogue, Snapshot]) -> tuple[float, float]:
    catalogue, snapshot = venue
    table = ExactTable(risk_table(catalogue, snapshot, method.grid(), {}))
    number = catalogue.instrument
    rows = sorted(
        [
            (catalogue.lot_asset[number("BTC/USDC:USDC")], 1),
            (catalogue.lot_asset[number("ETH/USDC:USDC")], -10),
        ]
    )
    need = method.requirement_exact(rows, table)
    told = method.explain(rows, table, [asset.id for asset in catalogue.assets])
    assert sum(term.maintenance for term in told.terms) == need.maintenance
    return need.maintenance / DOLLAR, need.initial / DOLLAR


# One BTC gains 50,000 × move, ten ETH short lose 25,000 × move:
#   −5,000 + 3,750 = −1,250   −4,000 + 1,500 = −2,500   −2,500 + 2,250 = −250   1,000 − 750 = 250
#   500 − 500 = 0   1,500 − 250 = 1,250   0 − 500 = −500   2,000 − 1,250 = 750
#   3,000 − 2,500 = 500   6,000 − 5,000 = 1,000
# At 80 % the two worst of ten count: −2,500 and −1,250.
def test_expected_shortfall_is_the_mean_of_the_two_worst(venue) -> None:
    method = FilteredHistorical(moves=HISTORY, confidence=Decimal("0.8"))
    assert owed(method, venue) == (1_875.0, 1_875.0)


def test_value_at_risk_is_the_second_worst(venue) -> None:
    method = FilteredHistorical(
        moves=HISTORY, confidence=Decimal("0.8"), measure="value_at_risk",
        initial_factor=Decimal("1.2"),
    )  # fmt: skip
    assert owed(method, venue) == (1_250.0, 1_500.0)


@pytest.mark.parametrize(
    ("measure", "shape", "wanted"),
    [
        # √3 − 1 = 0.7320508: c = 1.4641016 at shape ½.
        ("value_at_risk", "0.5", 250 + 0.732050807568877 * 3_500 / 3),
        ("expected_shortfall", "0.5", 250 + 2.464101615137755 * 3_500 / 3),
        ("value_at_risk", "0", 250 + math.log(3) * 3_500 / 3),
        ("expected_shortfall", "0", 250 + (1 + math.log(3)) * 3_500 / 3),
    ],
)
def test_a_short_history_takes_its_tail_from_the_peaks(venue, measure, shape, wanted) -> None:
    """Three of ten moves are peaks: 2,500, 1,250 and 500 over a threshold of 250.

    Their mean excess is 4,250 ÷ 3 − 250 = 3,500 ÷ 3. At 90 % the base is 0.1 · 10 ÷ 3 = 1 ÷ 3.
    """
    method = FilteredHistorical(
        moves=HISTORY, confidence=Decimal("0.9"), measure=measure,
        tail=PeaksOverThreshold(share=Decimal("0.3"), shape=Decimal(shape)),
    )  # fmt: skip
    assert owed(method, venue)[0] == pytest.approx(wanted, rel=1e-8)
    if measure == "expected_shortfall" and shape == "0":
        # Of an exponential tail the mean beyond any quantile is one mean excess more.
        other = FilteredHistorical(
            moves=HISTORY, confidence=Decimal("0.9"), measure="value_at_risk", tail=method.tail
        )
        assert owed(method, venue)[0] - owed(other, venue)[0] == pytest.approx(3_500 / 3)


def test_peaks_that_cannot_hold_the_tail_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tail\.share: the peaks must hold the tail"):
        FilteredHistorical(
            moves=HISTORY, confidence=Decimal("0.8"), tail=PeaksOverThreshold(Decimal("0.1"))
        )
    with pytest.raises(ValueError, match="tail: at least two moves"):
        FilteredHistorical(moves={"BTC": (Decimal("-0.1"),)}, tail=PeaksOverThreshold())
    with pytest.raises(ValueError, match="shape: from 0 to below 1"):
        PeaksOverThreshold(shape=Decimal(1))


def test_a_limit_on_offsets_charges_part_of_each_coin_alone(venue) -> None:
    """BTC alone (5,000 + 4,000) ÷ 2 = 4,500; ETH short alone (5,000 + 2,500) ÷ 2 = 3,750.

    0.8 × 1,875 + 0.2 × (4,500 + 3,750) = 1,500 + 1,650 = 3,150.
    """
    method = FilteredHistorical(moves=HISTORY, confidence=Decimal("0.8"), offset_max=Decimal("0.8"))
    assert owed(method, venue)[0] == pytest.approx(3_150.0, abs=1e-9)


def test_the_three_remedies_against_procyclicality(venue) -> None:
    """Stress −30 % and −60 %: −15,000 + 15,000 = 0, and +20 %, +50 %: 10,000 − 12,500 = −2,500.

    (b) 0.75 × 1,875 + 0.25 × 2,500 = 2,031.25; (a) a quarter more: 2,539.0625; (c) a floor of one
    move of −20 % of BTC alone: 10,000, a quarter more 12,500.
    """
    storms = {
        "BTC": (Decimal("-0.3"), Decimal("0.2")),
        "ETH": (Decimal("-0.6"), Decimal("0.5")),
    }
    remedies = {
        "moves": HISTORY,
        "confidence": Decimal("0.8"),
        "stressed": storms,
        "stressed_weight": Decimal("0.25"),
        "buffer": Decimal("0.25"),
    }
    assert owed(FilteredHistorical(**remedies), venue)[0] == pytest.approx(2_539.0625, abs=1e-9)
    floor = {"BTC": (Decimal("-0.2"),)}
    assert owed(FilteredHistorical(**remedies, floor=floor), venue)[0] == pytest.approx(12_500.0)


def test_size_above_a_threshold_is_charged(venue) -> None:
    """Above 40,000 dollars of BTC, 5 % of the 10,000 beyond: 500 more."""
    method = FilteredHistorical(
        moves=HISTORY, confidence=Decimal("0.8"),
        concentration={"BTC": (Concentration(Decimal(40_000), Decimal("0.05")),)},
    )  # fmt: skip
    assert owed(method, venue)[0] == pytest.approx(2_375.0)


def straddled() -> tuple[Catalogue, Snapshot]:
    """A call of a year at the money on each coin, priced at 60 % and 80 %; a lot is one coin."""
    coins = (Coin("USDC", 6), Coin("BTC", 8), Coin("ETH", 8))
    listed = [
        Instrument(
            id=coin, type="option", base=base, quote="USDC", settle="USDC", lot=10**8, tick=1,
            premium="paid", expires_ms=1_000 + YEAR_MS, strike=price * DOLLAR, right="call",
        )
        for coin, base, price in (("call on BTC", "BTC", 50_000), ("call on ETH", "ETH", 2_500))
    ]  # fmt: skip
    catalogue = Catalogue.empty(Coin("USD", 10), coins).listed(listed)
    smiles = tuple(  # Flat: the variance of a year is the square of the volatility.
        VolatilitySlice(coin, 1_000 + YEAR_MS, 10**9, 10**9, variance, 0, 0, 0, 1)
        for coin, variance in ((1, 360_000_000), (2, 640_000_000))
    )
    price = (DOLLAR, 50_000 * DOLLAR, 2_500 * DOLLAR)
    return catalogue, Snapshot(1, 1_000, price, (0, 0), smiles)


def at_the_money(forward: float, volatility: float) -> float:
    """Black-76 with strike = forward and one year: F · (2 Φ(σ ÷ 2) − 1) = F · erf(σ ÷ 2√2)."""
    return forward * math.erf(volatility / (2 * math.sqrt(2)))


def test_every_coin_brings_the_volatility_of_its_own_days() -> None:
    """One call on BTC sold, ten on ETH bought; prices stand still, smiles do not.

    Day by day BTC's σ = 0.6 goes to 0.9, 0.48, 0.6 and ETH's σ = 0.8 to 0.88, 0.4, 0.2: what is
    sold loses where its volatility rises, what is bought where it falls.
    """
    days = {"BTC": ("0.5", "-0.2", "0"), "ETH": ("0.1", "-0.5", "-0.75")}
    method = FilteredHistorical(
        moves={coin: (Decimal(0),) * 3 for coin in days},
        volatility_moves={coin: tuple(map(Decimal, moves)) for coin, moves in days.items()},
        confidence=Decimal("0.5"),
    )
    catalogue, snapshot = straddled()
    table = ExactTable(risk_table(catalogue, snapshot, method.grid(), {}))
    rows = sorted(
        (catalogue.lot_asset[catalogue.instrument(name)], lots)
        for name, lots in (("call on BTC", -1), ("call on ETH", 10))
    )
    losses = [
        at_the_money(50_000, btc) - at_the_money(50_000, 0.6)
        - 10 * (at_the_money(2_500, eth) - at_the_money(2_500, 0.8))
        for btc, eth in ((0.9, 0.88), (0.48, 0.4), (0.6, 0.2))
    ]  # fmt: skip
    assert [round(loss) for loss in losses] == [4_843, 1_500, 5_780]
    # At 50 % the two worst of three count: the third day and the first.
    found = method.requirement_exact(rows, table).maintenance / DOLLAR
    assert found == pytest.approx((losses[2] + losses[0]) / 2, abs=1e-6)
    told = method.explain(rows, table, catalogue.names)
    assert sum(term.maintenance for term in told.terms) / DOLLAR == found
    check_margin_method(method, table.risk, [rows, [(a, -n) for a, n in rows], rows[:1], []])
    # One shock for all coins, as before, is another margin; so is the other order of coins.
    swapped = {"BTC": method.volatility_moves["ETH"], "ETH": method.volatility_moves["BTC"]}
    other = FilteredHistorical(
        moves=method.moves, volatility_moves=swapped, confidence=Decimal("0.5")
    )
    exact = ExactTable(risk_table(catalogue, snapshot, other.grid(), {}))
    assert other.requirement_exact(rows, exact).maintenance / DOLLAR != pytest.approx(found, abs=1)


def test_wrong_parameters_are_named() -> None:
    zero = {"BTC": (Decimal(0),)}
    with pytest.raises(ValueError, match=r"volatility_moves\.ETH: the coin has no moves"):
        FilteredHistorical(moves=zero, volatility_moves={"ETH": (Decimal(0),)})
    for wrong in ((Decimal(0), Decimal(0)), (Decimal(-1),)):
        with pytest.raises(ValueError, match=r"volatility_moves\.BTC: one move above -1 for each"):
            FilteredHistorical(moves=zero, volatility_moves={"BTC": wrong})
    with pytest.raises(ValueError, match="moves: every coin needs the same number"):
        FilteredHistorical(moves={"BTC": (Decimal(0),), "ETH": ()})
    with pytest.raises(ValueError, match=r"moves\.BTC: a price cannot fall"):
        FilteredHistorical(moves={"BTC": (Decimal(-1),)})
    with pytest.raises(ValueError, match="stressed_weight: needs stressed moves"):
        FilteredHistorical(moves={"BTC": (Decimal(0),)}, stressed_weight=Decimal("0.25"))
    with pytest.raises(ValueError, match="confidence: below 1"):
        FilteredHistorical(moves={"BTC": (Decimal(0),)}, confidence=Decimal(1))
