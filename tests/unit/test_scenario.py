import re
from pathlib import Path

import pytest

from seawall.simulation.bars import ScenarioError
from seawall.simulation.listing import instruments
from seawall.simulation.scenario_check import load

FILE = Path(__file__).parents[2] / "examples" / "crash-2024-08-05" / "scenario.toml"
DECIMALS = {"USDC": 6, "BTC": 8, "ETH": 8}


def changed(folder: Path, old: str, new: str) -> Path:
    text = FILE.read_text()
    assert re.search(old, text, re.M), f"{old!r} is not in the scenario"
    file = folder / "scenario.toml"
    file.write_text(re.sub(old, new, text, count=1, flags=re.M))
    return file


def test_the_example_is_read_and_listed() -> None:
    scenario = load(FILE)
    listed = {one.id: one for one in instruments(scenario, DECIMALS, 0)}
    # 17 BTC and 21 ETH strikes × 7 expiries × 2 rights, and 5 contracts.
    assert len(listed) == 5 + (17 + 21) * 7 * 2
    perpetual = listed["BTC/USDC:USDC"]
    assert (perpetual.lot, perpetual.tick) == (100_000, 10**9)  # 0.001 BTC, 0.1 dollar
    assert listed["BTC/USD:BTC"].lot == 100 * 10**10
    option = listed["ETH/USDC:USDC-240809-2900-P"]
    assert option.strike == 2900 * 10**10
    assert option.expires_ms == 1_723_190_400_000  # 2024-08-09T08:00Z
    assert (option.right, option.premium) == ("put", "paid")


WRONG = [
    ("^seed = .*", "seed = 'x'", "$.seed: Expected `int`, got `str`"),
    ("^seed = ", "sead = ", "$: Object contains unknown field `sead`"),
    ("^step_s = 300", "", "$.path: Object missing required field `step_s`"),
    ('^order = ".*"', 'order = "first"', "$.path.order: Invalid enum value 'first'"),
    ("^offsets_s = .*", "offsets_s = [100, 90, 300]", "$.path.offsets_s: must rise"),
    ("^offsets_s = .*", "offsets_s = [100, 200, 301]", "$.path.offsets_s: must rise"),
    ("^lot = 0.001", "lot = 0", "$.contracts[0].lot: 0 is not positive"),
    ("^lot = 0.001", "lot = nan", "$.contracts[0].lot: NaN is not a finite number"),
    ('^base = "BTC"', 'base = "XRP"', "$.contracts[0].base: XRP has no bars"),
    ('^id = "ETH/USDC:USDC"', 'id = "BTC/USDC:USDC"', "$.contracts: BTC/USDC:USDC is listed"),
    (r"^strike_range = \[40000.*", "", "$.chains[0].strikes: give either"),
    (r"\[40000, 80000, 2500\]", "[40000, 30000, 2500]", "$.chains[0].strike_range.width"),
    ("2024-08-06T08:00:00Z,", "2024-08-09T08:00:00Z,", "$.chains[0].expires: must rise"),
    (r"2024-08-05T06:20:00Z, 1.0", "2024-08-05T06:20:00Z, 1.1", "$.surface.stress[5][1]: 1.1"),
    ("2024-08-04T12:00:00Z, 0.1", "2024-08-03T00:00:00Z, 0.1", "$.surface.stress: must rise"),
    ("2024-08-04T12:00:00Z, 0.1", "2024-08-04T12:00:00, 0.1", "$.surface.stress[1][0]: 2024"),
    (r"^hours_utc = .*", "hours_utc = [24]", "$.funding.hours_utc: hours are 0 to 23"),
    ("^left_in_stress = 0.3", "left_in_stress = 0", "$.depth.left_in_stress: must lie"),
    (r"^share = [\d.]+ # A", "share = -1 # A", "$.depth.share: -1 is not positive"),
    ("^USDC = ", "USDC = -", "$.insurance_fund.USDC: is negative"),
    ("^share = 0.70", "share = 0.71", "$.population: the shares of isolated, cross and desks"),
    (r"^largest = [\d_]+", "largest = 50", "$.population.isolated.largest: must be above"),
    (r"\[50, 0.12\]", "[50, 0.13]", "$.population.isolated.leverage: shares"),
    (r'"BTC/USDC:USDC", 0.55', '"BTC/USDT", 0.55', "$.population.isolated.instruments: BTC"),
    ("^checkpoint_ticks = 250", "checkpoint_ticks = 0", "$.record.checkpoint_ticks: 0 is not"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(changed(tmp_path, old, new))
    assert str(refused.value).startswith(f"scenario.toml: {said}")
    assert "\n" not in str(refused.value)


def test_text_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("name = \n")
    with pytest.raises(ScenarioError, match=r"^scenario.toml: .*line 1"):
        load(file)
    with pytest.raises(ScenarioError, match=r"^none.toml: no such file"):
        load(tmp_path / "none.toml")


def test_a_lot_finer_than_the_coin_is_refused_by_its_place(tmp_path: Path) -> None:
    scenario = load(changed(tmp_path, "^lot = 0.001", "lot = 0.000000001"))
    with pytest.raises(ScenarioError, match=r"\$\.contracts\[0\]: 1E-9 has more than 8 decimals"):
        instruments(scenario, DECIMALS, 0)
    with pytest.raises(ScenarioError, match=r"\$\.contracts\[1\]: the rulebook has no coin ETH"):
        instruments(load(FILE), {"USDC": 6, "BTC": 8}, 0)
