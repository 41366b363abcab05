"""`seawall what-if`: one account before and after a trade, a deposit or a move of the market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seawall.cli.margin_json import requirement_json
from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
)
from seawall.money import format_atoms

if TYPE_CHECKING:
    from seawall.portfolio import Account, LargestTrade, WhatIf


class Asked(NamedTuple):
    """What is supposed to happen, as it was written."""

    trades: Sequence[str]
    deposits: Sequence[str]
    moves: Sequence[str]
    volatility: str | None
    largest: Sequence[str]


def run(
    file: Path,
    rules: Path | None,
    market: Path | None,
    method: str | None,
    asked: Asked,
    as_json: bool,
) -> int:
    """Judge the account before and after, and find the largest trades after."""
    from seawall.cli.portfolio import account_of
    from seawall.portfolio import PortfolioError, largest_trade, read_change, what_if

    account = account_of(file, rules, market, method)
    try:
        change = read_change(
            account,
            trades=asked.trades,
            deposits=asked.deposits,
            moves=asked.moves,
            volatility=asked.volatility,
        )
        told = what_if(account, change)
        largest = [largest_trade(account, name, change) for name in asked.largest]
    except PortfolioError as error:
        raise Failure(WRONG_INPUT, f"what-if: {error}") from None
    if as_json:
        print_json(_json(account, told, largest))
        return DONE
    _print(account, told, largest)
    return DONE


def _json(account: Account, told: WhatIf, largest: Sequence[LargestTrade]) -> dict[str, Any]:
    numeraire, assets = account.venue.catalogue.numeraire, account.venue.catalogue.assets
    both = (("before", told.before), ("after", told.after))
    return {
        "name": told.name,
        "method": told.method,
        "fingerprint": account.fingerprint,
        "numeraire": numeraire.id,
        **{
            key: requirement_json(one.requirement, numeraire.decimals) | {"binding": one.binding}
            for key, one in both
        },
        "rows": {assets[a].id: format_atoms(q, assets[a].decimals) for a, q in told.rows},
        "refused": list(told.refused),
        "largest": [
            {
                "instrument": one.instrument,
                "buy": _quantity(account, one.instrument, one.buy),
                "sell": _quantity(account, one.instrument, one.sell),
            }
            for one in largest
        ],
    }


def _quantity(account: Account, name: str, lots: int | None) -> str | None:
    """Lots as a person writes them: base coins, or the numeraire of an inverse contract."""
    if lots is None:
        return None
    catalogue = account.venue.catalogue
    terms = catalogue.instruments[catalogue.instrument(name)]
    unit = catalogue.coins[catalogue.coin(terms.base)]
    if terms.is_sized_in_numeraire:
        unit = catalogue.numeraire
    return format_atoms(lots * terms.lot, unit.decimals)


def _print(account: Account, told: WhatIf, largest: Sequence[LargestTrade]) -> None:
    from seawall.portfolio import state_of

    numeraire, assets = account.venue.catalogue.numeraire, account.venue.catalogue.assets
    before, after = told.before.requirement, told.after.requirement
    rows = []
    for label, key in (
        ("equity", "equity"),
        ("margin equity, after haircuts", "margin_equity"),
        ("initial margin", "initial"),
        ("maintenance margin", "maintenance"),
    ):
        old, new = getattr(before, key), getattr(after, key)
        said = [grouped(format_atoms(n, numeraire.decimals)) for n in (old, new, new - old)]
        rows.append((label, *said))
    for label, key in (("initial", "initial"), ("maintenance", "maintenance")):
        left = [need.margin_equity - getattr(need, key) for need in (before, after)]
        said = [grouped(format_atoms(n, numeraire.decimals)) for n in (*left, left[1] - left[0])]
        rows.append((f"headroom to {label}", *said))
    ratios = [requirement_json(n, numeraire.decimals)["ratio"] or "none" for n in (before, after)]
    rows.append(("margin equity ÷ maintenance", *ratios, ""))
    rows.append(("state", state_of(before), state_of(after), ""))
    print_table((numeraire.id, "before", "after", "change"), rows, told.name, numbers=(1, 2, 3))
    held = dict(account.rows)
    changed = [
        (
            assets[a].id,
            *(
                grouped(format_atoms(quantity, assets[a].decimals))
                for quantity in (held.get(a, 0), dict(told.rows).get(a, 0))
            ),
        )
        for a in sorted(held.keys() | dict(told.rows).keys())
        if held.get(a, 0) != dict(told.rows).get(a, 0)
    ]
    if changed:
        print_table(("row", "before", "after"), changed, numbers=(1, 2))
    print_line(f"binding before: {told.before.binding}")
    print_line(f"binding after: {told.after.binding}")
    if told.refused:
        print_line(f"not marginable under {told.method}: {', '.join(told.refused)}")
    for one in largest:
        bought, sold = (
            _quantity(account, one.instrument, lots) or "without limit"
            for lots in (one.buy, one.sell)
        )
        print_line(f"largest trade of {one.instrument} after this: buy {bought}, sell {sold}")
