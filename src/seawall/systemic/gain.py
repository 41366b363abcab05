"""Gain between assets, venues and protocols that share collateral, and who contributes to it.

A node is an asset on a venue. Returns obey r = s + K·r with K = impact × forced, so the system's R0
is the spectral radius of K. Knows matrices and accounts' exposures; does not know margin rules.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seawall.pricing import Floats


class GainError(ValueError):
    """Matrices or columns that make no gain; the message begins with the argument."""


def gain_matrix(impact: ArrayLike, forced: ArrayLike) -> Floats:
    """K = Λ·G: Λ return per unit of sales, G sales per return, summed over protocols. [node, node].

    >>> gain_matrix([[2e-9, 5e-10], [5e-10, 4e-9]], [[1e8, 2e7], [2e7, 8e7]]).round(12).tolist()
    [[0.21, 0.08], [0.13, 0.33]]
    """
    found: Floats = _square("impact", impact) @ _square("forced", forced)
    return found


def system_gain(gain: ArrayLike) -> float:
    """System R0: the spectral radius of K. At 1 or above no finite fall is an answer."""
    return float(np.abs(np.linalg.eigvals(_square("gain", gain))).max())


def total_return(gain: ArrayLike, shock: ArrayLike) -> Floats | None:
    """(I − K)⁻¹ · s, the return once everybody has sold; None where system R0 ≥ 1. [node]."""
    matrix, start = _square("gain", gain), np.asarray(shock, np.float64)
    if not system_gain(matrix) < 1.0:
        return None
    return np.asarray(np.linalg.solve(np.eye(len(matrix)) - matrix, start), np.float64)


def without_arbitrage(impact: ArrayLike, tolerance: float = 1e-12) -> bool:
    """Whether linear cross-impact leaves no round trip that pays: symmetric, no value below zero.

    |Λᵢⱼ| ≤ √(Λᵢᵢ · Λⱼⱼ) follows. Source: Schneider and Lillo (2019).
    """
    matrix = _square("impact", impact)
    scale = np.abs(matrix).max(initial=0.0) * tolerance
    if not np.allclose(matrix, matrix.T, rtol=0.0, atol=scale):
        return False
    return bool(np.linalg.eigvalsh(matrix).min() >= -scale)


def forced_sales(sold: ArrayLike, exposure: ArrayLike, distance: ArrayLike, width: float) -> Floats:
    """G = Σ soldᵢ ⊗ exposureᵢ ÷ width over the accounts that are closed within `width`.

    `sold` [account, node] is what closing the account sells, in units; `exposure` [account, node]
    is by how much one unit of the node's fall eats of its headroom; `distance` [account] is that
    headroom in the same measure. Shared collateral is what puts numbers off the diagonal. [node,
    node]
    """
    units, weight, near = _accounts(sold, exposure, distance, width)
    found: Floats = units[near].T @ weight[near] / width
    return found


class Shares(NamedTuple):
    """The system's R0 taken apart; every column sums to it."""

    system: float
    account: Floats  # [account]
    collateral: Floats  # [node] the node whose fall eats the headroom.
    sale: Floats  # [node] the node that is sold.

    def by(self, group: ArrayLike) -> Floats:
        """Sum the accounts' shares by a group's number: a venue, a protocol, an owner. [group]."""
        found = np.bincount(np.asarray(group, np.int64), weights=self.account)
        return np.asarray(found, np.float64)


def shares(
    impact: ArrayLike,
    sold: ArrayLike,
    exposure: ArrayLike,
    distance: ArrayLike,
    width: float,
) -> Shares:
    """Who makes up the system's R0: uᵀ·Λ·Gᵢ·v ÷ uᵀ·v for each account i.

    u and v are K's left and right Perron vectors. R0 = uᵀ·K·v ÷ uᵀ·v and K is linear in the
    accounts, so the shares add up exactly, and each is how R0 answers to a little less of it.
    """
    law = _square("impact", impact)
    units, weight, near = _accounts(sold, exposure, distance, width)
    matrix = law @ (units[near].T @ weight[near] / width)
    right, left = _perron(matrix), _perron(matrix.T)
    scale = float(left @ right)
    if not scale > 0.0:
        raise GainError("gain: has no Perron vectors to share it by")
    account = np.zeros(near.size)
    sales, falls = (left @ law) * units[near], weight[near] * right
    account[near] = sales.sum(axis=1) * falls.sum(axis=1) / (width * scale)
    return Shares(
        system=float(left @ matrix @ right) / scale,
        account=account,
        collateral=(sales.sum(axis=1) @ falls) / (width * scale),
        sale=(falls.sum(axis=1) @ sales) / (width * scale),
    )


def _perron(matrix: Floats) -> Floats:
    """The vector of the largest eigenvalue of a matrix without numbers below zero."""
    values, vectors = np.linalg.eig(matrix)
    found: Floats = np.abs(vectors[:, np.argmax(values.real)].real)
    return found


def _accounts(
    sold: ArrayLike, exposure: ArrayLike, distance: ArrayLike, width: float
) -> tuple[Floats, Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    units, weight = np.asarray(sold, np.float64), np.asarray(exposure, np.float64)
    room = np.asarray(distance, np.float64)
    if units.ndim != 2 or units.shape != weight.shape or room.shape != units.shape[:1]:
        raise GainError("exposure: [account, node] as `sold`, and one distance for each account")
    if not width > 0.0:
        raise GainError(f"width: must be above 0, not {width}")
    return units, weight, (room >= 0.0) & (room < width)


def _square(name: str, matrix: ArrayLike) -> Floats:
    found = np.asarray(matrix, np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1]:
        raise GainError(f"{name}: must be a square matrix")
    return found
