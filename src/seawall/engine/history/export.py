"""A journal as text that any tool can read. Knows lines and files, not what an event means."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from seawall.engine.codec import CodecError, decode_event, event_json
from seawall.engine.history._store import sync_folder
from seawall.engine.history.journal import FORMAT, DamagedError, Entry, Journal, JournalError


def export(journal: Journal, path: Path) -> int:
    """Write the journal as lines of JSON and return how many events they hold.

    The first line says what the journal is, the last where it ends; between them is one line for
    each event. Integers are written in full, byte columns in base64, hashes in hex. The file
    appears whole or not at all.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    count = 0
    try:
        with partial.open("wb") as file:
            file.write(_line({"seawall_journal": FORMAT, "meta": journal.meta}))
            for entry in journal.entries():
                file.write(_line(_exported(journal, entry)))
                count += 1
            end = {"events": count, "state_hash": journal.final_hash()}
            file.write(_line({"end": end}))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise JournalError(f"{path}: the export was not written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return count


def _exported(journal: Journal, entry: Entry) -> dict[str, object]:
    try:
        event = event_json(decode_event(entry.event))
    except CodecError as error:
        raise DamagedError(
            f"{journal.name}: event {entry.sequence}: {error}", sequence=entry.sequence
        ) from None
    return {"sequence": entry.sequence, "chain": entry.chain.hex(), "event": msgspec.Raw(event)}


def _line(tree: dict[str, object]) -> bytes:
    return msgspec.json.encode(tree) + b"\n"
