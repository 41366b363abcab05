"""Laws of a sweep: designs, tails, fronts, paths, and that order leaves no trace."""

from __future__ import annotations

import random
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.simulation.sweep import Objective, Outcome, Range, Spec, latin_hypercube, pareto
from seawall.simulation.sweep.design import points, seed_of
from seawall.simulation.sweep.effects import effects
from seawall.simulation.sweep.judged import recommended, rows, tail_of
from seawall.simulation.sweep.kept import Kept
from seawall.simulation.sweep.paths import toml_text, with_value
from seawall.simulation.sweep.work import Answer

AMOUNTS = st.integers(0, 10**11).map(lambda cents: cents / 100)


def small_spec(**changes: Any) -> Spec:
    terms: dict[str, Any] = {
        "name": "small", "seed": 1, "runs": 20, "base": {},
        "parameters": {"a": (1, 2, 3), "b": Range(low=Decimal(0), high=Decimal(1), steps=4)},
    }  # fmt: skip
    return Spec(**(terms | changes))


@given(st.integers(0, 2**63 - 1), st.integers(1, 60), st.integers(1, 6))
def test_a_hypercube_visits_each_part_once(seed: int, count: int, width: int) -> None:
    shares = latin_hypercube(seed, count, width)
    assert ((shares > 0) & (shares < 1)).all()
    for column in range(width):
        assert sorted((shares[:, column] * count).astype(int)) == list(range(count))
    assert (shares == latin_hypercube(seed, count, width)).all()


def test_a_hypercube_has_no_order_between_columns() -> None:
    shares = latin_hypercube(5, 400, 4)
    correlation = np.corrcoef(shares, rowvar=False) - np.eye(4)
    assert np.abs(correlation).max() < 0.15  # Three standard errors of 1 ÷ √400.


def test_a_list_in_a_hypercube_comes_up_equally_often() -> None:
    spec = small_spec(design="latin_hypercube", points=30, parameters={"a": ("x", "y", "z")})
    values = [point["a"] for point in points(spec)]
    assert [values.count(one) for one in "xyz"] == [10, 10, 10]


@given(st.lists(AMOUNTS, min_size=1, max_size=60), st.sampled_from(["0.5", "0.9", "0.95", "0.99"]))
def test_a_shortfall_is_the_least_of_rockafellar_and_uryasev(
    losses: list[float], confidence: str
) -> None:
    # ES = min over z of z + Σ max(loss − z, 0) ÷ (n · (1 − confidence)); the least is at a loss.
    tail = tail_of(losses, Decimal(confidence))
    share = 1 - float(confidence)
    least = min(z + sum(max(one - z, 0) for one in losses) / (len(losses) * share) for z in losses)
    assert tail.shortfall == pytest.approx(least, rel=1e-9, abs=1e-9)
    assert tail.value <= tail.shortfall * (1 + 1e-12) <= max(losses) * (1 + 2e-12)


def test_the_error_of_a_shortfall_is_what_repeated_samples_show() -> None:
    numbers = np.random.default_rng(1)
    tails = [tail_of((-np.log(numbers.random(400))).tolist(), Decimal("0.9")) for _ in range(400)]
    spread = float(np.std([one.shortfall for one in tails]))
    # Exponential losses: ES = ln 10 + 1 and error² = (1 + 0.9) ÷ 40.
    assert np.mean([one.shortfall for one in tails]) == pytest.approx(np.log(10) + 1, rel=0.02)
    assert spread == pytest.approx((1.9 / 40) ** 0.5, rel=0.12)
    assert np.mean([one.error for one in tails]) == pytest.approx(spread, rel=0.12)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25))
def test_a_front_is_what_nobody_beats(pairs: list[tuple[int, int]]) -> None:
    found = [(float(a), float(b)) for a, b in pairs]
    unbeaten = [
        place
        for place, one in enumerate(found)
        if not any(a <= one[0] and b <= one[1] and (a, b) != one for a, b in found)
    ]
    assert pareto(found) == unbeaten


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=12, max_size=12))
def test_a_recommendation_is_the_cheapest_within_the_limit(pairs: list[tuple[int, int]]) -> None:
    spec = small_spec(runs=1, objective=Objective(limit=Decimal(2)))
    results = {
        (place, 0): Outcome(float(loss), 0.0, 0.0, 0.0, float(cost), 0.5)
        for place, (cost, loss) in enumerate(pairs)
    }
    found = recommended(rows(spec, points(spec), results), spec.objective)
    inside = [(cost, loss, place) for place, (cost, loss) in enumerate(pairs) if loss <= 2]
    if not inside:
        assert found.chosen is None
        assert found.nearest.expected_shortfall == min(loss for _, loss in pairs)
        return
    best = min(inside)
    assert found.chosen is not None
    assert found.chosen.place == best[2]
    assert {one.place for one in found.ties} == {c for a, _, c in inside if a == best[0]} - {
        best[2]
    }
    dearer = [one for one in inside if one[0] > best[0]]
    assert (found.next_best and found.next_best.place) == (min(dearer)[2] if dearer else None)


@given(st.randoms(use_true_random=False))
def test_the_order_of_answers_leaves_no_trace(dice: random.Random) -> None:
    spec, found = small_spec(runs=6), points(small_spec())
    draw = random.Random(1)
    items = [
        ((place, run), Outcome(*(draw.uniform(0, 1e6) for _ in Outcome._fields[:6])))
        for place in range(len(found))
        for run in range(spec.runs)
    ]
    before = rows(spec, found, dict(items))
    dice.shuffle(items)
    after = rows(spec, found, dict(items))
    assert before == after
    assert effects(before) == effects(after)


def test_an_effect_without_interaction_is_explained_whole() -> None:
    spec = small_spec(runs=1)
    found = points(spec)
    results = {
        (place, 0): Outcome(0.0, 0.0, 0.0, 0.0, float(point["a"]), 0.0)
        for place, point in enumerate(found)
    }
    first, second = effects(rows(spec, found, results))
    assert [level.means[0] for level in first.levels] == [1.0, 2.0, 3.0]
    assert (first.explained[0], second.explained[0]) == (1.0, 0.0)
    assert first.explained[1] == 0.0  # A measure that does not move has nothing to explain.


def test_seeds_hang_on_values_and_not_on_places() -> None:
    few, many = small_spec(), small_spec(parameters={"a": (0, 1, 2, 3), "b": (0, 1)})
    point = {"a": 2, "b": Decimal("1.0")}
    assert seed_of(few, point, 3) == seed_of(many, {"a": 2, "b": Decimal(1)}, 3)
    seeds = {seed_of(few, one, run) for one in points(few) for run in range(20)}
    assert len(seeds) == 12 * 20
    shared = small_spec(draws="shared")
    assert len({seed_of(shared, one, run) for one in points(few) for run in range(20)}) == 20


KEYS = st.text('abc -_.é"\\', min_size=1, max_size=5)
LEAVES = (
    st.integers(-(10**12), 10**12)
    | st.decimals(-(10**6), 10**6, places=9)
    | st.booleans()
    | st.text(max_size=20).filter(lambda text: "\x7f" not in text)
)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(TREES)
def test_written_toml_reads_back(tree: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(tree), parse_float=Decimal) == tree


@given(TREES, KEYS, KEYS)
def test_setting_one_leaf_leaves_the_others(tree: dict[str, Any], key: str, other: str) -> None:
    tree = {k: v for k, v in tree.items() if k not in {key, other}}
    before = toml_text(tree)
    changed = with_value(tree, (key, "x"), 1)
    assert changed == {**tree, key: {"x": 1}}
    assert toml_text(tree) == before


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
                min_size=1, max_size=5), st.integers(0, 400))  # fmt: skip
def test_kept_runs_come_back_to_the_bit_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[list[float]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    answers = [Answer(n, (n,), (Outcome(*one, f"{n:x}"),), "code") for n, one in enumerate(numbers)]
    with Kept(folder, "s" * 64, "code") as kept:
        for answer in answers:
            kept.add(answer)
        whole, path = kept.results, kept.path
    assert path.name == "runs-ssssssssssssssss.jsonl"
    text = path.read_bytes()
    path.write_bytes(text[: max(0, len(text) - cut)])
    with Kept(folder, "s" * 64, "code") as again:
        for place, outcome in again.results.items():
            assert [x.hex() for x in outcome[:6]] == [x.hex() for x in whole[place][:6]]
            assert outcome.state_hash == whole[place].state_hash
        for answer in answers[len(again.results) :]:
            again.add(answer)
        assert again.results == whole
    assert Path(path).read_bytes() == text
