"""Requests of repairs, funding, expiries and feeds, as values like all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from seawall.service.client.requests import Wanted, new_key
from seawall.service.words.repair_wire import (
    BookTold,
    CollateralTold,
    CorrectionAsked,
    CorrectionProposed,
    CorrectionShown,
    FundingTold,
    PremiumTold,
    RepairPage,
    RepairProposed,
    RepairShown,
    SettlementTold,
    StatedRow,
    StatementShown,
    StatementTold,
    SuspenseShown,
    TickTold,
    Window,
)
from seawall.service.words.wire import Answer

T = TypeVar("T")
Told = dict[str, Any]
Stated = tuple[str, str, str]  # Account, asset, quantity.
PAYERS = ("insurance_fund", "gainers")


def correction_report(
    window: Window,
    prices: Mapping[str, str] | None = None,
    *,
    ticks: Sequence[TickTold] = (),
    payers: Sequence[str] = PAYERS,
    least: str = "0",
) -> Wanted[CorrectionShown]:
    """What wrong prices did to whom."""
    asked = CorrectionAsked(
        window=window,
        prices=dict(prices or {}),
        ticks=tuple(ticks),
        payers=tuple(payers),
        least=least,
    )
    return _asked("/v1/corrections/report", asked, CorrectionShown)


def propose_correction(
    window: Window,
    prices: Mapping[str, str] | None = None,
    *,
    reason: str,
    ticks: Sequence[TickTold] = (),
    payers: Sequence[str] = PAYERS,
    least: str = "0",
    key: str | None = None,
) -> Wanted[RepairProposed]:
    """Sign a correction as the first operator."""
    asked = CorrectionProposed(
        window=window,
        prices=dict(prices or {}),
        ticks=tuple(ticks),
        payers=tuple(payers),
        least=least,
        reason=reason,
    )
    return _command("/v1/corrections", asked, RepairProposed, key)


def reconciliation_report(
    source: str,
    rows: Sequence[Stated] | str,
    *,
    as_of_ms: int | None = None,
    tolerances: Mapping[str, str] | None = None,
) -> Wanted[StatementShown]:
    """Where a statement, rows or CSV text, and the ledger differ."""
    told = _statement(source, rows, as_of_ms, tolerances)
    return _asked("/v1/reconciliations/report", told, StatementShown)


def propose_reconciliation(
    source: str,
    rows: Sequence[Stated] | str,
    *,
    as_of_ms: int | None = None,
    tolerances: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Wanted[RepairProposed]:
    """Sign as the first operator what would be posted to suspense."""
    told = _statement(source, rows, as_of_ms, tolerances)
    return _command("/v1/reconciliations", told, RepairProposed, key)


def suspense() -> Wanted[SuspenseShown]:
    """What stands in suspense."""
    return Wanted("GET", "/v1/suspense", SuspenseShown)


def repairs(after: int = 0) -> Wanted[RepairPage]:
    """Corrections and reconciliations that were proposed."""
    return Wanted("GET", "/v1/repairs", RepairPage, query={"after": after})


def repair(proposal: int, offset: int = 0) -> Wanted[RepairShown]:
    """One of them in full."""
    return Wanted("GET", f"/v1/repairs/{proposal}", RepairShown, query={"offset": offset})


def sign_repair(proposal: int, key: str | None = None) -> Wanted[Answer]:
    """Sign as the second operator."""
    return Wanted("POST", f"/v1/repairs/{proposal}/signature", Answer, key=key or new_key())


# -- what comes from outside -----------------------------------------------------------------------


def funding() -> Wanted[Told]:
    """Rates, rules and open intervals."""
    return Wanted("GET", "/v1/funding", Told)


def tell_funding(instrument: str, rate: str, key: str | None = None) -> Wanted[Answer]:
    """Longs pay shorts at this rate."""
    return _command("/v1/funding", FundingTold(instrument=instrument, rate=rate), Answer, key)


def tell_premium(
    instrument: str,
    premium: str | None = None,
    *,
    impact: tuple[str, str, str] | None = None,
    key: str | None = None,
) -> Wanted[Answer]:
    """A sample for a funding rule: a premium, or impact bid, impact ask and index."""
    bid, ask, index = impact or (None, None, None)
    told = PremiumTold(instrument=instrument, premium=premium, bid=bid, ask=ask, index=index)
    return _command("/v1/premiums", told, Answer, key)


def tell_settlement(instrument: str, price: str, key: str | None = None) -> Wanted[Answer]:
    """A contract expires at a price."""
    return _command(
        "/v1/settlements", SettlementTold(instrument=instrument, price=price), Answer, key
    )


def collateral() -> Wanted[Told]:
    """What feeds said of each coin."""
    return Wanted("GET", "/v1/collateral", Told)


def tell_collateral(
    coin: str,
    *,
    rate: str = "0",
    elapsed_s: int = 0,
    fair_price: str = "0",
    key: str | None = None,
) -> Wanted[Answer]:
    """What feeds say of a coin beside its price."""
    told = CollateralTold(coin=coin, rate=rate, elapsed_s=elapsed_s, fair_price=fair_price)
    return _command("/v1/collateral", told, Answer, key)


def move_in(rows: Sequence[Stated], key: str | None = None) -> Wanted[Answer]:
    """A whole book at once."""
    return _command("/v1/books", BookTold(rows=_rows(rows)), Answer, key)


def history(
    of: Literal["calls", "liquidations", "funding", "settlements"],
    *,
    first: int = 1,
    last: int = 2**53 - 1,
    account: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> Wanted[Told]:
    """What happened in a range of events; only of calls and liquidations by account."""
    query: Told = {"first": first, "last": last, "offset": offset, "limit": limit}
    query |= {} if account is None else {"account": account}
    return Wanted("GET", f"/v1/{of}/history", Told, query=query)


def _statement(
    source: str,
    rows: Sequence[Stated] | str,
    as_of_ms: int | None,
    tolerances: Mapping[str, str] | None,
) -> StatementTold:
    return StatementTold(
        source=source,
        as_of_ms=as_of_ms,
        rows=() if isinstance(rows, str) else _rows(rows),
        csv=rows if isinstance(rows, str) else "",
        tolerances=dict(tolerances or {}),
    )


def _rows(rows: Sequence[Stated]) -> tuple[StatedRow, ...]:
    return tuple(StatedRow(account=who, asset=what, quantity=much) for who, what, much in rows)


def _asked(path: str, body: msgspec.Struct, form: type[T]) -> Wanted[T]:
    return Wanted("POST", path, form, msgspec.json.encode(body))


def _command(path: str, body: msgspec.Struct, form: type[T], key: str | None) -> Wanted[T]:
    return Wanted("POST", path, form, msgspec.json.encode(body), key=key or new_key())
