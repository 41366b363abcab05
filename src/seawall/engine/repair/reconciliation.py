"""Reconciliation: the ledger beside an outside statement, and what is done with the difference.

A statement names a source, a moment, and quantities by account and asset. Compared are all accounts
and all assets that it names; what it does not list is zero. A difference within its tolerance is
noted, so that its age is known next time; one beyond it can be posted against the suspense account,
by a `Reconciled` event. What was posted since the moment of the statement counts as if it had been
there, so the same statement posts nothing twice. Knows no disk and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import msgspec

from seawall.engine.amends import SUSPENSE
from seawall.engine.engine import Engine
from seawall.engine.event import Reconciled
from seawall.market import Catalogue, Kind
from seawall.money import AmountError, parse_atoms


class StatementError(ValueError):
    """A statement that cannot be read against this venue; the message begins with the key."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a source says that an account has: of a coin in coins, of a contract in lots."""

    account: str
    asset: str
    quantity: str  # Decimal text, signed.


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source's balances and positions at one moment."""

    source: str
    as_of_ms: int
    rows: tuple[Row, ...]


class Difference(NamedTuple):
    """One account and asset of which the ledger and the statement say different things."""

    account: int
    asset: int
    ours: int  # Atoms or lots.
    theirs: int
    since_ms: int  # The first statement of this source in which it stood, as far as was noted.
    tolerance: int

    @property
    def quantity(self) -> int:
        """What the statement has beyond the ledger."""
        return self.theirs - self.ours

    @property
    def is_beyond(self) -> bool:
        """Whether it is larger than its tolerance, and so to be posted."""
        return abs(self.quantity) > self.tolerance


class Item(NamedTuple):
    """What stands in suspense for one account and asset, until a statement takes it back."""

    account: int
    asset: int
    quantity: int  # Credited to the account so far, and owed by suspense.
    since_ms: int


def asset_number(catalogue: Catalogue, name: str) -> int:
    """The ledger asset of a coin's or a contract's name. Raises `KeyError`."""
    for number, coin in enumerate(catalogue.coins):
        if coin.id == name:
            return number
    for number, terms in enumerate(catalogue.instruments):
        if terms.id == name and terms.type != "spot":
            return catalogue.lot_asset[number]
    raise KeyError(name)


def asset_name(catalogue: Catalogue, asset: int) -> tuple[str, int]:
    """Name and decimals of a ledger asset; a contract's lots have none."""
    if asset < len(catalogue.coins):
        return catalogue.coins[asset].id, catalogue.coins[asset].decimals
    row = catalogue.assets[asset]
    if row.kind is Kind.QUOTE:
        return f"{catalogue.instruments[row.instrument].id} quote", 0
    return catalogue.instruments[row.instrument].id, 0


def quantities(engine: Engine, statement: Statement) -> dict[tuple[int, int], int]:
    """What the statement says, by account and asset; zero where it names both and lists nothing."""
    said: dict[tuple[int, int], int] = {}
    for place, row in enumerate(statement.rows):
        where = f"$.rows[{place}]"
        try:
            key = engine.account(row.account), asset_number(engine.catalogue, row.asset)
        except KeyError as error:
            raise StatementError(f"{where}: the venue does not know {error.args[0]!r}") from None
        if row.account == SUSPENSE:
            raise StatementError(f"{where}: nobody outside can know of the suspense account")
        if key in said:
            raise StatementError(f"{where}: {row.account} and {row.asset} are listed twice")
        said[key] = whole(row.quantity, asset_name(engine.catalogue, key[1])[1], where)
    accounts = {account for account, _ in said}
    assets = {asset for _, asset in said}
    return {
        (account, asset): said.get((account, asset), 0)
        for account in sorted(accounts)
        for asset in sorted(assets)
    }


def whole(text: str, decimals: int, where: str) -> int:
    """Read a signed decimal quantity exactly. Raises `StatementError`."""
    try:
        return parse_atoms(Decimal(text), decimals)
    except (AmountError, InvalidOperation, ValueError) as error:
        raise StatementError(f"{where}: quantity {text!r}: {error}") from None


def differences(
    then: Engine,
    statement: Statement,
    tolerances: Mapping[int, int],
    history: Sequence[tuple[int, Reconciled]],
) -> list[Difference]:
    """Where ledger and statement differ, by account and asset.

    `then` stands at the moment of the statement; `history` is every `Reconciled` of the journal
    with its sequence; `tolerances` are by asset, in atoms or lots.
    """
    later: dict[tuple[int, int], int] = {}
    for sequence, event in history:
        for account, asset, quantity, _ in event.posted if sequence > then.sequence else ():
            later[account, asset] = later.get((account, asset), 0) + quantity
    noted = _noted(statement.source, [event for _, event in history])
    found = []
    for (account, asset), theirs in quantities(then, statement).items():
        ours = then.ledger.balance(account, asset) + later.get((account, asset), 0)
        if ours == theirs:
            continue
        before, since_ms = noted.get((account, asset), (0, 0))
        if before * (theirs - ours) <= 0:  # Another difference than the one that was noted.
            since_ms = statement.as_of_ms
        found.append(Difference(account, asset, ours, theirs, since_ms, tolerances.get(asset, 0)))
    return found


def posting(
    statement: Statement,
    found: Sequence[Difference],
    time_ms: int,
    operators: tuple[str, str],
    history: Sequence[tuple[int, Reconciled]],
) -> Reconciled | None:
    """The event that posts and notes what was found; None where it would say nothing new."""
    rows = [(one, (one.account, one.asset, one.quantity, one.since_ms)) for one in found]
    posted = tuple(row for one, row in rows if one.is_beyond)
    noted = tuple(row for one, row in rows if not one.is_beyond)
    known = _noted(statement.source, [event for _, event in history])
    news = {(account, asset): (quantity, since) for account, asset, quantity, since in noted}
    if not posted and news == known:
        return None
    return Reconciled(
        time_ms=time_ms,
        statement=statement.source,
        as_of_ms=statement.as_of_ms,
        first=operators[0],
        second=operators[1],
        posted=posted,
        noted=noted,
    )


def open_items(history: Iterable[tuple[int, Reconciled]]) -> list[Item]:
    """What still stands in suspense, by account and asset."""
    items: dict[tuple[int, int], Item] = {}
    for _, event in history:
        for account, asset, quantity, since_ms in event.posted:
            item = items.pop((account, asset), None)
            total = quantity + (item.quantity if item else 0)
            same_side = item is not None and item.quantity * total > 0
            if total:
                began = item.since_ms if item and same_side else since_ms
                items[account, asset] = Item(account, asset, total, began)
    return [items[key] for key in sorted(items)]


def _noted(source: str, history: Sequence[Reconciled]) -> dict[tuple[int, int], tuple[int, int]]:
    """What the last reconciliation with a source left unposted: (quantity, since when)."""
    for event in reversed(history):
        if event.statement == source:
            return {(account, asset): (qty, since) for account, asset, qty, since in event.noted}
    return {}
