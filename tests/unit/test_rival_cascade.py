"""The cascade of `benches/rivals`: our two forms against a loop over accounts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "benches" / "rivals" / "models" / "in_seawall.py"


@pytest.mark.parametrize("seed", [1, 2])
def test_both_forms_end_where_a_loop_ends(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    prices = [100 - dice.uniform(1, 40) for _ in range(200)]
    units = [dice.paretovariate(1.5) for _ in prices]
    shocks = [dice.gauss(-0.4, 0.6) for _ in range(40)]
    impact = 12 / sum(units)
    price, still_open, waves = 100.0, dict(enumerate(prices)), 0
    for shock in shocks:
        price += shock
        reached = [account for account, at in still_open.items() if at >= price]
        for account in reached:
            del still_open[account]
        waves += bool(reached)
        price -= impact * sum(units[account] for account in reached)
    assert 0 < len(still_open) < 200, "nobody, or everybody: that would prove little"
    assert waves > 3
    draws = {
        "price": 100.0,
        "impact": impact,
        "shocks": shocks,
        "liquidation_price": prices,
        "units": units,
    }
    given = tmp_path / "draws.json"
    given.write_text(json.dumps(draws))
    ran = subprocess.run(
        [sys.executable, MODEL, given, "1"], check=True, capture_output=True, text=True
    )
    for form in json.loads(ran.stdout)["forms"].values():
        assert form["closed"] == 200 - len(still_open)
        assert form["final"] == pytest.approx(price, rel=1e-12)
