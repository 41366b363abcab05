"""The main job as a person runs it: whole processes, compilation and start-up included."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "examples" / "crash-2024-08-05" / "scenario.toml"


def processor_seconds() -> float:
    """Seconds of processor that ended children used; it does not grow while they wait."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds of one process, and what it printed."""
    begin = time.perf_counter()
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return time.perf_counter() - begin, ran.stdout


def run() -> dict[str, Any]:
    seawall = str(Path(sys.executable).parent / "seawall")
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled kernels go where NUMBA_CACHE_DIR says, so the first run of it is a cold one.
        environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}
        for label in ("cold", "warm"):
            command = [seawall, "replay", str(SCENARIO), "--out", f"{folder}/{label}", "--json"]
            before = processor_seconds()
            seconds, printed = timed(command, environment)
            measured[f"replay {label} processor [s]"] = round(processor_seconds() - before, 1)
            result = json.loads(printed)
            measured[f"replay {label} [s]"] = round(seconds, 1)
            measured[f"replay {label} state hash"] = result["state_hash"]
            events = result["summary"]["events"]
            measured[f"replay {label} events"] = events
            measured[f"replay {label} [events/s]"] = round(events / seconds)
            engine_seconds = float(result["summary"]["seconds"])
            measured[f"replay {label} without start and report [events/s]"] = round(
                events / engine_seconds
            )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        measured["replay peak memory [GiB]"] = round(peak, 2)
        assert measured["replay cold state hash"] == measured["replay warm state hash"]
        plain = dict(os.environ)
        for label, command in (
            ("import seawall", [sys.executable, "-c", "import seawall"]),
            ("python alone", [sys.executable, "-c", "pass"]),
            ("seawall --help", [seawall, "--help"]),
        ):
            measured[f"{label} [s]"] = round(min(timed(command, plain)[0] for _ in range(7)), 3)
    return measured


def main() -> None:
    for key, value in run().items():
        print(f"{key:<40} {value}")


if __name__ == "__main__":
    main()
