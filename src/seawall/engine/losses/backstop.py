"""The backstop: an account that promised to take positions over, before a fund pays for them.

It takes at the bankruptcy price, up to a limit and only what it can carry. So a vault that stands
behind a market cannot be drained by one position that nobody else wants.
"""

from __future__ import annotations

from seawall.engine.effect import State, TakenOver
from seawall.engine.event import Traded
from seawall.engine.losses.deleverage import against_mark
from seawall.engine.posting.trading import exchange
from seawall.engine.state import Venue
from seawall.engine.watching import gate
from seawall.ledger import Cause
from seawall.liquidation import bankruptcy_price
from seawall.margin import ExactRequirement
from seawall.market import buyer_cash
from seawall.money import AmountError, parse_atoms, parse_ratio


def take_over(venue: Venue, account: int, verdict: ExactRequirement) -> bool:
    """Hand an account's positions to the backstop as far as it goes; True if anything was."""
    rule = venue.rulebook.backstop
    taker = venue.number.get(rule.account, account) if rule else account
    if rule is None or taker == account or venue.method[taker] < 0:
        return False
    if venue.status[taker] >= State.CALLED or not venue.is_below(
        verdict, parse_ratio(rule.below_ratio)
    ):
        return False
    limit = parse_atoms(rule.notional_max, venue.catalogue.numeraire.decimals)
    rows = venue.ledger.rows(account)
    table = venue.tables.exact(int(venue.method[account]))
    moved = False
    for asset, lots in venue.open_contracts(account):
        instrument = venue.catalogue.assets[asset].instrument
        price = max(1, bankruptcy_price(rows, table, asset, venue.catalogue))
        taken = _most(venue, taker, asset, lots, price, limit)
        if taken and not _is_shut(venue, account, taker, instrument, taken):
            moved = True
            _hand_over(venue, account, taker, instrument, taken, price)
    return moved


def _is_shut(venue: Venue, account: int, taker: int, instrument: int, lots: int) -> bool:
    """Whether a breaker or an oracle keeps the backstop from taking signed lots over."""
    buyer, seller = (taker, account) if lots > 0 else (account, taker)
    traded = Traded(
        time_ms=venue.time_ms,
        instrument=instrument,
        buyer=buyer,
        seller=seller,
        lots=abs(lots),
        price=1,
    )
    return gate.trade_refusal(venue, traded, abs(lots), handed_over=True) is not None


def _hand_over(
    venue: Venue, account: int, taker: int, instrument: int, lots: int, price: int
) -> None:
    catalogue = venue.catalogue
    settle = catalogue.coin(catalogue.instruments[instrument].settle)
    cash = exchange(venue, instrument, taker, account, lots, price, Cause.LIQUIDATION)
    venue.shaken.add(taker)
    venue.effects.append(
        TakenOver(
            account=account,
            backstop=taker,
            instrument=instrument,
            lots=lots,
            price=price,
            notional=venue.worth(settle, abs(cash)),
            given_up=against_mark(venue, instrument, lots, cash),
        )
    )


def _most(venue: Venue, taker: int, asset: int, lots: int, price: int, limit: int) -> int:
    """The most lots, signed, that leave the backstop within its limit and its initial margin."""
    side = 1 if lots > 0 else -1
    fits, fails = 0, abs(lots) + 1
    step = abs(lots)  # The whole position first: it mostly fits.
    while fails - fits > 1:
        if _carries(venue, taker, asset, side * step, price, limit):
            fits = step
        else:
            fails = step
        step = (fits + fails) // 2
    return side * fits


def _carries(venue: Venue, taker: int, asset: int, lots: int, price: int, limit: int) -> bool:
    catalogue = venue.catalogue
    instrument = catalogue.assets[asset].instrument
    held = dict(venue.ledger.rows(taker))
    before = _gross(venue, held)
    try:
        cash = buyer_cash(catalogue, instrument, lots, price)
    except AmountError:
        return False
    for row, gained in ((asset, lots), (catalogue.cash_asset[instrument], cash)):
        held[row] = held.get(row, 0) + gained
    if _gross(venue, held) > max(limit, before):
        return False
    number = int(venue.method[taker])
    rows = [(row, held[row]) for row in sorted(held) if held[row]]
    table = venue.tables.exact(number)
    method = venue.methods[number]
    if method.refuses(rows, table):
        return False
    verdict = method.requirement_exact(rows, table)
    return verdict.margin_equity >= verdict.initial


def _gross(venue: Venue, held: dict[int, int]) -> int:
    """Σ |lots| · notional of the contracts. [numeraire atoms]"""
    notional, is_contract = venue.tables.exact(0).notional, venue.catalogue.is_contract
    return sum(abs(lots) * notional[asset] for asset, lots in held.items() if is_contract[asset])
