"""What another rulebook would do to the live book before it holds: who would be called or closed.

A copy of the engine takes the rules and looks at everybody once, as the live one would: floats find
whom to look at, integers decide. What liquidations then do to prices, funds and others is not in
it. The copy is made between two groups of commands; all the rest runs beside the writer, which goes
on between two slices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine import Engine
from seawall.engine.calls.call import follow
from seawall.engine.effect import Called, State, StateChanged
from seawall.engine.rules.rulebook import Rulebook, diff
from seawall.engine.state import Venue, memory
from seawall.engine.watching import breakers, oracles
from seawall.engine.watching.confirm import suspects
from seawall.margin import Requirement
from seawall.pricing import PricingError
from seawall.service.shown import views
from seawall.service.turns import Turns
from seawall.service.words.amounts import money, priced
from seawall.service.words.problem import Problem

Told = dict[str, Any]
SHOWN_MOST = 200
TOP_MOST = 50
SLICE = 64  # Accounts that are judged before the writer may go on.


class Copied(NamedTuple):
    """A moment of the venue as bytes."""

    blob: bytes
    sequence: int


def copied(engine: Engine) -> Copied:
    """Copy the moment; the only part that the writer waits for."""
    priced(engine)
    return Copied(engine.dump(), engine.sequence)


def effect_of(copy: Copied, rules: Rulebook, turns: Turns) -> Told:
    """Put a copy under other rules and say who would stand where, and what all must hold."""
    engine = Engine.restore(copy.blob)
    with turns.other():
        before = engine.requirement()
    venue = engine.venue
    old = replace(venue, method=venue.method.copy(), status=venue.status.copy())
    changes = diff(old.rulebook, rules)
    try:
        with turns.other():
            fits = memory.change_rules(venue, rules)
    except PricingError as error:
        raise Problem(422, "cannot_be_priced", str(error)) from None
    told = {
        "sequence": copy.sequence,
        "time_ms": engine.time_ms,
        "old": old.rulebook.fingerprint,
        "new": rules.fingerprint,
        "changes": [{"key": key, "old": was, "new": now} for key, was, now in changes],
        "fits": fits,
    }
    if not fits:
        return told
    with turns.other():
        oracles.change_rules(venue)
        breakers.change_rules(venue, old.rulebook)
        after = engine.requirement()
        found = [suspect.account for suspect in suspects(venue)]
    _follow(venue, found, turns)
    return told | _shown(old, venue, before, after)


def _follow(venue: Venue, accounts: list[int], turns: Turns) -> None:
    """Judge everybody whom the screen cannot vouch for, a slice at a time."""
    for first in range(0, len(accounts), SLICE):
        with turns.other():
            for account in accounts[first : first + SLICE]:
                follow(venue, account)


def _shown(
    old: Venue,
    new: Venue,
    before: tuple[NDArray[np.int64], Requirement],
    after: tuple[NDArray[np.int64], Requirement],
) -> Told:
    accounts = before[0]
    moved = [effect for effect in new.effects if isinstance(effect, StateChanged)]
    called = {effect.account: effect for effect in new.effects if isinstance(effect, Called)}
    in_grace = {one.account for one in moved if one.after is State.CALLED}
    worst = sorted(moved, key=lambda one: (one.margin_equity - one.maintenance, one.account))
    users = new.method[accounts] >= 0
    added = np.where(users, after[1].initial - before[1].initial, 0.0)
    most = np.argsort(-np.abs(added), kind="stable")[:TOP_MOST]
    top = accounts[most[added[most] != 0]].tolist()
    return {
        "numeraire": new.catalogue.numeraire.id,
        "accounts": int(users.sum()),
        "changed": len(moved),
        "moves": _moves(moved),
        "called": len(in_grace),
        "liquidated": sum(one.after is State.LIQUIDATING for one in moved),
        "warned": sum(one.after is State.WARNED for one in moved),
        "call_amount": money(new, sum(one.amount for n, one in called.items() if n in in_grace)),
        "totals": _totals(old, before[1], after[1], users),
        "affected": [_account(old, new, one.account, called) for one in worst[:SHOWN_MOST]],
        "top": [_account(old, new, account, called) for account in top],
        "methods": _methods(old, new, before[1], after[1], accounts),
    }


def _moves(moved: list[StateChanged]) -> list[Told]:
    """How many go from which state to which."""
    counts: dict[tuple[State, State], int] = {}
    for one in moved:
        counts[one.before, one.after] = counts.get((one.before, one.after), 0) + 1
    return [
        {"before": was.name.lower(), "after": now.name.lower(), "accounts": count}
        for (was, now), count in sorted(counts.items())
    ]


def _account(old: Venue, new: Venue, account: int, called: dict[int, Called]) -> Told:
    was, now = old.judge(account), new.judge(account)
    call = called.get(account)
    return {
        "account": new.names[account],
        "method": new.rulebook.method_names[int(new.method[account])],
        "before": {"status": views.status_of(old, account), "verdict": views.verdict(old, was)},
        "after": {"status": views.status_of(new, account), "verdict": views.verdict(new, now)},
        "initial_added": money(new, now.initial - was.initial),
        "maintenance_added": money(new, now.maintenance - was.maintenance),
        "call": None if call is None else money(new, call.amount),
        "deadline_ms": new.deadline.get(account),
    }


def _totals(venue: Venue, before: Requirement, after: Requirement, users: Any) -> Told:
    """Sums of the screen, each within the sum of its error bounds."""

    def of(need: Requirement) -> Told:
        named = ("equity", "margin_equity", "initial", "maintenance")
        return {name: _screened(venue, getattr(need, name)[users]) for name in named}

    bounds = np.maximum(before.error_bound, after.error_bound)[users]
    return {"before": of(before), "after": of(after), "within": _screened(venue, bounds)}


def _screened(venue: Venue, column: NDArray[np.float64]) -> str | None:
    total = float(column.sum())
    return money(venue, round(total)) if np.isfinite(total) else None


def _methods(
    old: Venue, new: Venue, before: Requirement, after: Requirement, accounts: NDArray[np.int64]
) -> list[Told]:
    """The same by margin method; a method keeps its name."""
    told = []
    for number, name in enumerate(new.rulebook.method_names):
        mine = new.method[accounts] == number
        if not mine.any():
            continue
        told.append(
            {
                "method": name,
                "accounts": int(mine.sum()),
                "initial": [_screened(old, part.initial[mine]) for part in (before, after)],
                "maintenance": [_screened(old, part.maintenance[mine]) for part in (before, after)],
            }
        )
    return told
