"""Every drill of `examples/incidents/`: the failure under the old rule, and its absence after.

What a drill prints stands in `docs/incidents.md`, line by line.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DRILLS = ROOT / "examples" / "incidents"
NAMES = sorted(path.stem for path in DRILLS.glob("*.py") if path.stem != "drill")
DOLLAR = 10**10


@pytest.fixture(scope="module")
def drills() -> Iterator[dict[str, tuple[Any, dict[str, Any]]]]:
    """Each drill as a module, and what its rules did; run once."""
    sys.path.insert(0, str(DRILLS))
    try:
        modules = {name: importlib.import_module(name) for name in NAMES}
        yield {name: (module, module.run()) for name, module in modules.items()}
    finally:
        sys.path.remove(str(DRILLS))
        for name in ("drill", *NAMES):
            sys.modules.pop(name, None)


def test_12_march_2020(drills: Any) -> None:
    """Vaults come in 11 hours of which 4 are congested: 4 ÷ 11 of 100 is 36."""
    _, found = drills["march_2020"]
    english, spell, dutch, waits = found.values()
    assert [one.sold for one in found.values()] == [100] * 4
    assert english.below_half == 36
    # What is owed on a lot when its turn comes is two thirds of 50 × some 137 to 166 dollars.
    assert 36 * 50 * 137 * 0.6 < english.bad_debt / DOLLAR < 36 * 50 * 170 * 0.667
    assert (spell.below_half, spell.bad_debt) == (0, 0)
    assert (dutch.below_half, dutch.bad_debt) == (0, 0)
    assert dutch.left > spell.left > waits.left > english.left
    # Alone, a keeper may wait, but not for nothing: the debt is smaller by four fifths.
    assert waits.below_half == 0
    assert waits.bad_debt * 5 < english.bad_debt


def test_usde_on_one_book(drills: Any) -> None:
    _, found = drills["usde_depeg"]
    own, median, two = found.values()
    assert (own.lowest, median.lowest) == (6_500_000_000, 9_985_000_000)
    # Posted 100,000 at 0.65 × 95 % = 61,750; a position of N dollars lost 8 % and needs 5 % of the
    # rest: 61,750 − 0.08 N < 0.046 N above N = 490,079. Positions are 200,000 + 25,000 n, n < 20.
    assert own.liquidated == sum(200_000 + 25_000 * n > 490_079 for n in range(20)) == 8
    # At par it would be 95,000 < 0.126 N, above 753,968: nobody has that.
    assert median.liquidated == two.liquidated == 0
    assert median.left == two.left
    # Those that were closed at 3,680 less 1 %, with 0.5 % of fees, missed the way to 3,840.
    assert (median.left - own.left) / DOLLAR > 3_707_316 * (3_840 / 3_680 - 1 + 0.015) * 0.95


def test_a_stuck_feed(drills: Any) -> None:
    module, found = drills["stuck_oracle"]
    forever, aged = found.values()
    assert (forever.minutes, aged.minutes) == (120, 5)
    # Each minute 2,000,000 LUNA bring 55 % of 0.10, less a dollar, and cost 0.01.
    assert forever.borrowed == 120 * (110_000 - 1) * DOLLAR
    assert aged.borrowed == 5 * (110_000 - 1) * DOLLAR
    # What is left is sold at 0.01 less 5 %; the fee comes out of what an account still has.
    assert forever.bad_debt == forever.borrowed - 120 * 19_000 * DOLLAR
    assert forever.bad_debt > 20 * aged.bad_debt > 0
    assert module.STOPPED_FOR == 120


def test_a_spoofed_average(drills: Any) -> None:
    module, found = drills["spoofed_average"]
    back, none, whole, guarded, three = found.values()
    assert back.price == 19_000 * DOLLAR
    assert 14_750_000 < back.borrowed / DOLLAR < 15_620_000
    # 1,370 INV sold at 380 less 5 % bring 494,570.
    assert back.bad_debt == back.borrowed - 494_570 * DOLLAR
    # (1,788 + 12 × 50) ÷ 1,800 of the price: above a fifth, so the guard refuses it.
    assert whole.price == 380 * DOLLAR * (1_788 + 600) // 1_800
    assert {one.bad_debt for one in (none, whole, guarded, three)} == {0}
    assert (none.borrowed, guarded.borrowed) == (0, 0)
    assert three.price == 380 * DOLLAR
    pool, mean, proposer, median = module.costs().values()
    # 284,000 · (√50 − 1) = 1,724,182 and its fee; a mean is dear to move, except for a proposer.
    assert 1_724_182 < pool.capital < 1_724_182 * 1.0031
    assert mean.loss > 10 * pool.loss
    assert proposer.loss * 1_000 < pool.loss
    assert median.moved == 2


def test_a_wrong_cap(drills: Any) -> None:
    _, found = drills["wrong_cap"]
    lower, refused, half, together = found.values()
    # 2,000 · 1.1919 · (1 + 0.0968 · 7 ÷ 365) = 2,383.8 · 1.001856438… = 2,388.2253777534…
    assert lower.counted == 23_882_253_777_534
    assert (lower.liquidated, lower.fees > 0) == (34, True)
    assert 0.98 < lower.sold / 1e8 / 10_938 <= 1
    for one in (refused, half):
        assert (one.liquidated, one.sold, one.counted, one.can_withdraw) == (0, 0, 0, False)
    assert half.update == "refused"
    assert (together.liquidated, together.counted) == (0, 24_564 * DOLLAR // 10)
    assert together.can_withdraw


def test_one_position_and_the_fund(drills: Any) -> None:
    _, found = drills["yfi_2023"]
    flat, capped, scaled = found.values()
    assert flat.opened == capped.opened == 67_000_000 * DOLLAR
    # 6,700 YFI fall by 2,260 and are sold 1 % below 7,740: 15,142,000 + 518,580 − 6,700,000.
    assert flat.fund_lost == (15_142_000 + 518_580 - 6_700_000) * DOLLAR
    assert round(flat.share, 3) == Decimal("0.398")  # 8,960,580 ÷ 22,500,000
    # Half of a fund of 2.25 million and a twentieth of 20.25 million, at most.
    assert 0 <= capped.fund_lost <= (1_125_000 + 1_012_500) * DOLLAR
    # What they cannot carry is closed at 10,000 · 0.9, where the position was broke.
    assert capped.deleveraged == 6_700 * 9_000 * DOLLAR
    # At 8 million, 10 % + 90 % · 3 ÷ 5 = 64 % is 5.12 million; at 9 million 82 % is 7.38.
    assert scaled.opened == 8_000_000 * DOLLAR
    assert (scaled.fund_lost, scaled.deleveraged) == (0, 0)


def test_a_vault_that_must_take(drills: Any) -> None:
    _, found = drills["jelly_2025"]
    everything, limited, scaled, both = found.values()
    # 430,000 lots are broke at 9.50 + 410,000 ÷ 430,000 dollars, and stand at 38.40 later. The
    # price of a whole JELLY has ten decimals, so a lot's has seven: 0.01 dollars over all of them.
    loss = (430_000 * 384 // 10 - 4_085_000 - 410_000) * DOLLAR
    assert 0 <= everything.vault_lost - loss < DOLLAR // 10
    assert everything.attacker == everything.vault_lost
    # 500,000 dollars at 10.40 are 48,076 lots.
    assert limited.vault_lost * 430_000 == pytest.approx(everything.vault_lost * 48_076)
    assert limited.deleveraged + limited.taken_over == everything.taken_over
    assert scaled.opened * 6 < everything.opened
    assert both.vault_lost * 40 < everything.vault_lost


@pytest.mark.parametrize("name", NAMES)
def test_what_a_drill_prints_is_in_the_document(
    name: str, drills: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module, found = drills[name]
    module.report(found)
    document = (ROOT / "docs/incidents.md").read_text()
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("  ")]
    assert len(rows) > len(found)
    for line in rows:
        cells = re.split(r"  +", line.strip())
        if set(line) <= {" ", "-"}:
            continue
        assert f"| {' | '.join(cells)} |" in document


def test_every_drill_is_listed() -> None:
    readme = (DRILLS / "README.md").read_text()
    assert NAMES
    for name in NAMES:
        assert f"`{name}.py`" in readme
