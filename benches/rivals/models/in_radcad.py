"""The cascade in radCAD: accounts as records, and accounts as NumPy columns in the state."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from one_run import Draws, Steps, measure
from radcad import Engine, Model, Simulation
from radcad.engine import Backend


def _records(draws: Draws) -> Steps:
    def look(params: Any, substep: Any, history: Any, state: Any) -> Any:
        price = state["price"] + draws.shocks[state["timestep"]]
        accounts = [
            {**one, "closed": True} if not one["closed"] and one["at"] >= price else one
            for one in state["accounts"]
        ]
        sold = sum(
            new["units"]
            for new, old in zip(accounts, state["accounts"], strict=True)
            if new is not old
        )
        return {"accounts": accounts, "price": price - draws.impact * sold}

    start = [
        {"at": at, "units": units, "closed": False}
        for at, units in zip(draws.liquidation_price, draws.units, strict=True)
    ]
    run = _simulation(draws, look, start, copied=True)

    def told() -> tuple[float, int]:
        last = run()
        return last["price"], sum(one["closed"] for one in last["accounts"])

    return told


def _columns(draws: Draws) -> Steps:
    at, units = np.array(draws.liquidation_price), np.array(draws.units)

    def look(params: Any, substep: Any, history: Any, state: Any) -> Any:
        price = state["price"] + draws.shocks[state["timestep"]]
        reached = ~state["accounts"] & (at >= price)
        after = price - draws.impact * float(units[reached].sum())
        return {"accounts": state["accounts"] | reached, "price": after}

    run = _simulation(draws, look, np.zeros(len(units), np.bool_), copied=False)

    def told() -> tuple[float, int]:
        last = run()
        return float(last["price"]), int(last["accounts"].sum())

    return told


def _simulation(draws: Draws, look: Any, accounts: Any, *, copied: bool) -> Any:
    def taken(key: str) -> Any:
        return lambda params, substep, history, state, signal: (key, signal[key])

    block = {
        "policies": {"look": look},
        "variables": {"accounts": taken("accounts"), "price": taken("price")},
    }
    state = {"price": draws.price, "accounts": accounts}
    model = Model(initial_state=state, state_update_blocks=[block], params={})
    simulation = Simulation(model=model, timesteps=len(draws.shocks), runs=1)
    simulation.engine = Engine(
        backend=Backend.SINGLE_PROCESS, deepcopy=copied, drop_substeps=not copied
    )

    def run() -> Any:
        return simulation.run()[-1]

    return run


measure(
    f"radCAD {version('radcad')}",
    {"records in the state (as installed)": _records, "NumPy columns, no deep copies": _columns},
)
