"""`seawall journal`: is the journal what the engine does, and the journal as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import (
    CANNOT_WRITE,
    DIFFERENCE,
    DONE,
    Failure,
    print_json,
    print_line,
    progress,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.engine.history.journal import Journal


def opened(where: str) -> Journal:
    """Open a journal to read it; what is not one is wrong input, a damaged one a difference."""
    from seawall.engine.history.journal import DamagedError, Journal, JournalError

    try:
        return Journal.open(where, read_only=True)
    except DamagedError as error:
        raise Failure(DIFFERENCE, str(error)) from None
    except JournalError as error:
        raise wrong_input(error) from None


def verify(where: str, as_json: bool) -> int:
    """Replay from nothing and compare every chain link, checkpoint and the final hash."""
    from seawall.engine import Engine
    from seawall.engine.history.journal import JournalError
    from seawall.engine.history.replay import verify

    with opened(where) as journal, progress("verifying", "events", as_json) as tell:
        try:
            shown = verify(journal, Engine, tell)
        except JournalError as error:
            raise wrong_input(error) from None
        except Exception as error:  # The engine itself gave up on an event of the journal.
            raise Failure(DIFFERENCE, f"{where}: {type(error).__name__}: {error}") from None
    found = shown.difference
    if as_json:
        difference = None
        if found:
            difference = {
                "sequence": found.sequence,
                "fault": found.fault.value,
                "message": found.message,
            }
        print_json(
            {
                "journal": where,
                "ok": shown.ok,
                "events": shown.events,
                "checkpoints": shown.checkpoints,
                "finished": shown.finished,
                "state_hash": shown.state_hash,
                "difference": difference,
            }
        )
        return DONE if shown.ok else DIFFERENCE
    if found:
        raise Failure(DIFFERENCE, f"event {found.sequence}: {found.fault.value}: {found.message}")
    end = "sealed" if shown.finished else "not sealed: it may go on"
    print_line(f"{shown.events:,} events and {shown.checkpoints:,} checkpoints agree; {end}")
    print_line(f"state hash {shown.state_hash}")
    return DONE


def export(where: str, output: Path | None, as_json: bool) -> int:
    """Write the journal as lines of JSON, whole or not at all."""
    from seawall.engine.history.export import export
    from seawall.engine.history.journal import DamagedError, JournalError

    target = output or Path(Path(where.rsplit("/", 1)[-1]).stem + ".jsonl")
    with opened(where) as journal:
        try:
            count = export(journal, target)
        except DamagedError as error:
            raise Failure(DIFFERENCE, str(error)) from None
        except JournalError as error:
            code = CANNOT_WRITE if isinstance(error.__cause__, OSError) else None
            raise (Failure(code, str(error)) if code else wrong_input(error)) from None
    if as_json:
        print_json({"journal": where, "output": str(target), "events": count})
    else:
        print_line(f"{count:,} events written to {target}")
    return DONE
