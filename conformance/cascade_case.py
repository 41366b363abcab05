"""Comparisons that the checkers of `cascade/` share: floats with the digits that are printed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from conformance.case import Outcome, exactly, nearly

PRINTED = 6e-10  # Nine decimals are printed.


def close(name: str, wanted: float | None, found: float, relative: float = 1e-9) -> Outcome:
    if wanted is None:
        return exactly(name, True, not math.isfinite(found))
    return nearly(name, wanted, found, relative, PRINTED)


def columns(name: str, wanted: Any, found: Any, relative: float = 1e-9) -> list[Outcome]:
    pairs = zip(np.ravel(wanted).tolist(), np.ravel(found).tolist(), strict=True)
    return [close(f"{name} {place}", w, f, relative) for place, (w, f) in enumerate(pairs)]
