"""Who must give up a winning position when nobody buys a bankrupt one.

Knows candidates and their order; not at which price they are closed (`bankruptcy`) nor the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SCORE_ONE = 2**64  # A score of 1; scores are rounded down to multiples of 1 ÷ SCORE_ONE.


class Candidate(NamedTuple):
    """An account with a position in the contract. Amounts in numeraire atoms."""

    account: int
    lots: int  # Signed; positive is long.
    profit: int  # Unrealised, at the mark.
    notional: int  # At the mark, without sign.
    margin_equity: int  # What backs the position.


class Take(NamedTuple):
    """What one counterparty trades: positive buys. It has the bankrupt position's sign."""

    account: int
    lots: int


class Deleveraging(NamedTuple):
    """Σ lots of the takes + remainder = lots that were to be taken over."""

    takes: tuple[Take, ...]
    remainder: int  # Signed; nobody stood on the other side of these.


def score(candidate: Candidate) -> int:
    """Profit × leverage of a winner, profit ÷ leverage of a loser, in units of 1 ÷ SCORE_ONE.

    Profit is relative to the notional at entry (notional − profit of a long, notional + profit of
    a short); leverage = notional ÷ margin_equity. Equity and entry count as at least one atom.
    Source: BitMEX, "What is auto-deleveraging"; Binance ranks winners alike.

    >>> score(Candidate(1, -1, 40, 60, 90)) * 1000 // SCORE_ONE  # 0.4 × 60 ÷ 90
    266
    """
    _, lots, profit, notional, margin_equity = candidate
    entry = max(1, notional - profit if lots > 0 else notional + profit)
    backing = max(1, margin_equity)
    if profit > 0:
        return profit * notional * SCORE_ONE // (entry * backing)
    return profit * backing * SCORE_ONE // (entry * max(1, notional))


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort candidates: who is deleveraged first comes first.

    Winners go before everybody else, because a deleveraged account is closed at a price that takes
    part of its gain: only those who gained from the move that broke the other can give without
    being harmed by it. Among winners, those who gained most for what they risked go first: leverage
    makes the position that the venue cannot pay out, and who used less of it keeps theirs longer.
    Losers come last, the least loss per leverage first. Equal scores go by account number, so that
    a queue shown to users is the queue that is used.
    """
    return sorted(candidates, key=lambda one: (one.profit <= 0, -score(one), one.account))


def deleverage(lots: int, ranked: Iterable[Candidate]) -> Deleveraging:
    """Take positions of the opposite side, in order, until `lots` of a bankrupt one are matched.

    The bankrupt account's contract still binds its counterparties' gains, but nobody is left to pay
    them. Closing both sides against each other at the bankruptcy price ends the promise at the last
    price at which it could be kept: the bankrupt account ends at zero, the fund pays nothing, and
    the counterparty keeps its gain up to there. Nobody gives up more lots than they have, and the
    last in the queue only what is still missing.

    `lots` is signed: positive where the bankrupt position is long. Candidates of its own side are
    passed over. Whoever must not be taken (no equity of its own, say) is left out by the caller.

    >>> queue = [Candidate(1, -4, 40, 60, 90), Candidate(2, 9, 1, 1, 1), Candidate(3, -8, 1, 9, 9)]
    >>> deleverage(10, queue)
    Deleveraging(takes=(Take(account=1, lots=4), Take(account=3, lots=6)), remainder=0)
    """
    side = 1 if lots > 0 else -1
    missing = abs(lots)
    takes = []
    for candidate in ranked:
        if not missing:
            break
        opposite = -side * candidate.lots
        if opposite > 0:
            taken = min(missing, opposite)
            takes.append(Take(candidate.account, side * taken))
            missing -= taken
    assert sum(take.lots for take in takes) + side * missing == lots
    return Deleveraging(tuple(takes), side * missing)
