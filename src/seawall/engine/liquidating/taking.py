"""How much of an account goes in the next step, and what a fill costs it.

The rules are the rulebook's; the plans are pure and stand in `liquidation`. Knows no book and no
way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seawall.engine.effect import NotTaken, Spared
from seawall.engine.posting.funds import pay_fee
from seawall.engine.state import Venue
from seawall.ledger import Cause
from seawall.liquidation import (
    Close,
    CloseFactor,
    Exit,
    Order,
    Plan,
    Ramp,
    capped,
    liquidation_fee,
    plan,
    shared,
    split_fee,
    step,
    without_dust,
)
from seawall.margin import ExactRequirement, Rows

UNLIMITED = 2**200  # Notional that a venue without a cap lets be closed.


class Cost(NamedTuple):
    """What a fill costs its account beyond the price, numeraire atoms rounded down."""

    fee: int  # In all.
    reward: int  # Of it, to who took the position.


def closes(
    venue: Venue, account: int, verdict: ExactRequirement, exits: Mapping[int, Exit]
) -> tuple[Close, ...]:
    """What the next step closes, by the rulebook's size, dust and window rules.

    Where nothing that can be sold now restores the account, its risk goes as far as it can: at the
    pace of the policy, where it has one. What would cost a solvent account more than it frees may
    be left to it, if the rules say so, and is told.
    """
    rules = venue.rulebook.liquidation
    number = int(venue.method[account])
    method, table = venue.methods[number], venue.tables.exact(number)
    rows = venue.rows(account)
    taking = venue.progress.taking(account, venue.time_ms)
    elapsed_ms = venue.time_ms - taking.since_ms
    if isinstance(rules.size, Ramp) and taking.stepped_ms == venue.time_ms:
        return ()
    order = Order(rules.order)
    least = plan(rows, table, method, exits, order, before=venue.judge(account))
    made = step(
        rules.size,
        rows,
        table,
        method,
        exits,
        order,
        elapsed_ms=elapsed_ms,
        freed=taking.freed,
        least=least,
    )
    chosen = made.closes
    spares = rules.spares_harmful and verdict.equity > 0 and not least.restores
    if not least.restores and not (isinstance(rules.size, CloseFactor) and chosen):
        chosen = _everything(rows, exits, least.harmful if spares else ())
        if isinstance(rules.size, Ramp):
            missing = verdict.initial - verdict.margin_equity
            chosen = shared(chosen, rules.size.share_left(elapsed_ms, taking.freed, missing))
    _tell_spared(venue, account, made, least, spares)
    if venue.rates.least_notional:
        chosen = without_dust(chosen, rows, table, exits, venue.rates.least_notional)
    if rules.window_ms:
        chosen = capped(chosen, table, room(venue))
    if chosen:
        taking.stepped_ms = venue.time_ms
    return chosen


def room(venue: Venue) -> int:
    """Notional that liquidations may still ask for in this window, numeraire atoms.

    The cap, less what was closed within the window, less what open orders and auctions may close.
    """
    window_ms = venue.rulebook.liquidation.window_ms
    if not window_ms:
        return UNLIMITED
    notional, lot_asset = venue.tables.exact(0).notional, venue.catalogue.lot_asset
    pending = dict(venue.progress.pending)
    for instrument, lots in venue.offers.lots_of.items():
        pending[instrument] = pending.get(instrument, 0) + lots
    asked = sum(lots * notional[lot_asset[instrument]] for instrument, lots in pending.items())
    return venue.rates.window_notional - venue.progress.window.at(venue.time_ms, window_ms) - asked


def missing(venue: Venue, account: int) -> int:
    """What an account lacks before a fill, where the rules ask how much each fill frees."""
    if not isinstance(venue.rulebook.liquidation.size, Ramp):
        return 0
    verdict = venue.judge(account)
    return verdict.initial - verdict.margin_equity


def book(
    venue: Venue, account: int, instrument: int, notional: int, keeper: int, lacked: int
) -> Cost:
    """Count a fill that has changed hands, and take its fee.

    The fee is capped at what the account still has, so that it makes nobody bankrupt, and rounds
    down to atoms of the settlement currency; so does the keeper's share of it. The fund, which
    stands behind everybody, gets the rest. `lacked` is what the account was `missing` before.
    """
    catalogue, rules = venue.catalogue, venue.rulebook.liquidation
    settle = catalogue.coin(catalogue.instruments[instrument].settle)
    fee = liquidation_fee(notional, venue.rates.fee, venue.judge(account).equity)
    atoms = fee * catalogue.coins[settle].one // venue.snapshot.price[settle]
    to_fund, to_keeper = split_fee(atoms, venue.rates.keeper_share)
    pay_fee(venue, account, instrument, settle, to_fund)
    venue.move(settle, account, keeper, to_keeper, Cause.FEE)
    if rules.window_ms and not venue.sells_coins(instrument):
        venue.progress.window.add(notional, venue.time_ms, rules.window_ms)
    if isinstance(rules.size, Ramp):
        freed = lacked - missing(venue, account)
        venue.progress.taking(account, venue.time_ms).freed += max(0, freed)
    return Cost(venue.worth(settle, atoms), venue.worth(settle, to_keeper))


def _everything(
    rows: Rows, exits: Mapping[int, Exit], spared: tuple[int, ...]
) -> tuple[Close, ...]:
    """All that the exits take, but of assets that are spared."""
    return tuple(
        Close(asset, -min(held, exits[asset].lots) if held > 0 else min(-held, exits[asset].lots))
        for asset, held in rows
        if asset in exits and asset not in spared
    )


def _tell_spared(venue: Venue, account: int, made: Plan, least: Plan, spares: bool) -> None:
    """Say once what is not taken, and again when it is something else."""
    by_policy = tuple(asset for asset in made.harmful if asset not in least.harmful)
    costly = least.harmful if spares else ()
    taking = venue.progress.taking(account, venue.time_ms)
    if taking.spared == (*by_policy, *costly):
        return
    taking.spared = (*by_policy, *costly)
    for assets, reason in ((by_policy, Spared.POLICY_HARMS), (costly, Spared.COSTS_MORE)):
        if assets:
            venue.effects.append(NotTaken(account=account, assets=assets, reason=reason))
