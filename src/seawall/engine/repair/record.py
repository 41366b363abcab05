"""What operators put right so far: the corrections and reconciliations of a journal.

Those that were refused did nothing, and are told apart by the chain alone. Knows the journal.
"""

from __future__ import annotations

from seawall.engine.codec import GENESIS, decode_event, encode_effects, link
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import Corrected, Reconciled
from seawall.engine.history.journal import Entry, Journal

_TAGS = (b"corrected", b"reconciled")


class Record:
    """The amends of one journal; each event is read once, however often it is asked."""

    def __init__(self) -> None:
        self._sequence, self._chain = 0, GENESIS
        self._found: list[tuple[int, Corrected | Reconciled]] = []

    def read(self, journal: Journal) -> None:
        """Read what came since it was last read."""
        for entry in journal.entries(self._sequence + 1):
            if any(tag in entry.event for tag in _TAGS):
                event = decode_event(entry.event)
                if isinstance(event, Corrected | Reconciled) and not was_refused(
                    self._chain, entry
                ):
                    self._found.append((entry.sequence, event))
            self._sequence, self._chain = entry.sequence, entry.chain

    @property
    def corrected(self) -> list[tuple[int, Corrected]]:
        """Corrections with their sequences, in order."""
        return [(n, event) for n, event in self._found if isinstance(event, Corrected)]

    @property
    def reconciled(self) -> list[tuple[int, Reconciled]]:
        """Reconciliations with their sequences, in order."""
        return [(n, event) for n, event in self._found if isinstance(event, Reconciled)]

    def overlapping(self, first: int, last: int) -> list[int]:
        """Corrections of a window that shares an event with this one, by their sequences."""
        return [
            n
            for n, event in self.corrected
            if event.first_sequence <= last and first <= event.last_sequence
        ]


def was_refused(before: bytes, entry: Entry) -> bool:
    """Whether the chain says that an event did nothing but be refused."""
    return any(
        link(before, entry.event, encode_effects((Refused(reason=reason),))) == entry.chain
        for reason in Reason
    )
