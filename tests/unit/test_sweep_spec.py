"""A sweep file: what it makes, and one line with the key path of what is wrong in it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seawall.simulation.sweep import SweepError, points, read
from seawall.simulation.sweep.work import checked_trees, tree_of

GOOD = """
name = "small"
seed = 1
runs = 3
[base.rules]
initial_ratio = 0.05
[parameters]
rules.initial_ratio = [0.02, 0.1]
book.accounts = { low = 100, high = 1000, log = true, steps = 3 }
"""


def spec_of(folder: Path, text: str) -> Path:
    path = folder / "spec.toml"
    path.write_text(text)
    return path


def test_a_grid_runs_through_its_last_parameter_first(tmp_path: Path) -> None:
    spec = read(spec_of(tmp_path, GOOD))
    # 100 · 10^(n/2): 100, 316.2…, 1000, whole because both ends are.
    assert [tuple(point.values()) for point in points(spec)] == [
        (Decimal("0.02"), 100), (Decimal("0.02"), 316), (Decimal("0.02"), 1000),
        (Decimal("0.1"), 100), (Decimal("0.1"), 316), (Decimal("0.1"), 1000),
    ]  # fmt: skip
    tree = tree_of(spec, points(spec)[4])
    assert tree == {"rules": {"initial_ratio": Decimal("0.1")}, "book": {"accounts": 316}}
    assert spec.base == {"rules": {"initial_ratio": Decimal("0.05")}}  # Untouched.


def test_a_fingerprint_is_of_what_is_said_and_not_of_how(tmp_path: Path) -> None:
    first = read(spec_of(tmp_path, GOOD)).fingerprint()
    other = GOOD.replace("[0.02, 0.1]", "[0.020, 0.10]").replace("runs = 3", "runs = 3 # few")
    assert read(spec_of(tmp_path, other)).fingerprint() == first
    assert read(spec_of(tmp_path, GOOD.replace("seed = 1", "seed = 2"))).fingerprint() != first


def test_a_rulebook_file_is_taken_in_and_its_keys_are_parameters(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("format = 1\n[liquidation]\nslippage_ratio = 0.01\n")
    (tmp_path / "world.toml").write_text(
        "steps = 1\n[[venues]]\nname = 'a'\nrulebook = 'rules.toml'\n"
    )
    text = """
name = "rules"
seed = 1
runs = 1
model = "world"
base = "world.toml"
[parameters]
"venues[0].rules.liquidation.slippage_ratio" = [0.02, 0.03]
"""
    spec = read(spec_of(tmp_path, text))
    tree = tree_of(spec, points(spec)[1])
    assert tree["venues"][0]["rules"] == "format = 1\nliquidation = {slippage_ratio = 0.03}\n"
    before = spec.fingerprint()
    (tmp_path / "rules.toml").write_text("format = 1\n[liquidation]\nslippage_ratio = 0.04\n")
    assert read(spec_of(tmp_path, text)).fingerprint() != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("runs = 3", "runs = 0", "$.runs: 0 is below 1"),
        ("runs = 3", "runs = 'x'", "$.runs: Expected `int`, got `str`"),
        ("runs = 3", "run = 3", "$: Object contains unknown field `run`"),
        ("seed = 1", "seed = -1", "$.seed: must lie from 0"),
        ("seed = 1", "seed = 1\nmodel = 'rows'", "$.model: Invalid enum value 'rows'"),
        ("seed = 1", "seed = 1\npoints = 4", "$.points: a grid has as many points"),
        ("seed = 1", "seed = 1\ndesign = 'latin_hypercube'\npoints = 4",
         "$.parameters.book.accounts.steps: belongs to a grid"),
        ("log = true, steps = 3", "log = true", "$.parameters.book.accounts.steps: a grid needs"),
        ("low = 100", "low = 2000", "$.parameters.book.accounts.low: 2000 is not below 1000"),
        ("low = 100", "low = 0", "$.parameters.book.accounts.low: must be above 0 where"),
        ("high = 1000, ", "", "Object missing required field `high`"),
        ("[0.02, 0.1]", "[]", "$.parameters.rules.initial_ratio: is an empty list"),
        ("[0.02, 0.1]", "[0.1, 0.10]", "$.parameters.rules.initial_ratio: 0.1 is named twice"),
        ("[0.02, 0.1]", "[[1]]", "$.parameters.rules.initial_ratio: values are numbers"),
        ("[0.02, 0.1]", "0.1", "$.parameters"),
        ('rules.initial_ratio = [', '"rules..x" = [', "is no step of a path"),
        ("[parameters]", "[objective]\nconfidence = 1.0\n[parameters]", "$.objective.confidence"),
        ("[parameters]", "[objective]\nlimit = -1\n[parameters]", "$.objective.limit: -1"),
        ("[base.rules]\ninitial_ratio = 0.05", "base = 'none.toml'", "none.toml: no such file"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(SweepError) as caught:
        read(spec_of(tmp_path, GOOD.replace(old, new)))
    assert said in str(caught.value)
    assert "spec.toml: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("initial_ratio = 0.05", "initial = 0.05", "$.base: $.rules: Object contains unknown"),
        ("rules.initial_ratio = [0.02, 0.1]", "rules.initial_ratio = [0.02, 1.5]",
         "$.parameters: at rules.initial_ratio = 1.5, book.accounts = 100: $.rules.initial_ratio: "
         "1.5 is not from"),
        ("rules.initial_ratio = [", '"rules.initial_ratio.x" = [',
         "$.parameters.rules.initial_ratio.x: x: there is no table"),
        ("rules.initial_ratio = [", '"rules[1].x" = [', "[1]: there is no list"),
        ("rules.initial_ratio = [", "rules = [", "is a table or a list; name one value in it"),
        ("rules.initial_ratio = [0.02, 0.1]", "rule.initial = [0.02, 0.1]",
         "$.parameters: at rule.initial = 0.02, book.accounts = 100: $: Object contains unknown"),
    ],
)  # fmt: skip
def test_a_point_that_no_model_takes_is_refused_before_anything_runs(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    spec = read(spec_of(tmp_path, GOOD.replace(old, new)))
    with pytest.raises(SweepError) as caught:
        checked_trees(spec, points(spec))
    assert said in str(caught.value)


def test_the_file_in_the_document_is_sound(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text()
    block = page.partition("```toml\n")[2].partition("```")[0]
    spec = read(spec_of(tmp_path, block))
    assert len(checked_trees(spec, points(spec))) == 6 * 3 * 2
