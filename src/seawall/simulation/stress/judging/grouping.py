"""A large book with its small accounts merged, for thousands of falls.

The largest accounts stand alone. Of the others those are added up that hold the same contracts on
the same sides in about the same proportions and are reached at about the same price: under margins
that grow with size alone two such accounts do together what each does. Only draws and ranges are
run on it; how far it is from the whole book is told.
"""

from __future__ import annotations

import numpy as np

from seawall.pricing import Floats, Ints
from seawall.simulation.stress.judging.columns import Columns

ALONE = 100
NARROW = 0.02  # Of the logarithm of the price at which they are reached.
_SHARES, _FAR = 2.0, 0.5  # Halves of proportions; and width, where no price reaches them.


def grouped(columns: Columns, closes: Floats, alone: int = ALONE) -> Columns:
    """Merge what is alike; a book of few accounts comes back as it is."""
    accounts = columns.equity.size
    if accounts <= 2 * alone:
        return columns
    owner = np.repeat(np.arange(accounts), columns.count)
    middle = columns.value.shape[1] - 1 - int(np.argmin(np.abs(columns.fine[::-1] - 1.0)))
    size = np.abs(columns.lots) * columns.notional[columns.asset, middle]
    gross = np.bincount(owner, size, accounts)
    key = _alike(columns, closes, owner, size / np.maximum(gross[owner], 1e-300))
    single = (columns.together >= 0) | (columns.lent >= 0)
    single[np.argsort(-gross, kind="stable")[:alone]] = True
    key[single] = -1.0 - np.flatnonzero(single)  # Itself.
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    return _merged(columns, owner, group.ravel(), first)


def _alike(columns: Columns, closes: Floats, owner: Ints, share: Floats) -> Floats:
    """[account] a number that is the same for accounts that may be merged."""
    accounts, coins = columns.held.shape
    # Weights that no two sums of few of them share: fractions of primes' roots.
    weight = np.sqrt(2.0 + np.arange(columns.value.shape[0] * 22 + coins * 3 + 4))
    side = np.where(columns.lots > 0.0, 11, 0)
    place = columns.asset * 22 + side + np.round(share * _SHARES).astype(np.int64)
    key = np.bincount(owner, weight[place], accounts)
    signs = np.sign(np.round(columns.held, 9)).astype(np.int64) + 1
    key += weight[columns.value.shape[0] * 22 + np.arange(coins) * 3 + signs].sum(axis=1)
    price = columns.price[columns.driver]
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.floor(np.log(closes / price) / NARROW)
        far = np.floor(np.log(np.maximum(columns.reach, 1e-9)) / _FAR)
    bucket = np.where(np.isfinite(near), near, np.where(np.isfinite(far), 1e5 + far, 2e5))
    _, found = np.unique(
        np.stack([np.round(key, 9), bucket, columns.line]), axis=1, return_inverse=True
    )
    return found.ravel().astype(np.float64)


def _merged(columns: Columns, owner: Ints, group: Ints, first: Ints) -> Columns:
    groups, assets = int(group.max()) + 1, columns.value.shape[0]
    _, one, row = np.unique(group[owner] * assets + columns.asset, return_index=True,
                            return_inverse=True)  # fmt: skip
    row = row.ravel()
    rows = one.size

    def summed(column: Floats, place: Ints, many: int) -> Floats:
        found = np.zeros((many, *column.shape[1:]))
        np.add.at(found, place, column)
        return found

    today = int(np.argmin(np.abs(columns.rough - 1.0)))
    weight = columns.initial[:, today] + 1e-12
    whole = np.bincount(row, weight, rows)
    count = np.bincount(group[owner[one]], minlength=groups)
    room = np.where(np.isfinite(columns.reach), columns.reach, 1e9) * columns.slope
    slope = summed(columns.slope, group, groups)
    with np.errstate(invalid="ignore"):
        reach = np.where(np.isfinite(slope), np.bincount(group, room, groups) / slope, 0.0)
    reach[np.isnan(reach)] = 0.0
    order = np.argsort(reach, kind="stable")
    return columns._replace(
        start=np.cumsum(count) - count,
        count=count,
        asset=columns.asset[one],
        base=columns.base[one],
        settle=columns.settle[one],
        lots=summed(columns.lots, row, rows),
        valued=np.bincount(row, columns.valued * weight, rows) / whole,
        initial=summed(columns.initial, row, rows),
        maintenance=summed(columns.maintenance, row, rows),
        shape=summed(columns.shape * weight[:, None, None], row, rows) / whole[:, None, None],
        held=summed(columns.held, group, groups),
        quotes=summed(columns.quotes, group, groups),
        extra=summed(columns.extra, group, groups),
        together=columns.together[first],
        lent=columns.lent[first],
        line=columns.line[first],
        equity=summed(columns.equity, group, groups),
        slope=slope,
        reach=reach,
        order=order[reach[order] < 1e8],
    )
