"""One cascade of 10,000 accounts over 100 steps: here, in Mesa, agentpy and radCAD.

    python benches/rivals/cascade_abm.py

Each rival is installed in an environment of its own below a temporary folder, and given the same
draws. `benches/README.md` states the model. All must end at the same price with the same accounts
closed, which is asserted. Account-steps a second are 10,000 × 100 ÷ the median of the runs, in time
of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

MODELS = Path(__file__).parent / "models"
RIVALS = {
    "mesa": ["mesa"],
    "agentpy": ["agentpy"],
    "radcad": ["radcad", "numpy", "typing_extensions"],  # It imports the last and does not say so.
}
ACCOUNTS, STEPS = 10_000, 100
SEED = 20251010
WANTED = 100.0  # Times Mesa.


def draws() -> dict[str, Any]:
    """Liquidation prices over half of the price, heavy-tailed sizes, a falling random walk."""
    dice = np.random.default_rng(SEED)
    units = dice.pareto(1.5, ACCOUNTS) + 0.1
    return {
        "price": 100.0,
        "impact": 15.0 / float(units.sum()),  # Everybody together is worth a fall of 15.
        "shocks": dice.normal(-0.25, 0.6, STEPS).tolist(),
        "liquidation_price": (100.0 * (1.0 - dice.uniform(0.01, 0.6, ACCOUNTS))).tolist(),
        "units": units.tolist(),
    }


def environment(folder: Path, name: str) -> Path:
    """Make an environment with one rival, unless it is there; return its Python."""
    place = folder / name
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    if python.exists():
        return python
    venv.create(place, with_pip=True)
    print(f"installing {name} …", file=sys.stderr, flush=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *RIVALS[name]],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return python


def ran(python: Path | str, name: str, given: Path, runs: int) -> dict[str, Any]:
    """Run one library's forms in a process of their own."""
    done = subprocess.run(
        [python, MODELS / f"in_{name}.py", given, str(runs)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, f"{name} failed:\n{done.stderr}"
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def compare(runs: int, kept: Path | None = None) -> dict[str, Any]:
    """Measure every library and hold all to one outcome; environments may be kept in a folder."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        given = Path(folder) / "draws.json"
        given.write_text(json.dumps(draws()))
        places = {name: environment(kept or Path(folder), name) for name in RIVALS}
        found["seawall"] = ran(sys.executable, "seawall", given, runs)
        for name, python in places.items():
            found[name] = ran(python, name, given, runs)
    forms = [form for told in found.values() for form in told["forms"].values()]
    first = forms[0]
    for form in forms:
        assert form["closed"] == first["closed"], "another number of accounts closed"
        assert abs(form["final"] - first["final"]) < 1e-9 * first["final"], "another final price"
    return found


def rows(found: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    """(library, form, account-steps a second, the same with building the model)."""
    made = []
    for told in found.values():
        for name, form in told["forms"].items():
            run = median(form["run"])
            whole = median(map(sum, zip(form["build"], form["run"], strict=True)))
            made.append((told["version"], name, ACCOUNTS * STEPS / run, ACCOUNTS * STEPS / whole))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each form that count")
    parser.add_argument("--json", action="store_true", help="print everything that was measured")
    parser.add_argument("--keep", type=Path, help="folder in which environments stay installed")
    asked = parser.parse_args()
    found = compare(asked.runs, asked.keep)
    if asked.json:
        print(json.dumps(found))
        return
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    one = next(iter(found["seawall"]["forms"].values()))
    print(f"{platform.machine()}, Python {platform.python_version()}{load}; median of {asked.runs}")
    print(f"all end at {one['final']:.6f} with {one['closed']:,} of {ACCOUNTS:,} accounts closed\n")
    table = rows(found)
    mesa = max(speed for library, _, speed, _ in table if library.startswith("Mesa"))
    whole = max(speed for library, _, _, speed in table if library.startswith("Mesa"))
    print(
        f"{'':16} {'':36} {'account-steps/s':>16} {'with building':>16} {'× Mesa':>8} {'built':>8}"
    )
    for library, form, speed, built in table:
        print(
            f"{library:16} {form:36} {speed:16,.0f} {built:16,.0f} "
            f"{speed / mesa:8.1f} {built / whole:8.1f}"
        )
    ours = table[0][2] / mesa
    built = table[0][3] / whole
    print(f"\nours against Mesa's fastest form: {ours:,.0f} times; built too: {built:,.0f}")
    print(f"wanted: at least {WANTED:.0f}")


if __name__ == "__main__":
    main()
