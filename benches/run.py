"""Run every benchmark and print what was measured: `make bench`, or `python benches/run.py sweep`.

Each `bench_*.py` has a `run() -> dict` that measures and a `main()` that prints it alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; all of them if none is named")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    paths = sorted(HERE.glob("bench_*.py"))
    if chosen.names:
        paths = [p for p in paths if p.stem.removeprefix("bench_") in chosen.names]
    measured = {}
    for path in paths:
        name = path.stem.removeprefix("bench_")
        print(f"{name} …", file=sys.stderr, flush=True)
        measured[name] = measure(path)
        if not chosen.json:
            print(f"\n{name}")
            for key, value in measured[name].items():
                print(f"  {key:<44} {value}")
    if chosen.json:
        print(json.dumps(measured, default=str))


if __name__ == "__main__":
    main()
