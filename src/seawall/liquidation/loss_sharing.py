"""How a loss that nobody covered is divided. Knows weights and caps; not how they came about."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple


class Gain(NamedTuple):
    """Somebody who can bear part of a loss."""

    account: int
    weight: int  # In proportion to which it bears; such as its profit since the last settlement.
    cap: int  # Most that it can bear. [numeraire atoms]


class SharedLoss(NamedTuple):
    """Who pays what, and what nobody could pay."""

    shares: tuple[tuple[int, int], ...]  # (account, atoms > 0), in the order of the gains.
    remainder: int


def share_pro_rata(loss: int, gains: Sequence[Gain | tuple[int, int, int]]) -> SharedLoss:
    """Take a loss from those who gained, in proportion to weight, from nobody more than the cap.

    A contract's gains and losses cancel: what one account cannot pay, others were credited and
    cannot all keep. In proportion to gain is the one rule under which nobody is better off for
    having split an account, and a cap at the gain itself means that nobody loses what they brought
    in. What a capped account cannot bear falls on the others, again in proportion.

    Shares are whole atoms: account i of those below their caps pays floor(R·Wᵢ ÷ W) − floor(R·Wᵢ₋₁
    ÷ W), with Wᵢ the running weight, so they add up to R exactly, none is a whole atom from its
    true share, and none passes its cap. The order of `gains` decides who pays the odd atoms.

    >>> share_pro_rata(10, [(7, 1, 10), (8, 1, 2), (9, 1, 10)])
    SharedLoss(shares=((7, 4), (8, 2), (9, 4)), remainder=0)
    """
    assert loss >= 0, "a loss has no sign"
    for place, (_, weight, cap) in enumerate(gains):
        if weight < 0 or cap < 0:
            raise ValueError(f"at $.gains[{place}]: weight {weight} and cap {cap} must be ≥ 0")
    capped = _capped(loss, gains)
    left = loss - sum(gains[place][2] for place in capped)
    weight_all = sum(gain[1] for place, gain in enumerate(gains) if place not in capped)
    shares = []
    running = paid = 0
    for place, (account, weight, cap) in enumerate(gains):
        if place in capped:
            share = cap
        else:
            running += weight
            upto = left * running // weight_all if weight_all else 0
            share, paid = upto - paid, upto
        assert share <= cap or not weight, "a share passed its cap"
        if share:
            shares.append((account, share))
    remainder = loss - sum(share for _, share in shares)
    assert remainder >= 0, "more was shared than was lost"
    return SharedLoss(tuple(shares), remainder)


def _capped(loss: int, gains: Sequence[Gain | tuple[int, int, int]]) -> set[int]:
    """Places whose share in proportion would reach their cap: filled from the lowest level up."""
    weight_all = sum(gain[1] for gain in gains)
    if all(loss * weight < cap * weight_all for _, weight, cap in gains if weight):
        return set()

    def level(one: int, other: int) -> int:
        left, right = gains[one][2] * gains[other][1], gains[other][2] * gains[one][1]
        return (left > right) - (left < right) or one - other

    capped: set[int] = set()
    places = [place for place, gain in enumerate(gains) if gain[1]]
    for place in sorted(places, key=functools.cmp_to_key(level)):
        _, weight, cap = gains[place]
        if loss * weight < cap * weight_all:
            break
        capped.add(place)
        loss -= cap
        weight_all -= weight
    return capped
