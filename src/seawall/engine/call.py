"""The call: who is warned, who is called, until when, and when the call is withdrawn.

healthy → warned → called → liquidating. An account is breached when its margin equity is below its
maintenance margin (equality is healthy). A breached account is called for what restores its initial
margin. Grace is a rule: zero, the crypto default, starts the liquidation in the same event; a
longer one waits for its deadline and ends early where equity falls under the close-out level. A
called account that climbs back to its initial margin is healthy again and the call is withdrawn.
"""

from __future__ import annotations

from seawall.engine.effect import Called, State
from seawall.engine.state import Venue
from seawall.margin import ExactRequirement


def follow(venue: Venue, account: int) -> bool:
    """Judge one account and move its state; True where it must now be liquidated."""
    state = int(venue.status[account])
    if state == State.LIQUIDATING:
        return True
    verdict = venue.judge(account)
    if state == State.CALLED:
        return _in_grace(venue, account, verdict)
    if verdict.margin_equity < verdict.maintenance:
        return _breached(venue, account, verdict)
    if venue.is_below(verdict, venue.rates.warning):
        venue.change_state(account, State.WARNED, verdict)
    else:
        venue.change_state(account, State.HEALTHY, verdict)
    return False


def _breached(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    grace_ms = venue.rulebook.grace_ms(int(venue.method[account]))
    deadline_ms = venue.time_ms + grace_ms
    amount = verdict.initial - verdict.margin_equity
    after = State.CALLED if grace_ms else State.LIQUIDATING
    venue.change_state(account, after, verdict)
    venue.effects.append(Called(account=account, amount=amount, deadline_ms=deadline_ms))
    if not grace_ms:
        return True
    venue.deadline[account] = deadline_ms
    return False


def _in_grace(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    if verdict.margin_equity >= verdict.initial:
        venue.change_state(account, State.HEALTHY, verdict)
        return False
    late = venue.time_ms >= venue.deadline[account]
    too_low = venue.is_below(verdict, venue.rates.close_out)
    if verdict.margin_equity < verdict.maintenance and (late or too_low):
        venue.change_state(account, State.LIQUIDATING, verdict)
        return True
    if late:
        # The market came back above maintenance but not to initial: the call lapses to a warning.
        venue.change_state(account, State.WARNED, verdict)
    return False
