"""The one place that decides how kernels are compiled.

fastmath stays off and every reduction stays inside one account, so a batch of a million and a
batch of one give the same bits. `error_model="numpy"` keeps divisions free of branches, without
which loops over options do not vectorise.
"""

from __future__ import annotations

import functools

import numba

kernel = functools.partial(numba.njit, cache=True, fastmath=False, error_model="numpy")
