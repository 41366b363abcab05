"""The main job as a person runs it: whole processes, compilation and start-up included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "examples" / "crash-2024-08-05" / "scenario.toml"


class Ran(NamedTuple):
    """One finished process."""

    seconds: float
    processor_seconds: float  # These do not grow while it waits.
    peak_gib: float
    printed: str


def timed(command: list[str], environment: dict[str, str]) -> Ran:
    """Run one process to its end; the operating system says what it used."""
    with tempfile.TemporaryFile("w+") as printed:
        begin = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment, stdout=printed, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, f"{command} ended with {child.returncode}"
        printed.seek(0)
        processor = used.ru_utime + used.ru_stime
        return Ran(seconds, processor, used.ru_maxrss / 2**20, printed.read())


def run() -> dict[str, Any]:
    seawall = str(Path(sys.executable).parent / "seawall")
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        # Compiled kernels go where NUMBA_CACHE_DIR says, so the first run of it is a cold one.
        environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}
        for label in ("cold", "warm"):
            command = [seawall, "replay", str(SCENARIO), "--out", f"{folder}/{label}", "--json"]
            ran = timed(command, environment)
            measured[f"replay {label} processor [s]"] = round(ran.processor_seconds, 1)
            measured[f"replay {label} peak memory [GiB]"] = round(ran.peak_gib, 2)
            result = json.loads(ran.printed)
            measured[f"replay {label} [s]"] = round(ran.seconds, 1)
            measured[f"replay {label} state hash"] = result["state_hash"]
            events = result["summary"]["events"]
            measured[f"replay {label} events"] = events
            measured[f"replay {label} [events/s]"] = round(events / ran.seconds)
            engine_seconds = float(result["summary"]["seconds"])
            measured[f"replay {label} without start and report [events/s]"] = round(
                events / engine_seconds
            )
        assert measured["replay cold state hash"] == measured["replay warm state hash"]
        plain = dict(os.environ)
        for label, command in (
            ("import seawall", [sys.executable, "-c", "import seawall"]),
            ("python alone", [sys.executable, "-c", "pass"]),
            ("seawall --help", [seawall, "--help"]),
        ):
            measured[f"{label} [s]"] = round(
                min(timed(command, plain).seconds for _ in range(7)), 3
            )
    return measured


def main() -> None:
    for key, value in run().items():
        print(f"{key:<40} {value}")


if __name__ == "__main__":
    main()
