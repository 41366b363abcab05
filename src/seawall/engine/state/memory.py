"""Birth, growth and memory of a venue's state: new, opened, changed rules, dumped and restored.

A dump is a checkpoint of a journal, not an exchange format: it holds everything that `Venue` holds
apart from what can be computed again (risk tables, float columns).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from seawall.engine.rules import funding_rules
from seawall.engine.rules.funding_rules import IntervalRow
from seawall.engine.rules.rulebook import Rulebook, decode
from seawall.engine.rules.waterfall_rules import ONE_FUND, SHORTFALL, accounts_named
from seawall.engine.state import SYSTEM_ACCOUNTS, OpenOrder, Rates, Venue, falls, offers, progress
from seawall.engine.state.columns import Columns
from seawall.engine.state.falls import FallRow
from seawall.engine.state.offers import OfferRow, TriedRow, WholeRow
from seawall.engine.state.progress import CallRow, TakingRow, WindowRow
from seawall.engine.state.tables import Tables
from seawall.engine.state.watch import BandRow, StandingRow, SumRow, recalled, remembered
from seawall.ledger import Ledger
from seawall.margin.collateral import Observed
from seawall.market import Instrument, Snapshot, VolatilitySlice
from seawall.market.oracle import Feed

NO_METHOD = -1  # System accounts are not margined.


class _Dump(msgspec.Struct, array_like=True):
    """The bytes of a checkpoint, field by field."""

    sequence: int
    chain: bytes
    rulebook: str | None
    listings: list[tuple[Instrument, ...]] = []
    snapshot_sequence: int = 0
    snapshot_time_ms: int = 0
    price: tuple[int, ...] = ()
    mark: tuple[int, ...] = ()
    slices: tuple[VolatilitySlice, ...] = ()
    funding: tuple[int, ...] = ()
    depth: tuple[tuple[int, int], ...] = ()
    ledger: bytes = b""
    names: list[str] = []
    method: bytes = b""
    status: bytes = b""
    deadline: list[tuple[int, int]] = []
    orders: list[tuple[int, int, int, int, int]] = []
    left_depth: list[tuple[int, bool, int]] = []
    unmet: list[tuple[int, int]] = []
    missed: list[int] = []
    unshared: list[tuple[int, int, int]] = []
    no_takers: list[tuple[int, bool, int]] = []
    time_ms: int = 0
    next_order: int = 1
    confidence: tuple[int, ...] = ()
    priced_ms: tuple[int, ...] = ()
    observed: list[tuple[int, int, int, int]] = []
    feeds: list[tuple[int, Feed]] = []
    standing: list[StandingRow] = []
    sums: list[SumRow] = []
    bands: list[BandRow] = []
    offers: list[OfferRow] = []
    tried: list[TriedRow] = []
    auctions_numbered: int = 0
    whole: list[WholeRow] = []
    calls: list[CallRow] = []
    takings: list[TakingRow] = []
    window: list[WindowRow] = []
    falls: list[FallRow] = []
    previous_mark: tuple[int, ...] = ()
    intervals: list[IntervalRow] = []


def new_venue(rulebook: Rulebook, time_ms: int) -> Venue:
    """An empty venue under a rulebook, with its system accounts."""
    catalogue = rulebook.catalogue()
    ledger = Ledger(len(catalogue.assets))
    observed: dict[int, Observed] = {}
    venue = Venue(
        rulebook=rulebook,
        catalogue=catalogue,
        snapshot=Snapshot.empty(catalogue),
        ledger=ledger,
        tables=Tables(rulebook.methods, rulebook.collateral, observed),
        rates=Rates.of(rulebook),
        columns=Columns(ledger),
        observed=observed,
        time_ms=time_ms,
    )
    open_accounts(venue, SYSTEM_ACCOUNTS, [NO_METHOD] * len(SYSTEM_ACCOUNTS))
    _open_funds(venue)
    return venue


def _open_funds(venue: Venue) -> None:
    """Open the accounts that the waterfall's rules name and that are not open; note the funds."""
    rulebook = venue.rulebook
    names = accounts_named(rulebook.funds, rulebook.loss_sharing)
    missing = [name for name in names if name not in venue.number]
    if missing:
        open_accounts(venue, missing, [NO_METHOD] * len(missing))
    venue.funds = tuple(venue.number[fund.name] for fund in rulebook.funds or ONE_FUND)
    venue.fund = None


def open_accounts(venue: Venue, names: Sequence[str], methods: Sequence[int]) -> None:
    """Append accounts; their numbers follow those that exist."""
    first = venue.ledger.open(len(names))
    venue.number.update(zip(names, range(first, first + len(names)), strict=True))
    venue.names.extend(names)
    venue.method = np.concatenate([venue.method, np.array(methods, np.int16)])
    venue.status = np.concatenate([venue.status, np.zeros(len(names), np.int8)])


def change_rules(venue: Venue, rulebook: Rulebook) -> bool:
    """Let another rulebook hold, if the venue's coins and methods in use exist under it."""
    old = venue.rulebook
    fits = (
        rulebook.numeraire == old.numeraire
        and rulebook.cash == old.cash
        and [(c.id, c.decimals) for c in rulebook.coins] == [(c.id, c.decimals) for c in old.coins]
    )
    number = {name: index for index, name in enumerate(rulebook.method_names)}
    used = sorted({int(m) for m in np.unique(venue.method)} - {NO_METHOD})
    if not fits or any(old.method_names[m] not in number for m in used):
        return False
    if _is_short(venue) and rulebook.loss_sharing.rule != "withdrawal_haircut":
        return False  # Nobody would make up for what withdrawals were to bring back.
    named = accounts_named(rulebook.funds, rulebook.loss_sharing)
    if any(venue.method[venue.number[name]] >= 0 for name in named if name in venue.number):
        return False  # A margined account has the name of a fund.
    method = venue.method.copy()
    for m in used:
        method[venue.method == m] = number[old.method_names[m]]
    venue.method = method
    venue.rulebook = rulebook
    ready = venue.tables.ready
    venue.tables = Tables(rulebook.methods, rulebook.collateral, venue.observed)
    venue.rates = Rates.of(rulebook)
    venue.progress.next_due_ms = 0
    _open_funds(venue)
    if not rulebook.tells_waterfall:
        venue.falls = falls.Falls()
    if ready:
        venue.tables.reprice(venue.catalogue, venue.snapshot, None)
    return True


def _is_short(venue: Venue) -> bool:
    place = venue.number.get(SHORTFALL)
    return place is not None and any(atoms < 0 for _, atoms in venue.ledger.rows(place))


def dump(sequence: int, chain: bytes, venue: Venue | None) -> bytes:
    """Everything that cannot be computed again."""
    if venue is None:
        return msgspec.msgpack.encode(_Dump(sequence, chain, None))
    return _encoded(_remembered(sequence, chain, venue, venue.ledger.dump()))


def first_difference(one: bytes, other: bytes) -> str | None:
    """The name of the first part in which two dumps differ."""
    left, right = (msgspec.msgpack.decode(blob, type=_Dump) for blob in (one, other))
    for name in _Dump.__struct_fields__:
        if getattr(left, name) != getattr(right, name):
            return name
    return None


def restore(blob: bytes) -> tuple[int, bytes, Venue | None]:
    """The sequence, the chain and the state of a dump."""
    kept = msgspec.msgpack.decode(blob, type=_Dump)
    if kept.rulebook is None:
        return kept.sequence, kept.chain, None
    venue = new_venue(decode(kept.rulebook), kept.time_ms)
    for batch in kept.listings:
        venue.list_instruments(venue.catalogue.listed(batch), batch)
    venue.snapshot = Snapshot(
        kept.snapshot_sequence,
        kept.snapshot_time_ms,
        kept.price,
        kept.mark,
        kept.slices,
        kept.funding,
        kept.depth,
        kept.confidence,
        kept.priced_ms,
    )
    venue.ledger = Ledger.restore(kept.ledger)
    venue.columns = Columns(venue.ledger)
    venue.names = kept.names
    venue.number = {name: account for account, name in enumerate(kept.names)}
    venue.method = np.frombuffer(kept.method, "<i2").astype(np.int16)
    venue.status = np.frombuffer(kept.status, "<i1").astype(np.int8)
    venue.deadline = dict(kept.deadline)
    for number, *rest in kept.orders:
        order = venue.orders[number] = OpenOrder(*rest)
        venue.waiting[order.account] = venue.waiting.get(order.account, 0) + 1
    venue.left_depth = {(i, side): lots for i, side, lots in kept.left_depth}
    venue.unmet = set(kept.unmet)
    venue.missed = set(kept.missed)
    venue.unshared = kept.unshared
    venue.no_takers = {(asset, long): given for asset, long, given in kept.no_takers}
    venue.next_order = kept.next_order
    venue.observed.update((coin, Observed(*feeds)) for coin, *feeds in kept.observed)
    venue.feeds = dict(kept.feeds)
    venue.watch = recalled(kept.standing, kept.sums, kept.bands)
    venue.progress = progress.recalled(kept.calls, kept.takings, kept.window)
    for waiting in venue.orders.values():
        if not venue.sells_coins(waiting.instrument):
            venue.progress.ask(waiting.instrument, abs(waiting.lots))
    venue.falls = falls.recalled(kept.falls)
    venue.previous_mark = kept.previous_mark
    venue.intervals = funding_rules.recalled(kept.intervals)
    _open_funds(venue)
    venue.offers = offers.recalled(kept.offers, kept.tried, kept.auctions_numbered, kept.whole)
    if venue.snapshot.price and all(venue.snapshot.price):
        venue.tables.reprice(venue.catalogue, venue.snapshot, None)
    return kept.sequence, kept.chain, venue


def state_bytes(venue: Venue | None) -> bytes:
    """A digest of the state in canonical form: balances by account and asset, not by history."""
    if venue is None:
        return b""
    kept = _remembered(0, b"", venue, bytes.fromhex(venue.ledger.state_hash()))
    return hashlib.sha256(_encoded(kept)).digest()


def _encoded(kept: _Dump) -> bytes:
    """Leave out what says nothing at the end, so that a venue without it keeps its bytes."""
    fields = [getattr(kept, name) for name in kept.__struct_fields__]
    while not fields[-1]:
        fields.pop()
    return msgspec.msgpack.encode(fields)


def _remembered(sequence: int, chain: bytes, venue: Venue, ledger: bytes) -> _Dump:
    snapshot = venue.snapshot
    offered, tried, numbered, whole = offers.remembered(venue.offers)
    return _Dump(
        sequence,
        chain,
        venue.rulebook.canonical(),
        venue.listings,
        snapshot.sequence,
        snapshot.time_ms,
        snapshot.price,
        snapshot.mark,
        snapshot.slices,
        snapshot.funding,
        snapshot.depth,
        ledger,
        venue.names,
        venue.method.astype("<i2").tobytes(),
        venue.status.astype("<i1").tobytes(),
        sorted(venue.deadline.items()),
        [(n, o.account, o.instrument, o.lots, o.limit) for n, o in sorted(venue.orders.items())],
        sorted((i, side, lots) for (i, side), lots in venue.left_depth.items()),
        sorted(venue.unmet),
        sorted(venue.missed),
        venue.unshared,
        sorted((asset, long, given) for (asset, long), given in venue.no_takers.items()),
        venue.time_ms,
        venue.next_order,
        snapshot.confidence,
        snapshot.priced_ms,
        [(coin, *feeds) for coin, feeds in sorted(venue.observed.items())],
        sorted(venue.feeds.items()),
        *remembered(venue.watch),
        offered,
        tried,
        numbered,
        whole,
        *progress.remembered(venue.progress),
        falls.remembered(venue.falls),
        venue.previous_mark,
        funding_rules.remembered(venue.intervals),
    )
