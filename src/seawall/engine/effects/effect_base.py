"""What every effect is: one tagged record of what one event did."""

from __future__ import annotations

import msgspec


class Effect(
    msgspec.Struct, frozen=True, tag_field="effect", kw_only=True, omit_defaults=True, gc=False
):
    """One consequence of one event; what has its default is not written, as in events.

    It holds numbers, text and tuples of them, never a cycle, so the collector need not look at it.
    """
