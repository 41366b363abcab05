"""The tables of the page on oracles are what the functions return."""

from __future__ import annotations

import doctest
from decimal import Decimal
from pathlib import Path

from seawall.market.oracle import OracleRefusal, Pool, median_table, twap_table

PATH = Path(__file__).parents[2] / "docs" / "oracles.md"
PAGE = PATH.read_text()
POOL = Pool(Decimal(1_000), Decimal(2_000_000), Decimal("0.003"))


def told(number: Decimal) -> str:
    return f"{number:,.0f}" if number < 10**10 else f"{number:.1e}"


def test_the_costs_of_a_mean() -> None:
    shifts = (Decimal("0.05"), Decimal("0.2"), Decimal(1))
    for row in twap_table(POOL, shifts, 150, (1, 5, 30, 150)):
        factor = f"{row.cost.spot_factor:.4g}"
        line = (
            f"| {row.mean_shift:.0%} | {row.cost.moved} | {factor} | {told(row.cost.capital)} "
            f"| {told(row.cost.loss)} | {told(row.proposer_loss)} |"
        )
        assert line in PAGE, line


def test_the_costs_of_a_median() -> None:
    for row in median_table(POOL, (Decimal("1.02"), Decimal("1.2"), Decimal(2)), (1, 3, 5, 7)):
        line = (
            f"| {row.price_factor - 1:.0%} | {row.sources} | {row.cost.moved} "
            f"| {told(row.cost.capital)} | {told(row.cost.loss)} |"
        )
        assert line in PAGE, line


def test_every_refusal_stands_in_its_order() -> None:
    places = [PAGE.index(f"| {reason.value} | `{reason.name}` |") for reason in OracleRefusal]
    assert places == sorted(places)


def test_the_example_runs() -> None:
    failed, tried = doctest.testfile(str(PATH), module_relative=False, encoding="utf-8")
    assert (failed, tried) == (0, 8)
