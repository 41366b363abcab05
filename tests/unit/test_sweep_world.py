"""A world as a model of a sweep: the same numbers as the world itself tells."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.simulation.sweep import Objective, Spec, SweepError, of_world, points, run, sweep
from seawall.simulation.sweep.paths import toml_text, with_value
from seawall.simulation.sweep.work import Answer
from seawall.simulation.world import World
from seawall.simulation.world.book import ONE
from seawall.simulation.world.small import SMALL, SMALL_RULES

TREE = tomllib.loads(SMALL.replace("RULES", SMALL_RULES), parse_float=Decimal)
SLIPPAGE = "venues[0].rules.liquidation.slippage_ratio"
MAINTENANCE = "venues[0].rules.margin.isolated.brackets.BTC[0].maintenance"


def spec(**changes: object) -> Spec:
    terms: dict[str, object] = {
        "name": "small world", "seed": 1, "runs": 2, "model": "world", "base": TREE,
        "parameters": {MAINTENANCE: (Decimal("0.005"), Decimal("0.01"))},
        "objective": Objective(limit=Decimal(10**9), confidence=Decimal("0.5")),
    }  # fmt: skip
    return Spec(**(terms | changes))  # type: ignore[arg-type]


def test_an_outcome_is_what_the_world_tells() -> None:
    outcome = of_world.run(TREE, 2)
    report = World(2, of_world.typed(TREE)).run()
    (venue,) = report.venues.values()
    assert report.forced > 0  # Or nothing is compared.
    assert outcome.forced_notional == report.forced / ONE
    assert outcome.bad_debt == report.bad_debt / ONE
    assert outcome.fund_left == venue.fund[-1] / ONE
    assert outcome.uncovered == 0.0  # A fund of 100 million pays whatever is owed.
    # The rulebook asks 2 % of every position, at a mark that is on a tick of 0.01 of 60,000.
    assert outcome.average_margin == pytest.approx(0.02, rel=2e-7)
    # Leverage of 8 to 25 means that 2 % is from 16 % to half of what is posted at the start.
    assert 0.16 < outcome.collateral_utilisation < 0.5


def test_a_rule_in_the_rulebook_is_a_parameter(tmp_path: Path) -> None:
    swept = sweep(spec(), tmp_path, workers=1)
    low, high = swept.rows
    found = of_world.run(
        with_value(TREE, ("venues", 0, "rules"), low_rules("0.005")), seed=first_seed(swept.spec)
    )
    assert swept.results[0, 0] == found
    assert low.forced_notional < high.forced_notional  # Who is closed later is closed less often.


def low_rules(maintenance: str) -> str:
    return str(TREE["venues"][0]["rules"]).replace(
        "maintenance = 0.01", f"maintenance = {maintenance}"
    )


def first_seed(wanted: Spec) -> int:
    from seawall.simulation.sweep import seed_of

    return seed_of(wanted, points(wanted)[0], 0)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (SLIPPAGE, Decimal(-1), f"at {SLIPPAGE} = -1: base: $.venues[0].rules: "),
        (SLIPPAGE.replace("slippage", "slip"), Decimal(1), "slip_ratio"),
        ("steps", 0, "at steps = 0: base: $.steps"),
        ("venues[1].name", "b", "$.parameters.venues[1].name: [1]: the list has 1 entries"),
    ],
)
def test_a_wrong_rule_is_named_before_anything_runs(
    tmp_path: Path, path: str, value: object, said: str
) -> None:
    with pytest.raises(SweepError) as caught:
        sweep(spec(parameters={path: (value,)}), tmp_path, workers=1)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_world_without_traders_has_no_margin_to_measure() -> None:
    tree = {key: value for key, value in TREE.items() if key != "traders"}
    with pytest.raises(ValueError, match=r"\$\.traders: margins are measured on their positions"):
        of_world.check(tree)
    assert toml_text(tree)


def test_a_worker_with_other_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = spec(model="columns", base={}, parameters={"book.accounts": (50, 60)})
    real = run._answers

    def other(*terms: object) -> object:
        return (Answer(one.point, one.runs, one.outcomes, "other") for one in real(*terms))  # type: ignore[arg-type]

    monkeypatch.setattr(run, "_answers", other)
    with pytest.raises(SweepError, match="a worker computed with other, here it is"):
        sweep(columns, tmp_path, workers=1)
