"""`seawall journal shadow`: an engine beside the live one, that says where they differ first."""

from __future__ import annotations

import time

from seawall.cli.output import DIFFERENCE, DONE, Failure, print_json, print_line, wrong_input


def run(where: str, seconds: float | None, every_ms: int, as_json: bool) -> int:
    """Follow a journal until it is finished, until a difference, or for so many seconds."""
    from seawall.engine.history.journal import JournalError
    from seawall.engine.history.standby import Shadow

    until = None if seconds is None else time.monotonic() + seconds
    try:
        shadow = Shadow(where)
        while True:
            followed = shadow.poll()
            ended = shadow.divergence is not None or shadow.is_finished
            if ended or (until is not None and time.monotonic() >= until):
                break
            if not followed:
                time.sleep(every_ms / 1000)
        shadow.close()
    except JournalError as error:
        raise wrong_input(error) from None
    found = shadow.divergence
    if as_json:
        print_json(
            {
                "journal": where,
                "ok": found is None,
                "events": shadow.engine.sequence,
                "state_hash": shadow.engine.state_hash(),
                "compared": shadow.compared,
                "difference": None if found is None else found._asdict(),
            }
        )
        return DONE if found is None else DIFFERENCE
    if found is not None:
        raise Failure(DIFFERENCE, f"event {found.sequence}: {found.component}: {found.message}")
    print_line(f"{shadow.engine.sequence:,} events followed, {shadow.compared:,} states compared")
    print_line(f"state hash {shadow.engine.state_hash()}")
    return DONE
