"""`make conformance VECTORS=DIR`: our rules against the numbers that venues and papers print.

Walks DIR for the JSON files that a checker knows, by folder and name (`perps/dydx_v4.json`), prints
for each the cases reproduced, skipped with the reason, and failed with the case's name. Exit code 1
if any case failed, 2 if there is no vector file at all.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import conformance
from conformance.case import Checker, Outcome


def checkers() -> dict[str, Checker]:
    """Every checker of the modules `check_*.py`, by the file that it knows."""
    known: dict[str, Checker] = {}
    for module in pkgutil.iter_modules(conformance.__path__):
        if module.name.startswith("check_"):
            files = importlib.import_module(f"conformance.{module.name}").FILES
            assert not known.keys() & files.keys(), f"{module.name} claims a file twice"
            known |= files
    return known


def outcomes(file: Path, checker: Checker) -> Iterator[Outcome]:
    """Judge one file; a checker that stumbles over a case fails, and says where."""
    try:
        yield from checker(json.loads(file.read_text(encoding="utf-8")), file.parent)
    except Exception as error:
        yield Outcome("the file", "failed", f"{type(error).__name__}: {error}")


def report(name: str, found: list[Outcome]) -> int:
    """Print one file's line, its reasons for skipping and its failures; return the failures."""
    count = collections.Counter(outcome.status for outcome in found)
    print(
        f"{name:44}{len(found):6} cases {count['reproduced']:6} reproduced"
        f"{count['skipped']:5} skipped{count['failed']:5} failed"
    )
    reasons = collections.Counter(one.detail for one in found if one.status == "skipped")
    for reason, cases in reasons.items():
        print(f"    skipped {cases}: {reason}")
    for outcome in found:
        if outcome.status == "failed":
            print(f"    FAILED {outcome.name}: {outcome.detail}")
    return count["failed"]


def run(folder: Path) -> int:
    """Judge every vector file below a folder."""
    known, failed, cases, unknown = checkers(), 0, 0, []
    for file in sorted(folder.rglob("*.json")):
        name = f"{file.parent.name}/{file.name}"
        if name not in known:
            unknown.append(name)
            continue
        found = list(outcomes(file, known[name]))
        cases += len(found)
        failed += report(name, found)
    for name in sorted({name.split("/")[0] for name in unknown}):
        files = [file.split("/")[1] for file in unknown if file.startswith(f"{name}/")]
        print(f"no checker yet, {name}: {', '.join(files)}")
    if not cases:
        print(f"{folder}: no vector file that a checker knows; name a folder with VECTORS=DIR")
        return 2
    print(f"{cases} cases, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    """Read the command line; the default folder is $SEAWALL_DATA/vectors."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("SEAWALL_DATA", "../shared/data")) / "vectors"
    parser.add_argument("vectors", nargs="?", type=Path, default=default)
    return run(parser.parse_args().vectors)


if __name__ == "__main__":
    sys.exit(main())
