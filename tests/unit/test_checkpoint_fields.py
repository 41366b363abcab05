"""Nothing that the engine knows may be missing from a checkpoint.

Each field of the state is kept, computed again, or gone when its event is over. Whoever adds one
says here which; the laws on restored engines show that it is true.
"""

from __future__ import annotations

from dataclasses import fields

import pytest

from seawall.engine.rules.funding_rules import Intervals
from seawall.engine.state import OpenOrder, Venue
from seawall.engine.state.falls import Fall, Falls
from seawall.engine.state.memory import _Dump
from seawall.engine.state.offers import Offer, Offers, WholeSale
from seawall.engine.state.progress import Progress, Taking
from seawall.engine.state.watch import Band, Sum, Watch

KEPT = "kept"
AGAIN = "computed again"
EVENT = "of one event"
FIELDS: dict[type, dict[str, str]] = {
    Venue: {
        KEPT: "rulebook snapshot ledger names method status deadline orders listings unshared "
        "no_takers falls previous_mark missed unmet left_depth observed feeds progress watch "
        "offers intervals time_ms next_order",
        AGAIN: "catalogue tables rates columns number spot waiting fund funds read known_sides",
        EVENT: "shaken seed effects",
    },
    OpenOrder: {KEPT: "account instrument lots limit"},
    Progress: {KEPT: "calls takings window", AGAIN: "pending next_due_ms"},
    Taking: {KEPT: "since_ms freed stepped_ms spared"},
    Watch: {KEPT: "standing sums bands", AGAIN: "soonest_ms", EVENT: "read"},
    Sum: {KEPT: "entries", AGAIN: "total"},
    Band: {KEPT: "last highs lows"},
    Offers: {KEPT: "open tried next_number selling", AGAIN: "whole of ends lots_of"},
    Offer: {KEPT: "number account instrument side rule sale ends_ms deposit"},
    WholeSale: {KEPT: "number account rule auction ends_ms reserved_atoms"},
    Falls: {KEPT: "open closed_in", EVENT: "read drawn"},
    Fall: {
        KEPT: "from_account needed from_book from_backstop from_funds deleveraged_needed "
        "deleveraged_taken shared"
    },
    Intervals: {KEPT: "open", AGAIN: "soonest_ms"},
}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_every_field_of_the_state_is_accounted_for(kind: type) -> None:
    told = [name for names in FIELDS[kind].values() for name in names.split()]
    assert len(told) == len(set(told))
    assert set(told) == {one.name for one in fields(kind)}


def test_what_is_kept_has_a_place_in_the_dump() -> None:
    """The snapshot is kept field by field, watch, progress and auctions by their own rows."""
    dumped = set(_Dump.__struct_fields__)
    apart = {"snapshot", "progress", "watch", "offers"}
    assert set(FIELDS[Venue][KEPT].split()) - apart <= dumped
    assert {"price", "mark", "slices", "funding", "depth", "confidence", "priced_ms"} <= dumped
    assert {"calls", "takings", "window", "standing", "sums", "bands"} <= dumped
    assert {"offers", "tried", "auctions_numbered", "whole"} <= dumped
