"""Why: one account's requirement as terms that add up, with the prices and rules behind them."""

from __future__ import annotations

import msgspec

from seawall.engine.calls.top_up import in_coins
from seawall.engine.effect import State
from seawall.engine.state import Venue
from seawall.margin import ExactRequirement, Term
from seawall.margin.counted import counted_coins
from seawall.market import Kind
from seawall.money import format_atoms


class AccountExplanation(msgspec.Struct, frozen=True):
    """Everything that a person needs to check a verdict by hand."""

    account: int
    name: str
    sequence: int
    time_ms: int
    fingerprint: str
    method: str
    state: str
    binding: str  # The binding scenario or tier, in words.
    requirement: ExactRequirement
    terms: tuple[Term, ...]
    quantities: dict[str, str]  # Asset id → quantity as a person writes it.
    prices: dict[str, str]  # Coin or contract → price in the quote currency.
    deadline_ms: int | None
    counted: dict[str, str] = {}  # Coin → dollars that its posted balance counts for.
    # Coin → least deposit that alone restores the initial margin; empty where none is needed.
    restores: dict[str, str] = {}


def explain_account(venue: Venue, account: int, sequence: int) -> AccountExplanation:
    """Explain the account under the rules and prices of this moment."""
    number = int(venue.method[account])
    rows = venue.ledger.rows(account)
    assets = venue.catalogue.assets
    table, method = venue.tables.exact(number), venue.methods[number]
    told = method.explain(rows, table, [asset.id for asset in assets])
    need = told.requirement
    missing = need.initial - need.margin_equity
    return AccountExplanation(
        account=account,
        name=venue.names[account],
        sequence=sequence,
        time_ms=venue.time_ms,
        fingerprint=venue.rulebook.fingerprint,
        method=venue.rulebook.method_names[number],
        state=State(int(venue.status[account])).name.lower(),
        binding=told.binding,
        requirement=told.requirement,
        terms=told.terms,
        quantities={assets[a].id: format_atoms(q, assets[a].decimals) for a, q in rows},
        prices=_prices(venue, [a for a, _ in rows]),
        deadline_ms=venue.deadline.get(account),
        counted={
            assets[one.asset].id: format_atoms(one.counted, venue.catalogue.numeraire.decimals)
            for one in counted_coins(method, rows, table)
        },
        restores={
            assets[coin].id: format_atoms(atoms, assets[coin].decimals)
            for coin, atoms in (in_coins(rows, table, method, missing) if missing > 0 else ())
        },
    )


def _prices(venue: Venue, held: list[int]) -> dict[str, str]:
    decimals = venue.catalogue.numeraire.decimals
    prices: dict[str, str] = {}
    for asset in held:
        row = venue.catalogue.assets[asset]
        coin = venue.catalogue.coins[row.coin]
        prices[coin.id] = format_atoms(venue.snapshot.price[row.coin], decimals)
        if row.kind >= Kind.LINEAR:
            prices[row.id] = format_atoms(venue.mark(row.instrument), decimals)
    return prices
