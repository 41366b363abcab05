"""Run every benchmark and print what was measured: `make bench`, or `python benches/run.py sweep`.

Each `bench_*.py` has a `run() -> dict` that measures and a `main()` that prints it alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def measure(path: Path) -> dict[str, Any]:
    """Load one benchmark and run it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return dict(module.run())


def load() -> str:
    """How busy the machine is: numbers taken on a busy one are only an upper bound of the time."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def flat(measured: dict[str, Any], above: str = "") -> dict[str, str]:
    """One line for each number, four digits of it."""
    lines: dict[str, str] = {}
    for key, value in measured.items():
        if isinstance(value, dict):
            lines |= flat(value, f"{above}{key}.")
        elif isinstance(value, float):
            digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
            lines[above + key] = digits
        else:
            lines[above + key] = f"{value:,}" if isinstance(value, int) else str(value)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; all of them if none is named")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    out = sys.stderr if chosen.json else sys.stdout
    paths = sorted(HERE.glob("bench_*.py"))
    if chosen.names:
        paths = [p for p in paths if p.stem.removeprefix("bench_") in chosen.names]
    assert paths, f"no benchmark is called {' or '.join(chosen.names)}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {load()}",
        file=out,
    )
    measured = {}
    for path in paths:
        name = path.stem.removeprefix("bench_")
        print(f"{name} …", file=sys.stderr, flush=True)
        measured[name] = measure(path)
        if not chosen.json:
            print(f"\n{name}")
            for key, line in flat(measured[name]).items():
                print(f"  {key:<44} {line:>16}")
    print(load(), file=out)
    if chosen.json:
        print(json.dumps(measured, default=str))


if __name__ == "__main__":
    main()
