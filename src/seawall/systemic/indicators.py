"""Indicators of a system: aggregate vulnerability, overlap, DebtRank, concentration.

One-round indicators hide divergence, so the vulnerability comes with the spectral radius of its own
next round. The vulnerability keeps whatever numbers it is given: fractions in, fractions out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats
from seawall.systemic.gain import system_gain

Number = TypeVar("Number", float, Fraction)
Matrix = Sequence[Sequence[Number]]


class Vulnerability(NamedTuple, Generic[Number]):
    """One round of deleveraging after a shock; assets, debt and equity in one currency."""

    first_return: list[Number]  # [bank] of its assets by the shock.
    purchases: list[Number]  # [asset] by all banks; below zero they sell.
    price_return: list[Number]  # [asset] that the purchases cause.
    second_return: list[Number]  # [bank] of its assets by that.
    aggregate: Number  # AV: loss by the others' sales ÷ all equity.
    systemicness: list[Number]  # [bank] what its own sales do; they sum to AV.
    indirect: list[Number]  # [bank] its loss ÷ its own equity; weighted by equity they sum to AV.
    direct: Number  # Loss by the shock itself ÷ all equity.


def vulnerability(
    assets: Sequence[Number],
    equity: Sequence[Number],
    debt_to_equity: Sequence[Number],
    weights: Matrix[Number],
    impact: Sequence[Number],
    shock: Sequence[Number],
) -> Vulnerability[Number]:
    """AV = −1ᵀ·A·M·L·Mᵀ·B·A·M·F ÷ E: banks sell pro rata what brings their leverage back.

    M = `weights` [bank, asset], L = `impact` [asset] return per net sale, F = `shock` [asset].
    Source: Greenwood, Landier and Thesmar (2015).
    """
    banks, kinds = range(len(assets)), range(len(impact))
    zero = 0 * assets[0]
    first = [sum((weights[n][k] * shock[k] for k in kinds), zero) for n in banks]
    wanted = [assets[n] * debt_to_equity[n] * first[n] for n in banks]
    bought = [sum((weights[n][k] * wanted[n] for n in banks), zero) for k in kinds]
    moved = [impact[k] * bought[k] for k in kinds]
    second = [sum((weights[n][k] * moved[k] for k in kinds), zero) for n in banks]
    whole = sum(equity, zero)
    # What a return of 1 in an asset is worth to everybody, so what each bank's sales cost them.
    held = [sum((assets[n] * weights[n][k] for n in banks), zero) for k in kinds]
    cost = [sum((held[k] * impact[k] * weights[n][k] for k in kinds), zero) for n in banks]
    return Vulnerability(
        first_return=first,
        purchases=bought,
        price_return=moved,
        second_return=second,
        aggregate=-sum((assets[n] * second[n] for n in banks), zero) / whole,
        systemicness=[-cost[n] * wanted[n] / whole for n in banks],
        indirect=[-assets[n] * second[n] / equity[n] for n in banks],
        direct=-sum((assets[n] * first[n] for n in banks), zero) / whole,
    )


def vulnerability_gain(
    assets: ArrayLike, debt_to_equity: ArrayLike, weights: ArrayLike, impact: ArrayLike
) -> Floats:
    """L·Mᵀ·A·B·M: what one round's returns become in the next. [asset, asset].

    Its spectral radius is the R0 that a single round does not show; see `gain.system_gain`.
    """
    matrix = np.asarray(weights, np.float64)
    scaled = np.asarray(assets, np.float64) * np.asarray(debt_to_equity, np.float64)
    found: Floats = np.asarray(impact, np.float64)[:, None] * (matrix.T * scaled @ matrix)
    return found


def overlap(holdings: ArrayLike, depth: ArrayLike) -> Floats:
    """Liquidity-weighted overlap Ω = X·D⁻¹·Xᵀ: i's loss if j sells all that it has. [bank, bank].

    `holdings` [bank, asset] in currency, `depth` [asset] currency that moves the price by 1.
    Source: Cont and Schaanning (2019).
    """
    held = np.asarray(holdings, np.float64)
    found: Floats = held / np.asarray(depth, np.float64) @ held.T
    return found


def endogenous_risk(overlaps: ArrayLike) -> tuple[float, Floats]:
    """Largest eigenvalue of Ω and its vector, of length 1 and no number below zero. [bank]."""
    values, vectors = np.linalg.eigh(np.asarray(overlaps, np.float64))
    found: Floats = np.abs(vectors[:, -1])
    return float(values[-1]), found


def indirect_contagion(overlaps: ArrayLike) -> Floats:
    """Index ln Σ_{j ≠ i} Ωᵢⱼ: exposure of each to what the others hold. [bank]

    −∞ where nobody holds what it holds.
    """
    matrix = np.asarray(overlaps, np.float64)
    with np.errstate(divide="ignore"):
        found: Floats = np.log(matrix.sum(axis=1) - np.diag(matrix))
    return found


class DebtRank(NamedTuple):
    """Relative loss of equity once distress has gone round."""

    loss: Floats  # [bank] from 0 to 1.
    rank: float  # Σ weight · (loss − loss at the start).
    rounds: Floats  # [round, bank] loss after each of the first rounds, the start first.
    radius: float  # Spectral radius; below 1 small losses die out before the cap.


def debt_rank(
    leverage: ArrayLike,
    weights: ArrayLike,
    start: ArrayLike,
    *,
    rounds_kept: int = 4,
    rounds_most: int = 100_000,
) -> DebtRank:
    """Step h ← min(1, h + Λ·Δh) until nothing changes, with Λᵢⱼ = exposure of i to j ÷ equity of i.

    Linear DebtRank; ends when a round adds less than 10⁻¹⁵ to everybody. Source: Bardoscia,
    Battiston, Caccioli and Caldarelli (2015).
    """
    matrix = np.asarray(leverage, np.float64)
    before, here = np.zeros(len(matrix)), np.asarray(start, np.float64)
    kept = [here]
    for _ in range(rounds_most):
        after = np.minimum(1.0, here + matrix @ (here - before))
        before, here = here, after
        if len(kept) < rounds_kept:
            kept.append(here)
        if np.abs(here - before).max(initial=0.0) < 1e-15:
            break
    rank = float(np.asarray(weights, np.float64) @ (here - kept[0]))
    return DebtRank(here, rank, np.stack(kept), system_gain(matrix))


def top_share(size: ArrayLike, accounts: int) -> float:
    """Share of the whole that the largest accounts hold.

    >>> top_share([5.0, 1.0, 4.0], 2)
    0.9
    """
    column = np.asarray(size, np.float64)
    whole = float(column.sum())
    if not whole:
        return 0.0
    cut = max(column.size - accounts, 0)
    return float(np.partition(column, cut)[cut:].sum()) / whole if accounts > 0 else 0.0


def hill(size: ArrayLike, largest: int) -> float:
    """Tail index by the `largest` sizes: k ÷ Σ ln(sizeᵢ ÷ size₍ₖ₊₁₎). Below 1 there is no mean.

    Source: Hill (1975).
    """
    column = np.sort(np.asarray(size, np.float64))[::-1]
    if not 0 < largest < column.size or not column[largest] > 0.0:
        raise ValueError(f"largest: must leave one size above 0, not {largest} of {column.size}")
    logs = math.fsum(np.log(column[:largest] / column[largest]).tolist())
    return largest / logs if logs else math.inf
