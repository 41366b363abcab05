"""The night of 5 August 2024 with the impact of its own forced sales, off and on.

The engine, the accounts and the bars of `../crash-2024-08-05` again. Two sizes of the same law, the
square root with the half-life that January 2021 shows: through what a book of 8 August 2024 held
within 1 %, and as January's own tape has it, which is a far thinner market.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from seawall.engine.history.journal import Journal
from seawall.simulation.history.night import Night, night, through
from seawall.simulation.history.rerun import Law

CRASH = Path(__file__).parents[1] / "crash-2024-08-05" / "scenario.toml"
HALF_LIFE_MIN = 7.05  # depth.toml.


def laws() -> dict[str, dict[str, Law]]:
    """Each case's law of each coin."""
    measured = {  # Bids within 100 basis points, depth.csv; half of them for ETH, scenario.toml.
        "BTC": through("measured book", 74.2e6, 0.01, HALF_LIFE_MIN),
        "ETH": through("measured book", 37.1e6, 0.01, HALF_LIFE_MIN),
    }
    tenth = {
        "BTC": through("a tenth of it", 7.42e6, 0.01, HALF_LIFE_MIN),
        "ETH": through("a tenth of it", 3.71e6, 0.01, HALF_LIFE_MIN),
    }
    january = through("January 2021", 6.20e6, 0.018245, HALF_LIFE_MIN)
    return {
        "impact off": {},
        "measured book": measured,
        "a tenth of it": tenth,
        "January 2021": {"BTC": january, "ETH": january},
    }


def run(accounts: int, last_tick: int | None = None) -> dict[str, Night]:
    """Every case on the same accounts."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, of_coins) in enumerate(laws().items()):
            journal = Journal.create(str(Path(folder) / f"{number}.db"), {}, durability="normal")
            try:
                found[name] = night(CRASH, of_coins, journal, accounts, last_tick)
            finally:
                journal.close()
    return found


def report(found: dict[str, Night]) -> None:
    """Print the table."""
    still = found["impact off"].whole
    print("| impact | forced, m | amplification | accounts | BTC low | lower by | ETH low | by |")
    print("|---|---|---|---|---|---|---|---|")
    for name, one in found.items():
        low, deep = one.lowest, one.deepest
        print(
            f"| {name} | {one.whole / 1e6:,.1f} | {one.whole / still:.2f} | {one.liquidated:,} | "
            f"{low['BTC']:,.0f} | {deep['BTC']:.2%} | {low['ETH']:,.0f} | {deep['ETH']:.2%} |"
        )


if __name__ == "__main__":
    report(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
