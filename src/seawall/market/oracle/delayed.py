"""A price that counts one interval after it was read, and the next one, which everybody sees.

Owners can add collateral and keepers can get ready before the next price counts; a wrong one can be
stopped before it does. The cost is blindness for up to two intervals. Any unit of time. Source:
makerdao/osm, commit e36c874.
"""

from __future__ import annotations

from typing import NamedTuple


class DelayedPrice(NamedTuple):
    """A price that counts one interval after it was read; the next one is public."""

    current: int | None = None
    following: int | None = None
    read_time: int = 0  # Down to a whole interval.
    is_stopped: bool = False

    def stopped(self) -> DelayedPrice:
        """Both prices stand, and no other is read, until it is started."""
        return self._replace(is_stopped=True)

    def started(self) -> DelayedPrice:
        """Prices are read again, the next at once if an interval has passed."""
        return self._replace(is_stopped=False)

    def voided(self) -> DelayedPrice:
        """No price, and none is read: for a source that was found to be wrong."""
        return self._replace(current=None, following=None, is_stopped=True)


def may_advance(price: DelayedPrice, now: int, interval: int) -> bool:
    """An interval has passed since the last reading's own interval began, and none is stopped."""
    return not price.is_stopped and now >= price.read_time + interval


def advanced(price: DelayedPrice, source: int | None, now: int, interval: int) -> DelayedPrice:
    """The next price counts and the source's is next, if it is time and the source is valid.

    The reading is stamped with the begin of its interval, so that a late one delays no other.

    >>> advanced(DelayedPrice(None, 200, 3600), 190, 7500, 3600)[:3]
    (200, 190, 7200)
    """
    if source is None or not may_advance(price, now, interval):
        return price
    return DelayedPrice(price.following, source, now - now % interval)
