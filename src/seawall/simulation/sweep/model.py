"""What a sweep asks of a model: check a tree, run it with a seed, put it under other laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from seawall.simulation.sweep.spec import MODELS


class Outcome(NamedTuple):
    """What one run came to; money in dollars."""

    bad_debt: float  # What closed accounts owed and could not pay.
    uncovered: float  # Of it, what the fund did not have.
    forced_notional: float  # Closed by force.
    fund_left: float
    average_margin: float  # Initial margin required ÷ notional of positions.
    collateral_utilisation: float  # Initial margin required ÷ collateral posted.
    state_hash: str = ""  # Of every engine of a world; columns have none.

    @property
    def is_finite(self) -> bool:
        """No NaN and no infinity: what a table and a file of results can hold."""
        return all(math.isfinite(one) for one in self[:6])


class Model(NamedTuple):
    """One way to run a tree."""

    check: Callable[[Any], None]  # Raises ValueError with the key path of what is wrong.
    run: Callable[[Any, int], Outcome]
    laws: Callable[[Any], dict[str, Any]]  # The tree under each other law of impact.
    batch: int  # Runs in one task: so many that sending it costs next to nothing.


def model(name: MODELS) -> Model:
    """The model of that name, imported when it is wanted."""
    if name == "columns":
        from seawall.simulation.sweep import columns

        return Model(columns.check, columns.run, columns.laws, 25)
    from seawall.simulation.sweep import of_world

    return Model(of_world.check, of_world.run, of_world.laws, 1)
