"""The laws that every margin method keeps; run them on yours.

`check_margin_method` takes a method, a risk table and some accounts and raises `ConformanceError`
with the law that broke. It knows no method by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from seawall.margin.contract import (
    ExactRequirement,
    ExactTable,
    MarginMethod,
    Requirement,
    Rows,
    holdings_of,
)
from seawall.margin.health import suspects
from seawall.pricing import RiskTable

POISONS = (float("nan"), float("inf"), float("-inf"))
_POISONED = 8  # Accounts that are poisoned, one after the other.


class ConformanceError(AssertionError):
    """A margin method broke a law; the message names the law and the account."""


def check_margin_method(method: MarginMethod, risk: RiskTable, accounts: Sequence[Rows]) -> None:
    """Hold a method to every law on these accounts.

    The table must be honest: whole numbers, and a bound that covers value, collateral and change.
    Accounts are rows sorted by asset without zero quantities. Give some that are close to their
    requirement, some with large quantities and some that hedge themselves.
    """
    _check_table(risk)
    table = ExactTable(risk)
    screened = method.requirement(holdings_of(accounts), risk)
    _check_alone(method, risk, accounts, screened)
    verdicts = [method.requirement_exact(rows, table) for rows in accounts]
    for number, (rows, exact) in enumerate(zip(accounts, verdicts, strict=True)):
        _check_amounts(number, rows, exact)
        _check_rows(method, table, number, rows, exact)
    for number, (rows, exact) in enumerate(zip(accounts, verdicts, strict=True)):
        _check_screen(number, screened, exact)
        _check_size(method, table, number, rows, exact)
        _check_explanation(method, table, number, rows, exact)
    _check_poison(method, risk, accounts)


def _demand(kept: bool, law: str, account: int | None = None) -> None:
    if not kept:
        raise ConformanceError(law if account is None else f"account {account}: {law}")


def _check_table(risk: RiskTable) -> None:
    for name in ("value", "collateral", "change", "bound", "notional"):
        column = getattr(risk, name)
        whole = bool(np.all(np.isfinite(column))) and bool(np.all(column == np.floor(column)))
        _demand(whole, f"the table's {name} must hold whole numbers")
        if name in {"value", "collateral", "change"}:
            largest = np.abs(column.reshape(len(risk.bound), -1)).max(axis=1, initial=0.0)
            _demand(bool(np.all(largest <= risk.bound)), f"the table's bound must cover {name}")


def _bits(requirement: Requirement, accounts: Sequence[int]) -> bytes:
    return b"".join(column[list(accounts)].tobytes() for column in requirement)


def _check_alone(
    method: MarginMethod, risk: RiskTable, accounts: Sequence[Rows], screened: Requirement
) -> None:
    law = "a row of a batch must have the bits of the account alone"
    holdings = holdings_of(accounts)
    everybody = list(range(len(accounts)))
    for number in everybody:
        alone = method.requirement(holdings_of([accounts[number]]), risk)
        _demand(_bits(alone, [0]) == _bits(screened, [number]), law, number)
    for chosen in (everybody[::-1], everybody[::2], everybody[1::3], everybody * 2):
        index = np.array(chosen, dtype=np.int64)
        subset = holdings._replace(start=holdings.start[index], count=holdings.count[index])
        some = method.requirement(subset, risk)
        _demand(_bits(some, range(len(chosen))) == _bits(screened, chosen), f"{law}, in any order")


def _check_amounts(number: int, rows: Rows, exact: ExactRequirement) -> None:
    for name, amount in zip(exact._fields, exact, strict=True):
        _demand(type(amount) is int, f"exact {name} must be a Python int", number)
    _demand(exact.maintenance >= 0, "a requirement is never negative", number)
    _demand(exact.initial >= exact.maintenance, "initial is never below maintenance", number)
    if not rows:
        _demand(exact == (0, 0, 0, 0), "nothing held, nothing owed", number)


def _check_rows(
    method: MarginMethod, table: ExactTable, number: int, rows: Rows, exact: ExactRequirement
) -> None:
    """If the method judges rows apart: see `RowByRow`."""
    excess_of_row = getattr(method, "excess_of_row", None)
    if excess_of_row is None:
        return
    apart = sum(excess_of_row(asset, lots, table) for asset, lots in rows)
    law = "the excess of the rows must be that of the account"
    _demand(apart == exact.margin_equity - exact.initial, law, number)
    nothing = all(excess_of_row(asset, 0, table) == 0 for asset, _ in rows)
    _demand(nothing, "a row of nothing has no excess", number)


def _check_screen(number: int, screened: Requirement, exact: ExactRequirement) -> None:
    equity, margin_equity, initial, maintenance, bound = (
        float(column[number]) for column in screened
    )
    _demand(np.isfinite(bound) and bound >= 0, "finite rows have a finite bound", number)
    _demand(maintenance >= 0, "a requirement is never negative", number)
    _demand(initial >= maintenance, "initial is never below maintenance", number)
    near = Fraction(bound)
    floats = (equity, margin_equity, initial, maintenance)
    for name, guess, truth in zip(exact._fields, floats, exact, strict=True):
        law = f"{name} must agree with its exact twin within error_bound"
        _demand(abs(Fraction(guess) - truth) <= near, law, number)
    for owed in ("initial", "maintenance"):
        truth = exact.margin_equity - getattr(exact, owed)
        gap = abs(
            Fraction(margin_equity) - Fraction(float(getattr(screened, owed)[number])) - truth
        )
        _demand(gap <= near, f"margin equity less {owed} must agree within error_bound", number)
    one = Requirement(*(column[number : number + 1] for column in screened))
    if exact.margin_equity <= exact.maintenance:
        _demand(bool(suspects(one)[0]), "who is not above the line must be a suspect", number)


def _check_size(
    method: MarginMethod, table: ExactTable, number: int, rows: Rows, exact: ExactRequirement
) -> None:
    twice = method.requirement_exact([(asset, 2 * lots) for asset, lots in rows], table)
    rounded = len(rows) + 1  # Each rounding up may be shared by both halves.
    cheaper = twice.maintenance + rounded < 2 * exact.maintenance
    _demand(not cheaper, "doubling the size must not make risk cheaper", number)
    _demand(twice.initial >= exact.initial, "doubling the size must not lower initial", number)


def _check_explanation(
    method: MarginMethod, table: ExactTable, number: int, rows: Rows, exact: ExactRequirement
) -> None:
    names = [f"asset {asset}" for asset in range(len(table.value))]
    explanation = method.explain(rows, table, names)
    law = "an explanation must carry the requirement that it explains"
    _demand(explanation.requirement == exact, law, number)
    for name in ("equity", "margin_equity", "maintenance"):
        total = sum(getattr(term, name) for term in explanation.terms)
        law = f"the terms of an explanation must add up to {name}"
        _demand(total == getattr(exact, name), law, number)
    held = [term.quantity for term in explanation.terms if term.quantity]
    _demand(held == [lots for _, lots in rows], "each row must have its term", number)


def _check_poison(method: MarginMethod, risk: RiskTable, accounts: Sequence[Rows]) -> None:
    """What is not finite is never healthy, and is nobody else's trouble."""
    holdings = holdings_of(accounts)
    clean = method.requirement(holdings, risk)
    poisoned = [number for number, rows in enumerate(accounts) if rows][:_POISONED]
    for number, poison in ((number, poison) for number in poisoned for poison in POISONS):
        row = int(holdings.start[number] + holdings.count[number]) - 1
        asset = int(holdings.asset[row])
        lots = holdings.lots.copy()
        lots[row] = poison
        ill = method.requirement(holdings._replace(lots=lots), risk)
        _demand(bool(suspects(ill)[number]), f"{poison} lots must be a suspect", number)
        others = [other for other in range(len(accounts)) if other != number]
        law = f"{poison} lots of account {number} must not touch other accounts"
        _demand(_bits(ill, others) == _bits(clean, others), law)
        for name in ("value", "collateral", "notional", "bound", "change"):
            if name == "change" and not method.grid().scenarios:
                continue
            column = getattr(risk, name).copy(order="C")
            cell = (asset, risk.scenarios // 2) if name == "change" else asset
            column[cell] = poison
            ill = method.requirement(holdings, risk._replace(**{name: column}))
            unread = name in {"collateral", "notional"} and (
                _bits(ill, [number]) == _bits(clean, [number])
            )
            law = f"{poison} in the table's {name} must be a suspect"
            _demand(unread or bool(suspects(ill)[number]), law, number)
