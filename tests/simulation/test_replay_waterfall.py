"""A run under rules with several funds: their accounts stand before those of users."""

from __future__ import annotations

import shutil
from pathlib import Path

from seawall.engine import Engine
from seawall.engine.codec import decode_event
from seawall.engine.effect import Deleveraged, Effects
from seawall.engine.history.journal import Journal
from seawall.engine.losses.waterfall import waterfall_report
from seawall.simulation.replay import Replay

FUNDS = """
[[funds]]
name = "ether"
markets = ["ETH"]
fee_share = 1
[[funds]]
name = "insurance_fund"
event_cap = 0.2
fee_share = 1
"""


def test_a_run_with_several_funds_conserves_and_fills_both(cut: Path, tmp_path: Path) -> None:
    for file in cut.parent.iterdir():
        if file.suffix in (".toml", ".csv"):
            shutil.copy(file, tmp_path)
    rules = tmp_path / "rules.toml"
    written = rules.read_text().replace('rule = "pro_rata"', 'rule = "per_contract"')
    rules.write_text(written.replace('"profit_times_leverage"', '"pro_rata"') + FUNDS)
    where = tmp_path / "run.db"
    with Journal.create(where, durability="normal") as journal:
        recording = Replay(tmp_path / cut.name, journal).run()
    assert recording is not None
    assert recording.summary.accounts == 1_000
    assert recording.summary.zero_sum
    assert recording.summary.liquidations_full > 0
    engine = Engine()
    told: list[Effects] = []
    with Journal.open(where, read_only=True) as journal:
        for entry in journal.entries():
            told.extend(engine.apply(decode_event(entry.event)))
        assert journal.final_hash() == engine.state_hash()
    engine.check()
    ether = engine.account("ether")
    assert ether == 6  # After the system's accounts, before users.
    taken = [effect for effect in told if isinstance(effect, Deleveraged)]
    assert all(effect.counterparty > ether for effect in taken)
    report = waterfall_report(told)
    assert report.book > 0
    assert dict(report.funds)[ether] > 0  # What it paid, it had from fees of ETH contracts.
