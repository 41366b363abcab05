"""Where coins go by themselves: the exogenous path, a function of the scenario and the seed.

Moves are drawn from (seed, stream, step): twelve uniform numbers added up, less six, are near
enough to a normal one and need no logarithm. Knows no book and nobody who trades.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from seawall.money import RATIO_ONE
from seawall.simulation.draws import uniform
from seawall.simulation.world.scenario import PEG, CoinChoice, WorldScenario

ONE = 10**10  # Price atoms in a dollar.
LEAST = ONE // 10**6  # No price falls below a millionth of a dollar.
_STREAM = 200  # Of the seed: one for each coin from here on.
_DRAWS = 12


def courses(world: WorldScenario, seed: int) -> dict[str, tuple[int, ...]]:
    """Price atoms of each coin at steps 0 … steps."""
    moves: dict[str, list[int]] = {}
    found: dict[str, tuple[int, ...]] = {}
    for number, coin in enumerate(world.coins):
        own = _moves(coin, world.steps, seed, _STREAM + number)
        if number and coin.beta:
            first = moves[world.coins[0].id]
            beta = int(coin.beta * RATIO_ONE)
            own = [a + b * beta // RATIO_ONE for a, b in zip(own, first, strict=True)]
        moves[coin.id] = own
        if not coin.follows:
            found[coin.id] = _free(_atoms(coin.price), own)
        else:
            path = () if coin.follows == PEG else found[coin.follows]
            found[coin.id] = _following(coin, path, own)
    return found


def _moves(coin: CoinChoice, steps: int, seed: int, stream: int) -> list[int]:
    """Relative move of each step, parts per billion; shocks are in."""
    moves = [0] * steps
    if coin.volatility:
        total = np.zeros(steps)
        for draw in range(_DRAWS):
            total = total + uniform(seed, stream, np.arange(draw, steps * _DRAWS, _DRAWS))
        scale = float(coin.volatility * RATIO_ONE)
        moves = [int(one) for one in ((total - _DRAWS / 2) * scale).tolist()]
    for shock in coin.shocks:
        part = int(shock.size * RATIO_ONE) // shock.over
        for step in range(shock.step, min(shock.step + shock.over, steps + 1)):
            moves[step - 1] += part
    return moves


def _free(start: int, moves: list[int]) -> tuple[int, ...]:
    path = [start]
    for move in moves:
        path.append(max(LEAST, path[-1] * (RATIO_ONE + move) // RATIO_ONE))
    return tuple(path)


def _following(coin: CoinChoice, path: tuple[int, ...], moves: list[int]) -> tuple[int, ...]:
    """A coin that stands by another one, or by the dollar, but for a gap that comes and goes.

    A move is one of the price beside what it follows, so a shock of −0.03 opens a gap of 3 %.
    """
    kept = RATIO_ONE - int(coin.reversion * RATIO_ONE)
    ratio, gap = _atoms(coin.price), 0
    found = []
    for step in range(len(moves) + 1):
        if step:
            gap = gap * kept // RATIO_ONE - moves[step - 1]
        anchor = path[step] * ratio // ONE if path else ratio
        found.append(max(LEAST, anchor * (RATIO_ONE - gap) // RATIO_ONE))
    return tuple(found)


def _atoms(price: Decimal) -> int:
    return int(price * ONE)
