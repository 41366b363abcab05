"""What a channel said last, in order, within a fixed number of messages and bytes.

One thread writes, another one reads; each reader keeps only its place. Knows no socket, no engine.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple


class Message(NamedTuple):
    """One update as it is sent to everybody, encoded once."""

    place: int  # Of the channel's messages since the process began: 0, 1, 2, …
    sequence: int
    previous: int  # The sequence of the message before.
    bytes_until: int  # Of all messages up to this one.
    text: str


class Tape:
    """The last messages of one channel.

    >>> tape = Tape(messages_most=2)
    >>> for sequence in (5, 6, 9):
    ...     _ = tape.add(sequence, f"at {sequence}")
    >>> [message.text for message in tape.since(1)]
    ['at 6', 'at 9']
    >>> tape.since(0) is None
    True
    """

    def __init__(
        self, sequence: int = 0, *, messages_most: int = 1024, bytes_most: int = 4 << 20
    ) -> None:
        """`sequence` is of what the channel stood at before its first message."""
        self.messages_most, self.bytes_most = messages_most, bytes_most
        self.sequence = sequence  # Of the last message, or of what stood before the first.
        self.end = 0  # The place of the next message.
        self.bytes_until = 0
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, sequence: int, text: str) -> Message:
        """Write a message at the end; the oldest leave while there are too many."""
        assert sequence >= self.sequence, "a channel's sequence never goes back"
        size = len(text)  # JSON of ours is nearly all ASCII; a few bytes more change no limit.
        message = Message(self.end, sequence, self.sequence, self.bytes_until + size, text)
        with self._lock:
            self._messages.append(message)
            self._bytes += size
            self.end += 1
            self.sequence, self.bytes_until = sequence, message.bytes_until
            while len(self._messages) > 1 and (
                len(self._messages) > self.messages_most or self._bytes > self.bytes_most
            ):
                self._bytes -= len(self._messages.popleft().text)
        return message

    def clear(self, sequence: int) -> None:
        """Forget everything, for something is missing between; go on after `sequence`."""
        with self._lock:
            self._messages.clear()
            self._bytes = 0
            self.sequence = sequence

    def since(self, place: int) -> list[Message] | None:
        """The messages from a place on; None where they are not all held any more."""
        with self._lock:
            missing = self.end - place
            if missing <= 0:
                return []
            if missing > len(self._messages):
                return None
            if missing == 1:
                return [self._messages[-1]]
            start = len(self._messages) - missing
            return [self._messages[n] for n in range(start, len(self._messages))]

    def place_after(self, sequence: int) -> int | None:
        """The place after the one message of a sequence; None where that is not known.

        Where several messages have it nobody can tell which of them were read.
        """
        with self._lock:
            if not self._messages:
                return self.end if sequence == self.sequence else None
            first = self._messages[0]
            found = [first.place] if first.previous == sequence else []
            found += [one.place + 1 for one in self._messages if one.sequence == sequence]
        return found[0] if len(found) == 1 else None

    @property
    def first(self) -> int:
        """The place of the oldest message that is held."""
        return self.end - len(self._messages)

    @property
    def held(self) -> tuple[int, int]:
        """How many messages are held, and how many bytes."""
        return len(self._messages), self._bytes
