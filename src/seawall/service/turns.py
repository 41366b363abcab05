"""Whose turn it is to compute: one engine at a time, and the writer before everybody else.

Compiled kernels are not for two engines at once. A long question therefore takes many short turns,
and between two of them the writer, if it waits, goes first. Knows threads and no engine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PAUSE_S = 0.0002


class Turns:
    """A lock that the writer gets at the next chance.

    >>> turns = Turns()
    >>> with turns.other():
    ...     turns.lock.locked()
    True
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._is_wanted = False  # By the writer, which is one thread.

    @contextmanager
    def first(self) -> Iterator[None]:
        """The writer's turn."""
        self._is_wanted = True
        with self.lock:
            self._is_wanted = False
            yield

    @contextmanager
    def other(self) -> Iterator[None]:
        """Anybody else's, a few milliseconds long: a lock alone may be taken again at once."""
        while self._is_wanted:
            time.sleep(_PAUSE_S)
        with self.lock:
            yield
