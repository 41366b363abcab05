"""The waves of 10 October 2025: what deleveraging needed, what was taken, what a policy takes.

The published folder holds aggregates by wave and by shock, no positions. So each wave's winners
stand here as the one number that is known of them, the profit that could be taken, split over
invented accounts; what is checked is the sum, which no split may change. Dollars become numeraire
atoms; the publisher's own sums are floats, hence the cent of tolerance.
"""

from __future__ import annotations

import csv
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.liquidation import share_pro_rata
from seawall.liquidation.allocation import allocate
from seawall.liquidation.deleveraging import Candidate
from seawall.liquidation.overshoot import Overshoot, total

ATOMS = 10**10
CENT = ATOMS // 100
FOLDER = Path(os.environ.get("SEAWALL_DATA", "")) / "open" / "adl_2025_10_10"

pytestmark = pytest.mark.skipif(
    "SEAWALL_DATA" not in os.environ or not FOLDER.is_dir(),
    reason="the waves of 10 October 2025 are not at $SEAWALL_DATA/open/adl_2025_10_10",
)


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def atoms(dollars: str) -> int:
    return int(Decimal(dollars) * ATOMS)


def test_pro_rata_takes_exactly_what_was_needed_in_every_wave() -> None:
    waves = []
    for wave in rows("policy_per_wave_metrics.csv"):
        needed, capacity = atoms(wave["budget_needed"]), atoms(wave["total_cap"])
        assert capacity >= needed, "the winners of this wave could not carry it"
        parts = [capacity // 7 + (place < capacity % 7) for place in range(7)]
        shares, left = share_pro_rata(needed, [(n, part, part) for n, part in enumerate(parts)])
        taken = sum(share for _, share in shares)
        assert (taken, left) == (needed, 0)
        waves.append(Overshoot(needed, taken))
    assert len(waves) == 16
    assert total(waves).overshoot == total(waves).residual == 0
    print(f"pro rata: {len(waves)} waves, needed = taken = {total(waves).taken / ATOMS:,.2f}")
    assert abs(total(waves).needed - atoms("15079669.609008066")) < CENT  # cascade.md, §2.5.


def test_pro_rata_over_contracts_closes_exactly_the_contracts_of_each_wave() -> None:
    for row in rows("two_pass_wave_coin_gap_per_contract.csv"):
        lots = int(Decimal(row["qty_contracts"]).scaleb(6))
        if not lots:
            continue
        winners = [Candidate(n, -(lots // 3 + n), 1, 1, 1) for n in range(1, 6)]
        made = allocate("pro_rata", lots, winners)
        assert made.remainder == 0
        assert sum(take.lots for take in made.takes) == lots


def test_the_published_overshoot_of_production_comes_out() -> None:
    waves = rows("two_pass_equity_delta_by_wave.csv")
    seen = [Overshoot(atoms(w["budget_needed_usd"]), atoms(w["budget_prod_usd"])) for w in waves]
    for wave, one in zip(waves, seen, strict=True):
        published = atoms(wave["overshoot_prod_minus_needed_usd"])
        assert abs(one.overshoot - one.residual - published) < CENT
    headline = json.loads((FOLDER / "headlines.json").read_text())["headline"]
    both = total(seen)
    print(
        f"production: needed {both.needed / ATOMS:,.2f}, taken {both.taken / ATOMS:,.2f}, "
        f"overshoot {both.overshoot / ATOMS:,.2f}"
    )
    assert abs(both.overshoot - atoms(str(headline["prod_overshoot_vs_needed_usd"]))) < CENT
    gaps: dict[str, int] = {}
    for row in rows("two_pass_wave_coin_gap_per_contract.csv"):
        gaps[row["wave"]] = gaps.get(row["wave"], 0) + atoms(row["gap_usd_x_qty"])
    for wave, one in zip(waves, seen, strict=True):  # Needed is the gap to bankruptcy, by coin.
        assert abs(gaps[wave["wave"]] - one.needed) < CENT


def test_the_published_overshoot_and_residual_of_the_queue_come_out() -> None:
    shocks = []
    for row in rows("per_shock_metrics_queue.csv"):
        shock = Overshoot(atoms(row["deficit_usd"]), atoms(row["budget_queue_usd"]))
        assert abs(shock.overshoot - atoms(row["overshoot_queue_usd"])) < CENT
        assert abs(shock.residual - atoms(row["residual_queue_usd"])) < CENT
        shocks.append(shock)
    (published,) = rows("summary_totals.csv")
    over = sum(shock.overshoot for shock in shocks)
    left = sum(shock.residual for shock in shocks)
    print(
        f"queue: {len(shocks):,} shocks, overshoot {over / ATOMS:,.2f}, "
        f"residual {left / ATOMS:,.2f}"
    )
    assert abs(over - atoms(published["total_overshoot"])) < CENT
    assert abs(left - atoms(published["total_residual"])) < CENT
