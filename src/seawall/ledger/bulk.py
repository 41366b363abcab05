"""Crediting many accounts at once, without a wrap and without a loop over rows.

Rows are added to what the named accounts already hold, sorted by (account, asset) and written as
whole regions. Nothing is written before every sum is known to fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.ledger.regions import Regions, positions
from seawall.ledger.sums import INT64_MIN, Ints, sums_by_asset, sums_by_run
from seawall.ledger.transfer import Refusal
from seawall.money import ATOMS_MAX


def whole_numbers(name: str, column: ArrayLike) -> Ints:
    """Read a column as int64; floats, booleans and uint64 are a TypeError.

    >>> whole_numbers("quantity", [1.5])
    Traceback (most recent call last):
        ...
    TypeError: quantity must be whole numbers of at most 63 bits, not float64
    """
    numbers = np.asarray(column)
    if numbers.ndim != 1:
        raise TypeError(f"{name} must be one column, not {numbers.ndim} dimensions")
    if not len(numbers):
        return np.zeros(0, np.int64)
    if numbers.dtype.kind == "b" or not np.can_cast(numbers.dtype, np.int64):
        kind = numbers.dtype
        raise TypeError(f"{name} must be whole numbers of at most 63 bits, not {kind}")
    return numbers.astype(np.int64, copy=False)


def credit(
    regions: Regions, assets: int, account: Ints, asset: Ints, quantity: Ints, contra: int
) -> Refusal | Ints:
    """Credit rows and book each asset's sum to `contra`; return the accounts that it wrote."""
    if len(asset) and not 0 <= int(asset.min()) <= int(asset.max()) < assets:
        return Refusal.UNKNOWN_ASSET
    if not 0 <= contra < regions.accounts:
        return Refusal.UNKNOWN_ACCOUNT
    if len(account) and not 0 <= int(account.min()) <= int(account.max()) < regions.accounts:
        return Refusal.UNKNOWN_ACCOUNT
    kept = (account != contra) & (quantity != 0)  # What contra gives to itself is nothing.
    if not kept.all():
        account, asset, quantity = account[kept], asset[kept], quantity[kept]
    if not len(account):
        return np.zeros(0, np.int64)
    left = {
        number: regions.get(contra, number) - total
        for number, total in sums_by_asset(asset, quantity, assets).items()
    }
    names, key, total, fits = _merged(regions, assets, account, asset, quantity)
    if not fits or any(abs(balance) > ATOMS_MAX for balance in left.values()):
        return Refusal.BALANCE_OVERFLOW
    owner = key // assets
    count = np.searchsorted(owner, names, "right") - np.searchsorted(owner, names, "left")
    regions.place(names, count, key - owner * assets, total)
    for number, balance in left.items():
        regions.put(contra, number, balance)
    return np.append(names, contra) if left else names


def _merged(
    regions: Regions, assets: int, account: Ints, asset: Ints, quantity: Ints
) -> tuple[Ints, Ints, Ints, bool]:
    """Named accounts; then key = account · assets + asset and sum of their nonzero rows, sorted."""
    key, quantity = _sorted(account * assets + asset, quantity)
    owner = key // assets
    names = owner[_heads(owner)]
    held = regions.used_view[names]
    if held.any():
        rows = positions(regions.start_view[names], held)
        before = np.repeat(names, held) * assets + regions.asset_view[rows]
        key, quantity = _sorted(
            np.concatenate((before, key)),
            np.concatenate((regions.balance_view[rows], quantity)),
        )
    heads = _heads(key)
    if len(heads) == len(key):
        total, fits = quantity, not bool((quantity == INT64_MIN).any())
    else:
        total, fits = sums_by_run(quantity, heads)
        key = key[heads]
    if not total.all():
        key, total = key[total != 0], total[total != 0]
    return names, key, total, fits


def _sorted(key: Ints, quantity: Ints) -> tuple[Ints, Ints]:
    if bool((key[1:] >= key[:-1]).all()):
        return key, quantity
    order = np.argsort(key, kind="stable")
    return key[order], quantity[order]


def _heads(key: Ints) -> NDArray[np.intp]:
    """Where each run of equal keys begins; the keys are sorted and not empty."""
    return np.concatenate((np.zeros(1, np.intp), np.flatnonzero(key[1:] != key[:-1]) + 1))
