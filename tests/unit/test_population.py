import hashlib
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from seawall.market import Catalogue, Kind
from seawall.money import Asset
from seawall.simulation.draws import _mixed_integer, chosen, pareto, root_power, scrambled, uniform
from seawall.simulation.listing import instruments
from seawall.simulation.population import Population, generate
from seawall.simulation.scenario import Scenario
from seawall.simulation.scenario_check import load

FILE = Path(__file__).parents[2] / "examples" / "crash-2024-08-05" / "scenario.toml"
COINS = (Asset("USDC", 6), Asset("BTC", 8), Asset("ETH", 8))
PRICE = (10**10, 606_810_800_000_000, 29_035_050_000_000)
HAIRCUT = (0, 50_000_000, 100_000_000)


class Made(NamedTuple):
    scenario: Scenario
    catalogue: Catalogue
    people: Population


@pytest.fixture(scope="module")
def made() -> Made:
    scenario = load(FILE)
    listing = instruments(scenario, {coin.id: coin.decimals for coin in COINS}, 0)
    catalogue = Catalogue.empty(Asset("USD", 10), COINS).listed(listing)
    return Made(scenario, catalogue, generate(scenario, catalogue, PRICE, HAIRCUT))


def unit_value(catalogue: Catalogue, asset: int) -> float:
    """Dollars of one unit at the opening; options left out."""
    row = catalogue.assets[asset]
    price = [p / 1e10 for p in PRICE]
    if row.kind in {Kind.CURRENCY, Kind.QUOTE}:
        return price[row.currency] / COINS[row.currency].one
    terms = catalogue.instruments[row.instrument]
    if row.kind is Kind.INVERSE:
        return -terms.lot / 1e10
    return 0.0 if row.kind is Kind.OPTION else terms.lot / 1e8 * price[row.coin]


def test_splitmix_agrees_with_its_published_outputs() -> None:
    """The first outputs for seed 1234567, as widely used test vectors have them."""
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    found = [_mixed_integer((1234567 + i * golden) & mask) for i in (1, 2, 3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    # The columns mix start + index × golden in the same way; the start is itself mixed.
    start = _mixed_integer(golden)
    expected = [_mixed_integer((start + i * golden) & mask) for i in range(50)]
    assert scrambled(0, 0, np.arange(50)).tolist() == expected


def test_draws_depend_on_seed_stream_and_index_alone() -> None:
    ours = scrambled(5, 9, np.arange(4))
    assert len(set(ours.tolist())) == 4
    assert scrambled(5, 9, np.arange(2, 3))[0] == ours[2]
    assert scrambled(5, 10, np.arange(4)).tolist() != ours.tolist()
    assert scrambled(6, 9, np.arange(4)).tolist() != ours.tolist()


def test_uniform_numbers_are_uniform() -> None:
    share = uniform(1, 2, np.arange(100_000))
    assert 0.0 < share.min() < 1e-4 < 1 - 1e-4 < share.max() < 1.0
    counts, _ = np.histogram(share, bins=100, range=(0, 1))
    # Chi-square with 99 degrees of freedom: 99.9 % of samples stay below 148.2.
    assert ((counts - 1000) ** 2 / 1000).sum() < 148.2


def test_powers_and_sizes() -> None:
    base = np.array([0.001, 0.3, 0.999])
    assert root_power(base, 1.1628) == pytest.approx(base**1.1628, rel=1e-9)
    sizes = pareto(np.array([1e-12, 0.5, 1 - 1e-12]), 100.0, 1e6, 1.0)
    # Tail 1: u = 1e-4 + s (1 − 1e-4), size = 100 ÷ u. At s = ½: 100 ÷ 0.50005 = 199.98.
    assert sizes == pytest.approx([1e6, 199.98, 100.0], rel=1e-6)
    assert chosen(np.array([0.1, 0.29, 0.31, 0.99]), [Decimal("0.3"), Decimal("0.7")]).tolist() == [
        0,
        0,
        1,
        1,
    ]


def test_the_same_seed_gives_the_same_bytes(made: Made) -> None:
    again = generate(made.scenario, made.catalogue, PRICE, HAIRCUT)
    assert again.columns() == made.people.columns()
    found = hashlib.sha256(b"".join(made.people.columns())).hexdigest()
    assert found == "26d87252457c141d22ef8c27cecf168cd723d0a1358863d2092faa15d29eddce"
    assert len(made.people.names) == len(made.people.methods) == 100_000
    assert len(set(made.people.names)) == 100_000


def test_every_contract_sums_to_zero(made: Made) -> None:
    totals = np.zeros(len(made.catalogue.assets), np.int64)
    np.add.at(totals, made.people.asset, made.people.quantity)
    assert not totals[len(COINS) :].any()
    assert (totals[: len(COINS)] > 0).all()


def test_rows_are_whole_and_in_order(made: Made) -> None:
    people = made.people
    assert people.account.min() == 6
    assert people.account.max() == 6 + 100_000 - 1
    assert (np.diff(people.account) >= 0).all()
    assert (people.quantity != 0).all()
    assert len(np.unique(people.account)) == 100_000
    assert [len(part) // size for part, size in zip(people.columns(), (4, 4, 8), strict=True)] == [
        len(people.account)
    ] * 3


def test_sizes_have_the_tail_that_was_asked_for(made: Made) -> None:
    """Hill estimator over the 2,000 largest isolated positions: index 0.86, error 0.86 ÷ √2000."""
    people, catalogue = made.people, made.catalogue
    lots = np.isin(
        people.asset,
        [a for a, row in enumerate(catalogue.assets) if row.kind in {Kind.LINEAR, Kind.INVERSE}],
    )
    mine = lots & (people.account < 6 + 69_965)
    value = np.array([unit_value(catalogue, a) for a in range(len(catalogue.assets))])
    worth = np.sort(np.abs(people.quantity[mine] * value[people.asset[mine]]))[::-1]
    hill = 1 / np.log(worth[20:2000] / worth[2000]).mean()
    assert 0.75 < hill < 1.0
    assert 0.2 < worth[:10].sum() / worth.sum() < 0.6


def test_margin_matches_leverage_at_the_opening(made: Made) -> None:
    """Equity of an isolated account is notional ÷ leverage × (1 … 1.6), or more after a gain."""
    people, catalogue = made.people, made.catalogue
    value = np.array([unit_value(catalogue, a) for a in range(len(catalogue.assets))])
    kind = np.array([row.kind for row in catalogue.assets])
    mine = people.account < 6 + 69_965
    account = people.account[mine] - 6
    each = people.quantity[mine] * value[people.asset[mine]]
    equity = np.bincount(account, each)
    contract = np.isin(kind[people.asset[mine]], [Kind.LINEAR, Kind.INVERSE])
    notional = np.bincount(account, np.where(contract, np.abs(each), 0.0))
    # Of positions that are not mostly rounding (one ETH lot is 29 dollars, one inverse lot 100).
    large = notional > 2000
    leverage = notional[large] / equity[large]
    assert leverage.max() < 51
    assert leverage.min() > 1.0
    assert np.median(leverage) == pytest.approx(7.5, abs=2.5)
