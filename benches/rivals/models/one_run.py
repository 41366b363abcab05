"""What every form is measured with: draws in, a final price and times out. Python alone."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Draws(NamedTuple):
    """The market that every form is given."""

    price: float
    impact: float  # Fall of the price for each unit that is sold.
    shocks: list[float]  # [step] added to the price.
    liquidation_price: list[float]  # [account]
    units: list[float]  # [account]


Steps = Callable[[], tuple[float, int]]  # Runs every step; final price, accounts closed.
Build = Callable[[Draws], Steps]


def measure(version: str, forms: dict[str, Build]) -> None:
    """Build and run each form `runs` times after one that does not count; print JSON.

    Times are the processor's, so that other work on the machine counts less. One thread each.
    """
    with open(sys.argv[1]) as file:
        draws = Draws(**json.load(file))
    told: dict[str, Any] = {}
    for name, build in forms.items():
        built_s, ran_s = [], []
        for _ in range(int(sys.argv[2]) + 1):
            gc.collect()
            began = time.process_time()
            run = build(draws)
            ready = time.process_time()
            final, closed = run()
            ended = time.process_time()
            built_s.append(ready - began)
            ran_s.append(ended - ready)
        told[name] = {"final": final, "closed": closed, "build": built_s[1:], "run": ran_s[1:]}
    print(json.dumps({"version": version, "forms": told}))
