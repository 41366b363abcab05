"""What happened to an account, who paid for whom, and who would be asked next, as clients read it.

Timeline and losses are rows that `timeline` keeps; the queue is of the live engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seawall.engine import Engine
from seawall.engine.losses.deleverage import queue
from seawall.engine.state import Venue
from seawall.service.beside.timeline import STAGES, FundMoment, Moment
from seawall.service.shown import views
from seawall.service.shown.venue_views import stamped
from seawall.service.words.amounts import instrument_number, money, priced, quantity_text, started
from seawall.service.words.telling import one_told, told

Told = dict[str, Any]
COUNTS = ("liquidations", "bankruptcies")
QUEUE_MOST = 200
POINTS_MOST = 500


def timeline_shown(engine: Engine, name: str, moments: Sequence[Moment], limit: int) -> Told:
    """Events of an account, the latest first."""
    venue = started(engine)
    return stamped(
        engine,
        account=name,
        moments=[moment_told(venue, one) for one in moments],
        next=moments[-1].sequence if len(moments) == limit else None,
    )


def moment_told(venue: Venue, moment: Moment) -> Told:
    """One event as one account saw it."""
    own = None if moment.own is None else one_told(venue, moment.own)
    if own is not None:
        del own["effect"]
    return {
        "sequence": moment.sequence,
        "time_ms": moment.time_ms,
        "account": venue.names[moment.account],
        "event": moment.event,
        "own": own,
        "effects": told(venue, moment.effects),
    }


def losses_shown(
    engine: Engine, stages: dict[str, int], moments: Sequence[Moment], limit: int
) -> Told:
    """What each stage of the waterfall gave, and the latest for whom."""
    venue = started(engine)
    return stamped(
        engine,
        numeraire=venue.catalogue.numeraire.id,
        stages={
            stage: stages[stage] if stage in COUNTS else money(venue, stages[stage])
            for stage in STAGES
        },
        losses=[moment_told(venue, one) for one in moments],
        next=moments[-1].sequence if len(moments) == limit else None,
    )


def fund_history_shown(engine: Engine, histories: Sequence[Sequence[FundMoment]]) -> Told:
    """What each fund was worth whenever what it holds had changed; thinned to a picture's width."""
    venue = started(engine)
    funds = []
    for history in histories:
        if not history:
            continue
        every = -(-len(history) // POINTS_MOST)
        kept = history[::every]
        if kept[-1] is not history[-1]:
            kept = [*kept, history[-1]]
        funds.append(
            {
                "fund": venue.names[history[0].fund],
                "points": [
                    {
                        "sequence": one.sequence,
                        "time_ms": one.time_ms,
                        "worth": money(venue, one.worth),
                    }
                    for one in reversed(kept)
                ],
            }
        )
    return stamped(engine, funds=funds)


def queue_shown(engine: Engine, instrument: str | None, limit: int) -> Told:
    """Who would be deleveraged first: both sides of one contract, or of each that is no option."""
    venue = priced(engine)
    catalogue = venue.catalogue
    ranking = venue.rulebook.deleveraging.ranking
    chosen = range(len(catalogue.instruments))
    if instrument is not None:
        number = instrument_number(catalogue, instrument)
        chosen = range(number, number + 1)
    shown: list[Told] = []
    for number in chosen:
        asset = catalogue.lot_asset[number]
        is_option = catalogue.instruments[number].type == "option"
        if not catalogue.is_contract[asset] or (is_option and instrument is None):
            continue
        for side, is_long in (("long", True), ("short", False)):
            waiting = queue(venue, asset, longs=is_long)
            if len(waiting) and (instrument is not None or len(shown) < QUEUE_MOST):
                shown.append(_queue(venue, number, asset, side, waiting, limit))
    numeraire = catalogue.numeraire.id
    return stamped(engine, ranking=ranking, numeraire=numeraire, queues=shown)


def _queue(
    venue: Venue, number: int, asset: int, side: str, waiting: np.ndarray[Any, Any], limit: int
) -> Told:
    catalogue, table = venue.catalogue, venue.tables.exact(0)
    rows = []
    for place, account in enumerate(waiting[:limit].tolist(), 1):
        lots = venue.ledger.balance(account, asset)
        rows.append(
            {
                "place": place,
                "account": venue.names[account],
                "quantity": quantity_text(catalogue, number, lots),
                "notional": money(venue, abs(lots) * table.notional[asset]),
                "verdict": views.verdict(venue, venue.judge(account)),
            }
        )
    return {
        "instrument": catalogue.instruments[number].id,
        "side": side,
        "of": len(waiting),
        "accounts": rows,
    }
