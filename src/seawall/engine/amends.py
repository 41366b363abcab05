"""Amends: two operators pay for wrong prices, or put what a statement says otherwise aside.

Both are new transfers of one event that says why; nothing that was posted before is touched. Whom
to pay and what differs is found beforehand, by `correction` and `reconciliation`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from seawall.engine.calls.call import follow
from seawall.engine.effect import Compensated, Reason, State, Suspended
from seawall.engine.event import Corrected, Reconciled
from seawall.engine.state import OUTSIDE, Venue
from seawall.engine.state.memory import NO_METHOD, open_accounts
from seawall.ledger import Cause
from seawall.money import ATOMS_MAX

SUSPENSE = "suspense"  # The account's name; it has no margin method and is opened when needed.


def correct(venue: Venue, event: Corrected) -> Reason | None:
    """Pay what was found to be owed, all of it or nothing.

    Nobody but the outside account pays more of a coin than it holds when the event begins.
    """
    accounts, coins = len(venue.names), len(venue.catalogue.coins)
    for coin, payer, receiver, _ in event.transfers:
        if not (0 <= payer < accounts and 0 <= receiver < accounts) or payer == receiver:
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= coin < coins:
            return Reason.UNKNOWN_INSTRUMENT
    if not _are_two_operators(venue, event.first, event.second):
        return Reason.TWO_OPERATORS_NEEDED
    if not event.transfers or any(atoms <= 0 for *_, atoms in event.transfers):
        return Reason.AMOUNT_NOT_POSITIVE
    paid: defaultdict[tuple[int, int], int] = defaultdict(int)
    for coin, payer, _, atoms in event.transfers:
        paid[payer, coin] += atoms
    for (payer, coin), atoms in paid.items():
        if payer != OUTSIDE and atoms > max(0, venue.ledger.balance(payer, coin)):
            return Reason.PAYER_CANNOT_PAY
    if _overflows(
        venue,
        (
            row
            for coin, payer, receiver, atoms in event.transfers
            for row in ((payer, coin, -atoms), (receiver, coin, atoms))
        ),
    ):
        return Reason.BALANCE_OVERFLOW
    for coin, payer, receiver, atoms in event.transfers:
        venue.move(coin, payer, receiver, atoms, Cause.COMPENSATION)
        venue.effects.append(
            Compensated(
                account=receiver,
                payer=payer,
                coin=coin,
                atoms=atoms,
                first_sequence=event.first_sequence,
                last_sequence=event.last_sequence,
            )
        )
    _look_again(venue, {account for _, *both, _ in event.transfers for account in both})
    return None


def reconcile(venue: Venue, event: Reconciled) -> Reason | None:
    """Credit accounts with what a statement has beyond the ledger; suspense stands against it."""
    suspense = venue.number.get(SUSPENSE)
    if suspense is not None and venue.method[suspense] != NO_METHOD:
        return Reason.NAME_TAKEN
    for account, asset, _, _ in (*event.posted, *event.noted):
        if not 0 <= account < len(venue.names) or account == suspense:
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset < len(venue.catalogue.assets):
            return Reason.UNKNOWN_INSTRUMENT
    if not _are_two_operators(venue, event.first, event.second):
        return Reason.TWO_OPERATORS_NEEDED
    if any(quantity == 0 for _, _, quantity, _ in (*event.posted, *event.noted)):
        return Reason.AMOUNT_NOT_POSITIVE
    contra = len(venue.names) if suspense is None else suspense
    if _overflows(
        venue,
        (
            row
            for account, asset, quantity, _ in event.posted
            for row in ((contra, asset, -quantity), (account, asset, quantity))
        ),
    ):
        return Reason.BALANCE_OVERFLOW
    if suspense is None and event.posted:
        open_accounts(venue, [SUSPENSE], [NO_METHOD])
        venue.status[contra] = State.CLOSED  # It trades nothing, and nobody is deleveraged on it.
    for account, asset, quantity, since_ms in event.posted:
        venue.move(asset, contra, account, quantity, Cause.RECONCILIATION)
        venue.effects.append(
            Suspended(account=account, asset=asset, quantity=quantity, since_ms=since_ms)
        )
    _look_again(venue, {account for account, *_ in event.posted})
    return None


def _look_again(venue: Venue, accounts: set[int]) -> None:
    """Let accounts whose rows were changed be judged: at once where they had been closed."""
    margined = sorted(account for account in accounts if venue.method[account] != NO_METHOD)
    for account in margined if venue.tables.ready else ():
        if venue.status[account] >= State.CLOSED:
            follow(venue, account)
    venue.shaken.update(margined)


def _are_two_operators(venue: Venue, first: str, second: str) -> bool:
    return first != second and {first, second} <= set(venue.rulebook.operators)


def _overflows(venue: Venue, rows: Iterable[tuple[int, int, int]]) -> bool:
    """Whether any balance leaves 63 bits on the way, in the order of the rows."""
    balance: dict[tuple[int, int], int] = {}
    for account, asset, quantity in rows:
        if abs(quantity) > ATOMS_MAX:
            return True
        key = (account, asset)
        if key not in balance:
            known = account < len(venue.names)
            balance[key] = venue.ledger.balance(account, asset) if known else 0
        balance[key] += quantity
        if abs(balance[key]) > ATOMS_MAX:
            return True
    return False
