"""How many batches and rows a journal keeps each second, and how fast they are read back.

    python benches/bench_journal.py [--json] [--folder .] [--url postgresql://…]

The folder decides which disk is measured: a full batch waits for that disk's own cache to be
flushed. A batch is what one price tick leaves behind: three events of about 100 bytes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from seawall.engine.codec import GENESIS, decode_event, encode_effects, encode_event, link
from seawall.engine.event import Priced
from seawall.engine.history.journal import Entry, Journal

SINGLE_BATCHES = 2_000
BULK_ROWS = 200_000
BULK_BATCH = 10_000
BEST_OF = 3


def rows(count: int) -> list[Entry]:
    """Ticks with four prices each, chained as the engine chains them."""
    chain, nothing, made = GENESIS, encode_effects(()), []
    for sequence in range(1, count + 1):
        prices = tuple((coin, 10**14 + sequence * coin) for coin in range(4))
        event = encode_event(Priced(time_ms=1_700_000_000_000 + sequence, price=prices))
        chain = link(chain, event, nothing)
        made.append(Entry(sequence, 1_700_000_000_000 + sequence, event, chain))
    return made


def seconds_to_append(where: str | Path, made: list[Entry], batch: int, durability: Any) -> float:
    best = float("inf")
    for _ in range(BEST_OF):
        with Journal.create(where, overwrite=True, durability=durability) as journal:
            begin = time.perf_counter()
            for start in range(0, len(made), batch):
                journal.append(made[start : start + batch])
            best = min(best, time.perf_counter() - begin)
    return best


def measure(where: str | Path) -> dict[str, Any]:
    """Rates at one address; what is there is overwritten."""
    made = rows(BULK_ROWS)
    found: dict[str, Any] = {"event_bytes": len(made[-1].event)}
    for durability in ("full", "normal"):
        seconds = seconds_to_append(where, made[: 3 * SINGLE_BATCHES], 3, durability)
        found[f"batches_of_3_per_second_{durability}"] = round(SINGLE_BATCHES / seconds)
    seconds = seconds_to_append(where, made, BULK_BATCH, "full")
    found["bulk_rows_per_second_full"] = round(BULK_ROWS / seconds)
    with Journal.open(where) as journal:
        begin = time.perf_counter()
        assert sum(1 for _ in journal.entries()) == BULK_ROWS
        found["rows_read_per_second"] = round(BULK_ROWS / (time.perf_counter() - begin))
    begin = time.perf_counter()
    for entry in made:
        decode_event(entry.event)
    found["events_decoded_per_second"] = round(BULK_ROWS / (time.perf_counter() - begin))
    return found


def run(folder: str | Path | None = None, url: str | None = None) -> dict[str, Any]:
    """Measure SQLite in a folder, and PostgreSQL too where a URL is given."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        found = {f"sqlite_{key}": value for key, value in measure(Path(place, "a.db")).items()}
    if url is not None:
        found |= {f"postgresql_{key}": value for key, value in measure(url).items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--folder", help="where the SQLite file lies; a temporary folder if absent")
    parser.add_argument("--url", help="a PostgreSQL schema, whose journal is overwritten")
    chosen = parser.parse_args()
    found = run(chosen.folder, chosen.url)
    if chosen.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:<45} {value:>12,}")


if __name__ == "__main__":
    main()
