"""A wrong world is refused in one line that names the file and the path of the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from seawall.simulation.bars import ScenarioError
from seawall.simulation.world import World, load, read
from seawall.simulation.world.small import SMALL, SMALL_RULES

GOOD = SMALL.replace("RULES", SMALL_RULES)
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "world").glob("*.toml"))

WRONG = [
    ("steps = 60", "steps = 0", "$.steps: must be at least 1, not 0"),
    ("steps = 60", 'steps = "x"', "$.steps: Expected `int`, got `str`"),
    ("steps = 60", "steps = 60\nspeed = 2", "$: Object contains unknown field `speed`"),
    ("price = 60_000", "price = nan", "$.coins[1].price: NaN is not a finite number"),
    ("price = 60_000", "price = 0", "$.coins[1].price: must lie in [0.000001, 100,000,000]"),
    ('follows = "USD"', 'follows = "BTC"', "$.coins[0].follows: BTC is neither USD nor a coin"),
    ("size = -0.06", "size = -1", "$.coins[1].shocks[0].size: must be above -1"),
    ('coin = "BTC"\n', 'coin = "ETH"\n', "$.books[0].coin: there is no coin ETH"),
    ("permanent = 1", "permanent = 2", "$.books[0].permanent: must lie in [0, 1], not 2"),
    ("permanent = 1", 'law = { law = "cubic" }', "$.books[0].law"),
    ("permanent = 1", 'law = { law = "sqrt", factor = 2 }', "$.books[0].law: factor: must lie in"),
    ("depth = 100_000_000", "depth = 0", "$.books[0].makers[0].depth: must lie in [1,"),
    ('BTC = "BTC" }', 'BTC = "x" }', "$.venues[0].books.BTC: there is no book x of BTC"),
    ('"isolated"\nbooks', '"x"\nbooks', "$.venues[0].maker_method: the rulebook has no margin"),
    ('base = "BTC"', 'base = "ETH"', "$.venues[0].contracts[0].base: the rulebook has no coin"),
    ("lot = 0.001", "lot = 0", "$.venues[0].contracts[0].lot: must be positive"),
    ("lot = 0.001", "lot = 1e-9", "$.venues[0].contracts[0].lot: must be positive with at most 8"),
    ("largest = 2_000_000", "largest = 1e20", "$.traders[0].largest: must lie in [1,"),
    ("count = 40", "count = 9_000_000", "$.traders[0].count: must be at most 1,000,000"),
    ('name = "street"', 'name = "fees"', "$.books: the maker's name fees is taken"),
    ('name = "street"', 'name = "trader 7"', "$: the name trader 7 is one of the people of trader"),
    ("fund = { USDC = 100_000_000 }", "fund = { X = 1 }", "$.venues[0].fund.X: must be a coin"),
    ("fee_ratio = 0,", "fee_ratio = 2,", "$.venues[0].rules: fee_ratio must lie in [0, 1]"),
    ('venue = "perps"', 'venue = "x"', "$.traders[0].venue: there is no venue x"),
    ('"BTC/USDC:USDC"\nmethod', '"x"\nmethod', "$.traders[0].contract: x is no perpetual"),
    (
        '"\nmethod = "isolated"\n',
        '"\nmethod = "x"\n',
        "$.traders[0].method: the rulebook has no margin",
    ),
    ("count = 40", "count = 0", "$.traders[0].count: must be at least 1, not 0"),
    ("largest = 2_000_000", "largest = 1", "$.traders[0].largest: must be above smallest"),
    ("[25, 0.4]", "[25, 0.5]", "$.traders[0].leverage: shares must sum to 1"),
    ("count = 40", 'count = 40\nbacked_by = "x"', "$.traders[0].backed_by: there are no 40"),
    (
        "count = 40",
        'count = 40\nrules = [{ rule = "panic", chance = 2 }]',
        "$.traders[0].rules[0].chance: must lie in [0, 1], not 2",
    ),
    (
        "count = 40",
        'count = 40\nrules = [{ rule = "pray" }]',
        "$.traders[0].rules[0].rule: Invalid value 'pray'",
    ),
]
MORE = [
    (
        '[[arbitrageurs]]\nname = "a"\nlegs = [{ venue = "perps", contract = "x" }, '
        '{ venue = "perps", contract = "x" }]\nmethods = ["isolated", "isolated"]\ncapital = 1\n'
        "position_max = 1\n",
        "$.arbitrageurs[0].legs[0]: perps does not list x",
    ),
    (
        '[[attackers]]\nname = "a"\nvenue = "perps"\ncoin = "BTC"\nsource = "s"\nstep = 1\n'
        "factor = 2\n",
        "$.attackers[0].source: no feed of BTC there hears s",
    ),
    (
        '[[keepers]]\nname = "k"\nvenue = "x"\nmethod = "isolated"\ncapital = 1\n',
        "$.keepers[0].venue: there is no venue x",
    ),
    (
        '[[dynamic_margin]]\nvenue = "perps"\nmethod = "isolated"\ncoin = "ETH"\nmultiple = 3\n',
        "$.dynamic_margin[0].method: there are no brackets of ETH in isolated",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[row[2] for row in WRONG])
def test_a_wrong_key_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError) as error:
        read(GOOD.replace(old, new, 1), "w.toml")
    assert str(error.value).startswith(f"w.toml: {said}"), str(error.value)


@pytest.mark.parametrize(("more", "said"), MORE, ids=[row[1] for row in MORE])
def test_a_wrong_stranger_is_named(more: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(GOOD + more, "w.toml")
    assert str(error.value).startswith(f"w.toml: {said}"), str(error.value)


def test_a_rulebook_is_given_once_and_must_be_there() -> None:
    both = GOOD.replace('name = "perps"', 'name = "perps"\nrulebook = "r.toml"', 1)
    with pytest.raises(ScenarioError, match="give either a file or the text as rules"):
        read(both, "w.toml")
    gone = SMALL.replace("rules = '''RULES'''", 'rulebook = "r.toml"')
    with pytest.raises(ScenarioError, match=r"w.toml: \$.venues\[0\].rulebook: r.toml cannot be"):
        read(gone, "w.toml")


def test_a_venue_whose_oracle_hears_nobody_is_refused_before_it_runs() -> None:
    oracle = """
[oracle.BTC]
sources = [{ id = "elsewhere" }]
age_max_ms = 60_000
outlier_ratio = 0.1
confidence_ratio_max = 0.1
withdrawal_age_max_ms = 60_000
liquidation_age_max_ms = 60_000
"""
    text = SMALL.replace("RULES", SMALL_RULES + oracle)
    with pytest.raises(ScenarioError, match=r"small: \$.venues\[0\]: perps has no price of BTC"):
        World(1, read(text, "small"))


def test_a_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere.toml: no such file"):
        load(Path("nowhere.toml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_are_right(file: Path) -> None:
    assert load(file).steps > 0
