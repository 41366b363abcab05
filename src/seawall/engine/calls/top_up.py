"""What a deposit must be to answer a call: in each coin that counts, the least that restores.

Knows one account's rows, a table and a method; asks the method itself, because a coin may count
less the more of it there is, or move the initial margin beside the equity.
"""

from __future__ import annotations

from seawall.margin import ExactTable, MarginMethod, Rows
from seawall.market import Kind
from seawall.money import ATOMS_MAX, Rounding, divide

GUESSES_MOST = 2**20  # A coin of which more than so many linear amounts are needed is not named.


def in_coins(
    rows: Rows, table: ExactTable, method: MarginMethod, missing: int
) -> tuple[tuple[int, int], ...]:
    """Each coin whose deposit alone restores the initial margin: (coin, atoms), atoms rounded up.

    A coin that does not count as collateral is left out, and so is one of which no amount restores
    (its rules cap it). What the whole venue takes of a coin is asked at the deposit.
    """
    found = []
    for coin in range(len(table.risk.coins)):
        if table.kind[coin] == Kind.CURRENCY and table.collateral[coin] > 0:
            atoms = least_deposit(rows, table, method, coin, missing)
            if atoms is not None:
                found.append((coin, atoms))
    return tuple(found)


def least_deposit(
    rows: Rows, table: ExactTable, method: MarginMethod, coin: int, missing: int
) -> int | None:
    """Atoms of a coin without one of which the initial margin is not reached; None: no amount.

    `missing` is what is missing to it now, numeraire atoms.

    A debt in the coin is paid first, at its full value; what is beyond counts by the coin's
    collateral. Where the method says that this is not what restores (a balance that counts by its
    size, a coin that moves in its scenarios), the least amount is searched by halves. Each step is
    an exact verdict, and more of a coin never leaves an account worse.
    """
    held = dict(rows)
    before = held.get(coin, 0)

    def restores(atoms: int) -> bool:
        held[coin] = before + atoms
        after = method.requirement_exact([(a, held[a]) for a in sorted(held) if held[a]], table)
        return after.margin_equity >= after.initial

    guess = _linear(missing, before, table, coin)
    most = min(ATOMS_MAX - before, guess * GUESSES_MOST)
    if guess == 0:
        return 0
    if guess > most:
        return None
    if restores(guess):
        if not restores(guess - 1):
            return guess
        low, high = 0, guess
    elif not restores(most):
        return None
    else:
        low = high = guess
        while not restores(high):
            low, high = high, min(most, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if restores(middle) else (middle, high)
    return high


def _linear(missing: int, held: int, table: ExactTable, coin: int) -> int:
    """⌈missing ÷ collateral⌉ atoms, of which those that pay a debt count with their value."""
    if missing <= 0:
        return 0
    debt = max(0, -held)
    by_debt = debt * table.value[coin]
    if missing <= by_debt:
        return divide(missing, table.value[coin], Rounding.UP)
    return debt + divide(missing - by_debt, table.collateral[coin], Rounding.UP)
