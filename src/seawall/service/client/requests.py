"""Requests as values: what is wanted, and for a command the key under which it is done once.

A `Wanted` can be sent any number of times by any client: its command happens once. Knows the wire
form, and no connection.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from seawall.service.words.wire import (
    AccountPage,
    AccountShown,
    Answer,
    BidAsked,
    BulkShown,
    BulkSupposed,
    CommitAsked,
    ContractTold,
    Depth,
    Explained,
    FillTold,
    KeyAsked,
    KeyMade,
    KeyRotated,
    LimitsAsked,
    ListAsked,
    MarginShown,
    NewAccount,
    OneSupposed,
    OpenAsked,
    OverrideAsked,
    PricesTold,
    Proposed,
    ReportsTold,
    RevealAsked,
    RulesTold,
    ShareAsked,
    Smile,
    SourceReport,
    Supposed,
    SupposedShown,
    TakeAsked,
    TradeAsked,
    Transfer,
)

T = TypeVar("T")
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """One request."""

    method: Literal["GET", "POST"]
    path: str
    form: type[T]  # What its answer is.
    body: bytes | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None  # Of a command.
    is_repeatable: bool = True


def new_key() -> str:
    """A name that no other command has."""
    return uuid.uuid4().hex


# -- accounts --------------------------------------------------------------------------------------


def open_accounts(accounts: Mapping[str, str], key: str | None = None) -> Wanted[Answer]:
    """Open accounts: margin method by name."""
    told = tuple(NewAccount(name=name, method=method) for name, method in accounts.items())
    return _command("/v1/accounts", OpenAsked(accounts=told), key)


def accounts(
    *,
    order: Literal["number", "name", "health", "distance", "notional", "equity"] = "number",
    status: str | None = None,
    prefix: str = "",
    search: str = "",
    offset: int = 0,
    limit: int = 100,
) -> Wanted[AccountPage]:
    """A page of accounts."""
    query: Told = {"order": order, "offset": offset, "limit": limit}
    more = {"status": status, "prefix": prefix, "search": search}
    query |= {name: told for name, told in more.items() if told}
    return _question("/v1/accounts", AccountPage, query)


def account(name: str) -> Wanted[AccountShown]:
    """One account with its rows."""
    return _question(_of(name), AccountShown)


def deposit(name: str, coin: str, amount: str, key: str | None = None) -> Wanted[Answer]:
    """Money arrives."""
    return _command(f"{_of(name)}/deposits", Transfer(coin=coin, amount=amount), key)


def withdraw(name: str, coin: str, amount: str, key: str | None = None) -> Wanted[Answer]:
    """Money leaves."""
    return _command(f"{_of(name)}/withdrawals", Transfer(coin=coin, amount=amount), key)


def trade(
    instrument: str, buyer: str, seller: str, quantity: str, price: str, key: str | None = None
) -> Wanted[Answer]:
    """Book a trade."""
    return _command("/v1/trades", _trade(instrument, buyer, seller, quantity, price), key)


def check_trade(
    instrument: str, buyer: str, seller: str, quantity: str, price: str
) -> Wanted[Told]:
    """Whether it would be booked."""
    asked = _trade(instrument, buyer, seller, quantity, price)
    return _asked("/v1/trades/check", asked, Told)


def margin(name: str, at: int | None = None) -> Wanted[MarginShown]:
    """The verdict, now or just after an event."""
    return _question(f"{_of(name)}/margin", MarginShown, _at(at))


def explain(name: str, at: int | None = None) -> Wanted[Explained]:
    """The terms that add up to it."""
    return _question(f"{_of(name)}/explanation", Explained, _at(at))


def what_if(name: str, change: Supposed) -> Wanted[SupposedShown]:
    """What would stand after a change."""
    return _asked(f"{_of(name)}/what-if", change, SupposedShown)


def what_if_many(suppositions: Sequence[tuple[str, Supposed]]) -> Wanted[BulkShown]:
    """Many of them at one moment."""
    told = tuple(OneSupposed(account=name, change=change) for name, change in suppositions)
    return _asked("/v1/what-if", BulkSupposed(suppositions=told), BulkShown)


def liquidation_prices(name: str) -> Wanted[Told]:
    """Where the account crosses its lines."""
    return _question(f"{_of(name)}/liquidation-prices", Told)


def deleveraging(name: str) -> Wanted[Told]:
    """Its places in the deleveraging queues."""
    return _question(f"{_of(name)}/deleveraging", Told)


# -- the venue -------------------------------------------------------------------------------------

View = Literal[
    "venue",
    "instruments",
    "prices",
    "calls",
    "liquidations",
    "orders",
    "auctions",
    "insurance-funds",
    "rulebook",
    "breakers",
    "systemic",
]


def view(of: View) -> Wanted[Told]:
    """One page of the venue."""
    return _question(f"/v1/{of}", Told)


def liquidation_map(coin: str) -> Wanted[Told]:
    """What would be liquidated against the price of a coin, and the depth there."""
    return _question(f"/v1/systemic/map/{quote(coin, safe='')}", Told)


def list_instruments(contracts: Sequence[ContractTold], key: str | None = None) -> Wanted[Answer]:
    """List contracts."""
    return _command("/v1/instruments", ListAsked(instruments=tuple(contracts)), key)


def tell_prices(
    prices: Mapping[str, str] | None = None,
    marks: Mapping[str, str] | None = None,
    *,
    depth: Mapping[str, tuple[str, str]] | None = None,
    smiles: Sequence[Smile] = (),
    confidence: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Wanted[Answer]:
    """One tick."""
    told = PricesTold(
        prices=dict(prices or {}),
        marks=dict(marks or {}),
        depth={name: Depth(bid=bid, ask=ask) for name, (bid, ask) in (depth or {}).items()},
        smiles=tuple(smiles),
        confidence=dict(confidence or {}),
    )
    return _command("/v1/prices", told, key)


def tell_reports(
    coin: str, reports: Sequence[SourceReport], key: str | None = None
) -> Wanted[Answer]:
    """What sources say of a coin."""
    return _command("/v1/reports", ReportsTold(coin=coin, reports=tuple(reports)), key)


def fill(order: int, lots: int, price: str, key: str | None = None) -> Wanted[Answer]:
    """Answer an order of the engine."""
    return _command(f"/v1/orders/{order}/fill", FillTold(lots=lots, price=price), key)


def take(
    auction: int, name: str, lots: int, limit: str, *, flash: bool = False, key: str | None = None
) -> Wanted[Answer]:
    """Take lots of an auction."""
    told = TakeAsked(account=name, lots=lots, limit=limit, flash=flash)
    return _command(f"/v1/auctions/{auction}/take", told, key)


def take_share(
    auction: int, name: str, share: str, limit: str, key: str | None = None
) -> Wanted[Answer]:
    """Take a share of a whole account."""
    told = ShareAsked(account=name, share=share, limit=limit)
    return _command(f"/v1/auctions/{auction}/take-share", told, key)


def bid(
    auction: int, name: str, price: str, lots: int = 0, key: str | None = None
) -> Wanted[Answer]:
    """Bid for lots of an auction."""
    told = BidAsked(account=name, price=price, lots=lots)
    return _command(f"/v1/auctions/{auction}/bids", told, key)


def commit(auction: int, name: str, digest: bytes, key: str | None = None) -> Wanted[Answer]:
    """Lodge a sealed bid."""
    told = CommitAsked(account=name, digest=digest.hex())
    return _command(f"/v1/auctions/{auction}/commitments", told, key)


def reveal(
    auction: int, name: str, lots: int, price: str, salt: bytes, key: str | None = None
) -> Wanted[Answer]:
    """Open a sealed bid."""
    told = RevealAsked(account=name, lots=lots, price=price, salt=salt.hex())
    return _command(f"/v1/auctions/{auction}/revelations", told, key)


# -- operators and admins --------------------------------------------------------------------------


def start_venue(toml: str, key: str | None = None) -> Wanted[Answer]:
    """Open the venue under its first rulebook."""
    return _command("/v1/venue", RulesTold(toml=toml), key)


def rulebook_diff(toml: str) -> Wanted[Told]:
    """What another rulebook would change."""
    return _asked("/v1/rulebook/diff", RulesTold(toml=toml), Told)


def activate(toml: str, key: str | None = None) -> Wanted[Answer]:
    """Let another rulebook hold."""
    return _command("/v1/rulebook/activations", RulesTold(toml=toml), key)


def propose_override(
    scope: Literal["account", "market", "venue", "all"],
    mode: Literal["open", "reduce_only", "halted"],
    reason: str,
    subject: str = "",
    key: str | None = None,
) -> Wanted[Proposed]:
    """Sign an override as the first operator."""
    told = OverrideAsked(scope=scope, mode=mode, reason=reason, subject=subject)
    body = msgspec.json.encode(told)
    return Wanted("POST", "/v1/overrides", Proposed, body, key=key or new_key())


def overrides(after: int = 0) -> Wanted[Told]:
    """Proposals and who signed them."""
    return _question("/v1/overrides", Told, {"after": after})


def sign_override(proposal: int, key: str | None = None) -> Wanted[Answer]:
    """Sign as the second operator."""
    path = f"/v1/overrides/{proposal}/signature"
    return Wanted("POST", path, Answer, key=key or new_key())


def keys() -> Wanted[Told]:
    """Every API key without its secret."""
    return _question("/v1/keys", Told)


def make_key(
    name: str,
    scopes: Sequence[str],
    operator: str = "",
    expires_ms: int | None = None,
    *,
    reads_per_s: int | None = None,
    commands_per_s: int | None = None,
) -> Wanted[KeyMade]:
    """Make an API key; sent once, for every answer is another key."""
    told = KeyAsked(
        name=name,
        scopes=tuple(scopes),
        operator=operator,
        expires_ms=expires_ms,
        reads_per_s=reads_per_s,
        commands_per_s=commands_per_s,
    )
    return Wanted("POST", "/v1/keys", KeyMade, msgspec.json.encode(told), is_repeatable=False)


def rotate_key(id: str) -> Wanted[KeyRotated]:
    """Give a key another secret; sent once, as before."""
    path = f"/v1/keys/{quote(id, safe='')}/rotation"
    return Wanted("POST", path, KeyRotated, is_repeatable=False)


def revoke_key(id: str) -> Wanted[Told]:
    """End a key."""
    path = f"/v1/keys/{quote(id, safe='')}/revocation"
    return Wanted("POST", path, Told, is_repeatable=False)


def limit_key(
    id: str, *, reads_per_s: int | None = None, commands_per_s: int | None = None
) -> Wanted[Told]:
    """Limit a key; None: as the service limits every key."""
    told = LimitsAsked(reads_per_s=reads_per_s, commands_per_s=commands_per_s)
    return _asked(f"/v1/keys/{quote(id, safe='')}/limits", told, Told)


def journal(first: int = 1, limit: int = 100) -> Wanted[Told]:
    """A run of events."""
    return _question("/v1/journal", Told, {"first": first, "limit": limit})


def audit(of: Literal["commands", "acts"], after: int = 0, limit: int = 100) -> Wanted[Told]:
    """Who did what."""
    return _question(f"/v1/audit/{of}", Told, {"after": after, "limit": limit})


def _of(name: str) -> str:
    return f"/v1/accounts/{quote(name, safe='')}"


def _at(at: int | None) -> Told:
    return {} if at is None else {"at": at}


def _trade(instrument: str, buyer: str, seller: str, quantity: str, price: str) -> TradeAsked:
    return TradeAsked(
        instrument=instrument, buyer=buyer, seller=seller, quantity=quantity, price=price
    )


def _question(path: str, form: type[T], query: Told | None = None) -> Wanted[T]:
    return Wanted("GET", path, form, query=query or {})


def _asked(path: str, body: msgspec.Struct, form: type[T]) -> Wanted[T]:
    return Wanted("POST", path, form, msgspec.json.encode(body))


def _command(path: str, body: msgspec.Struct, key: str | None) -> Wanted[Answer]:
    return Wanted("POST", path, Answer, msgspec.json.encode(body), key=key or new_key())
