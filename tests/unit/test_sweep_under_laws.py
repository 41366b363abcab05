"""What a sweep recommends, once more under the other laws of impact."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.simulation.sweep import Spec, columns, of_world, points, seed_of, sweep
from seawall.simulation.sweep.model import Outcome
from seawall.simulation.sweep.picture import page
from seawall.simulation.sweep.telling import law_cells
from seawall.simulation.world.small import SMALL, SMALL_RULES

BASE: dict[str, Any] = {
    "book": {"accounts": 300},
    "depth": {"law": "linear", "notional": 2_000_000.0},
}


def spec(**parameters: tuple[Any, ...]) -> Spec:
    return Spec(
        name="laws",
        seed=4,
        runs=30,
        model="columns",
        base=BASE,
        parameters={key.replace("__", "."): found for key, found in parameters.items()},
    )


def test_the_recommended_set_is_run_under_every_other_law(tmp_path: Path) -> None:
    wanted = spec(rules__fund_ratio=(0.001, 0.01))
    swept = sweep(wanted, tmp_path, workers=1)
    best = swept.recommendation.chosen or swept.recommendation.nearest
    assert list(swept.laws) == ["exponential", "sqrt"]
    seeds = [seed_of(wanted, points(wanted)[best.place], run) for run in range(30)]
    for name, row in swept.laws.items():
        tree = {**BASE, "depth": {**BASE["depth"], "law": name}}
        tree["rules"] = {"fund_ratio": best.point["rules.fund_ratio"]}
        forced = [columns.run(tree, seed).forced_notional for seed in seeds]
        assert row.forced_notional == pytest.approx(sum(forced) / 30, rel=1e-12)
        assert row.forced_notional != best.forced_notional
    lines = law_cells(best, swept.laws, wanted.objective)
    assert [line[0] for line in lines] == ["as it is", "exponential", "sqrt"]
    assert "Under other laws of impact" in page(swept)
    again = sweep(wanted, tmp_path, workers=1)
    assert again.runs_found == len(again.results) == 60
    assert again.laws == swept.laws


def test_where_the_law_is_a_parameter_the_table_has_it_already(tmp_path: Path) -> None:
    swept = sweep(spec(depth__law=("sqrt", "linear")), tmp_path, workers=1)
    assert swept.laws == {}
    assert "Under other laws of impact" not in page(swept)


def test_a_world_is_put_under_other_laws_by_its_books() -> None:
    """The small world is linear, at 1 % by 0.01 · depth; √ with 0.1 too, so its depth stays."""

    tree = tomllib.loads(SMALL.replace("RULES", SMALL_RULES), parse_float=Decimal)
    found = of_world.laws(tree)
    assert list(found) == ["exponential", "sqrt", "constant_product"]
    (before,), (after,) = tree["books"], found["sqrt"]["books"]
    assert after["makers"][0]["depth"] == before["makers"][0]["depth"]
    told = [of_world.run(one, 2) for one in (tree, *found.values())]
    assert len({one.state_hash for one in told}) == 4
    assert all(isinstance(one, Outcome) for one in told)
