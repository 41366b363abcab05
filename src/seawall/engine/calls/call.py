"""The call: who is warned, who is called, until when, and when the call is withdrawn.

healthy → warned → called → liquidating. An account is breached when its margin equity is below its
maintenance margin (equality is healthy). A breached account is called for what restores its initial
margin. Grace is a rule: zero, the crypto default, starts the liquidation in the same event; a
longer one waits for its deadline and ends early where equity falls under the close-out level. A
deposit that is not enough lets the call stand for what is still missing. A called account that
climbs back to its initial margin is healthy again: by its own deposit or trade, or by the market,
and then the call is withdrawn. Who is called again soon after may have less time, and a call that
nobody answers is told again one level higher.
"""

from __future__ import annotations

from seawall.engine.calls.top_up import in_coins
from seawall.engine.effect import Called, CallReduced, CallWithdrawn, State, Transition
from seawall.engine.state import Venue
from seawall.engine.state.progress import CallMade
from seawall.engine.watching import gate
from seawall.margin import ExactRequirement
from seawall.money import RATIO_ONE, Rounding, multiply_ratio


def follow(venue: Venue, account: int, *, paid: bool = False, traded: bool = False) -> bool:
    """Judge one account and move its state; True where it must now be liquidated.

    `paid` where the account was just given something, `traded` where it just traded: they decide
    whether a call was met or came to nothing.
    """
    state = int(venue.status[account])
    if state == State.LIQUIDATING:
        return True
    verdict = venue.judge(account)
    if state == State.CALLED:
        return _in_grace(venue, account, verdict, paid, traded)
    if verdict.margin_equity < verdict.maintenance:
        return _breached(venue, account, verdict)
    if venue.is_below(verdict, venue.rates.warning):
        venue.change_state(account, State.WARNED, verdict)
    else:
        venue.change_state(account, State.HEALTHY, verdict)
    return False


def _breached(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    if not gate.may_liquidate(venue, account):
        return False
    made = _next_call(venue, account)
    grace_ms = grace(venue.rulebook.grace_ms(int(venue.method[account])), venue, made.level)
    venue.progress.calls[account] = made
    after = State.CALLED if grace_ms else State.LIQUIDATING
    venue.change_state(account, after, verdict)
    if grace_ms:
        venue.deadline[account] = venue.time_ms + grace_ms
    _tell(venue, account, verdict, venue.time_ms + grace_ms)
    return not grace_ms


def grace(full_ms: int, venue: Venue, level: int) -> int:
    """Time that a call of a level has: full · again_grace_ratio^level, rounded down at each."""
    ratio = venue.rates.again_grace
    for _ in range(level if full_ms > 0 and ratio < RATIO_ONE else 0):
        full_ms = multiply_ratio(full_ms, ratio, Rounding.DOWN)
        if not full_ms:
            break
    return full_ms


def _next_call(venue: Venue, account: int) -> CallMade:
    """The account's next call, a level above one that it had within the window of the rules."""
    now_ms, window_ms = venue.time_ms, venue.rulebook.call.again_within_ms
    before = venue.progress.calls.get(account)
    if before is None:
        return CallMade(1, 0, now_ms, now_ms)
    is_again = window_ms > 0 and now_ms - before.made_ms <= window_ms
    return CallMade(before.number + 1, before.level + 1 if is_again else 0, now_ms, now_ms)


def _in_grace(
    venue: Venue, account: int, verdict: ExactRequirement, paid: bool, traded: bool
) -> bool:
    number = venue.progress.calls.get(account, CallMade(1)).number
    if verdict.margin_equity >= verdict.initial:
        met = Transition.TOPPED_UP if paid else Transition.REDUCED
        why = met if paid or traded else Transition.MARKET_CAME_BACK
        venue.change_state(account, State.HEALTHY, verdict, why)
        if not (paid or traded):
            venue.effects.append(CallWithdrawn(account=account, number=number))
        return False
    late = venue.time_ms >= venue.deadline[account]
    too_low = venue.is_below(verdict, venue.rates.close_out)
    if verdict.margin_equity < verdict.maintenance and (late or too_low):
        if not gate.may_liquidate(venue, account):
            return False
        why = Transition.DEADLINE_PASSED if late else Transition.BELOW_CLOSE_OUT
        venue.change_state(account, State.LIQUIDATING, verdict, why)
        return True
    if late:
        # The market came back above maintenance but not to initial: the call lapses to a warning.
        venue.change_state(account, State.WARNED, verdict, Transition.LAPSED)
    elif paid:
        venue.effects.append(
            CallReduced(
                account=account,
                amount=verdict.initial - verdict.margin_equity,
                deadline_ms=venue.deadline[account],
                number=number,
                in_coins=_in_coins(venue, account, verdict),
            )
        )
    else:
        _escalate(venue, account, verdict)
    return False


def _escalate(venue: Venue, account: int, verdict: ExactRequirement) -> None:
    """Tell a call again, one level higher, where it was last told too long ago."""
    after_ms = venue.rulebook.call.escalate_after_ms
    made = venue.progress.calls.get(account)
    if not after_ms or made is None or venue.time_ms < made.told_ms + after_ms:
        return
    venue.progress.calls[account] = made._replace(level=made.level + 1, told_ms=venue.time_ms)
    _tell(venue, account, verdict, venue.deadline[account])


def _tell(venue: Venue, account: int, verdict: ExactRequirement, deadline_ms: int) -> None:
    """Say what restores the initial margin now; in coins too where there is time to pay."""
    made = venue.progress.calls[account]
    venue.progress.next_due_ms = 0
    venue.effects.append(
        Called(
            account=account,
            amount=verdict.initial - verdict.margin_equity,
            deadline_ms=deadline_ms,
            number=made.number,
            level=made.level,
            in_coins=_in_coins(venue, account, verdict) if deadline_ms > venue.time_ms else (),
        )
    )


def _in_coins(venue: Venue, account: int, verdict: ExactRequirement) -> tuple[tuple[int, int], ...]:
    number = int(venue.method[account])
    missing = verdict.initial - verdict.margin_equity
    rows = venue.ledger.rows(account)
    return in_coins(rows, venue.tables.exact(number), venue.methods[number], missing)
