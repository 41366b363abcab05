"""`seawall world`: both runs in one table or one object, and wrong files in one line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from seawall.cli import main
from seawall.money import parse_atoms
from seawall.simulation.world.small import SMALL, SMALL_RULES, small_world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace("RULES", SMALL_RULES))
    return place


def called(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["world", *arguments])
    told = capfd.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_the_object_is_what_the_world_reports(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = called(capfd, str(file), "--seed", "4", "--json")
    told = msgspec.json.decode(out)
    live, still = small_world(4).run(), small_world(4, impact=False).run()
    assert code == 0
    assert told["seed"] == 4
    for name, report in (("with_impact", live), ("without_impact", still)):
        assert told[name]["state_hash"] == report.state_hash
        prices = [parse_atoms(price, 10) for price in told[name]["prices"]["BTC"]]
        assert prices == list(report.prices["BTC"])
        venue = told[name]["venues"]["perps"]
        assert parse_atoms(venue["forced"], 10) == report.forced
        assert parse_atoms(venue["bad_debt"], 10) == report.bad_debt
        minutes = [parse_atoms(one, 10) for one in told[name]["forced_by_minute"]]
        assert sum(minutes) == report.forced


def test_the_table_names_both_lows_and_both_hashes(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = called(capfd, str(file), "--seed", "4")
    live, still = small_world(4).run(), small_world(4, impact=False).run()
    assert code == 0
    for report in (live, still):
        cents = min(report.prices["BTC"]) // 10**8
        assert f"{cents // 100:,}.{cents % 100:02d}" in out
        assert report.state_hash in out


def test_a_wrong_world_is_one_line_with_its_key(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text().replace("count = 40", "count = 0"))
    code, out, err = called(capfd, str(file))
    assert (code, out) == (2, "")
    assert err == "small.toml: $.traders[0].count: must be at least 1, not 0\n"
    code, _, err = called(capfd, str(file.with_name("gone.toml")))
    assert code == 2
    assert err.endswith("gone.toml: no such file\n")
