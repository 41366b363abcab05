"""Auto-deleveraging: a bankrupt position is closed against those who profit from it.

It comes after the book and the backstop, when the insurance funds could not carry the wind-down. At
its bankruptcy price the bankrupt account ends with nothing and owes nothing; the counterparties
give up the part of their profit that nobody could pay. At the mark they give up nothing, and what
the account lacks goes on down: to the funds, then to shared loss. The mark before the last tick
lies between, or beyond. Who goes first is a rule; by default those with the most profit and the
most leverage: they took the most of the risk that came due. Nobody is deleveraged into a loss:
whose profit for each lot is less than what the price takes from it is passed over, and what then
finds no taker stays with the book and the funds.
"""

from __future__ import annotations

import numpy as np

from seawall.engine.effect import Deleveraged, State
from seawall.engine.posting.trading import exchange
from seawall.engine.state import Venue
from seawall.engine.watching import gate
from seawall.engine.watching.confirm import screen
from seawall.ledger import Cause
from seawall.liquidation import (
    Candidate,
    allocate,
    bankruptcy_price,
    bankruptcy_value,
)
from seawall.market import Kind
from seawall.money import parse_ratio
from seawall.pricing import Floats, Ints

NEVER = 2**200  # More than anybody could be asked to give up.
FLOAT_ERROR = 2.0**-48  # Of the sums of the screen, each of which rounds by 2⁻⁵³ a few times.
CANDIDATES_MARGIN = 4  # Lots among the candidates ranked exactly, as a multiple of what is needed.


def deleverage_account(venue: Venue, account: int) -> bool:
    """Hand an account's positions to the ranked other side; True where anything was closed."""
    number = int(venue.method[account])
    rows = venue.ledger.rows(account)
    closed = False
    rule = venue.rulebook.deleveraging
    for asset, lots in venue.open_contracts(account):
        instrument = venue.catalogue.assets[asset].instrument
        if rule.price == "bankruptcy":
            table = venue.tables.exact(number)
            price = max(1, bankruptcy_price(rows, table, asset, venue.catalogue))
            given_up = _lacks(venue, number, rows, asset, lots)
        else:
            price = _market_price(venue, instrument)
            given_up = _given_up(venue, asset, lots, price)
        if given_up >= venue.no_takers.get((asset, lots > 0), NEVER):
            continue
        made = allocate(
            rule.ranking,
            lots,
            _candidates(venue, account, asset, lots, given_up),
            cap_ratio=parse_ratio(rule.cap_ratio),
            seed=venue.seed + account.to_bytes(8, "big") + asset.to_bytes(8, "big"),
        )
        if made.remainder:
            venue.no_takers[asset, lots > 0] = given_up
        shortage = _shortage(venue, number, rows, asset)
        for take in made.takes:
            closed = True
            _hand_over(venue, account, take.account, instrument, take.lots, price, *shortage)
    return closed


def queue(venue: Venue, asset: int, *, longs: bool) -> Ints:
    """Holders of one side of a contract by profit × leverage, who would be asked first first.

    A float screen, as the ranking itself begins with one; the few that are reached are ranked
    exactly when it happens.
    """
    venue.columns.refresh()
    accounts, held = venue.ledger.holders(asset)
    mine = ((held > 0) if longs else (held < 0)) & (venue.method[accounts] >= 0)
    mine &= venue.status[accounts] < State.LIQUIDATING
    accounts, held = accounts[mine], held[mine]
    if not len(accounts):
        return np.zeros(0, np.int64)
    score = _score(venue, asset, accounts, held, _profit(venue, asset, accounts, held))
    return np.asarray(accounts[np.argsort(-score, kind="stable")], np.int64)


def against_mark(venue: Venue, instrument: int, lots: int, cash: int) -> int:
    """What a buyer of signed lots paid beyond their value, numeraire atoms; negative: gained."""
    value = venue.tables.exact(0).value
    catalogue = venue.catalogue
    received = lots * value[catalogue.lot_asset[instrument]]
    return -(received + cash * value[catalogue.cash_asset[instrument]])


def _lacks(venue: Venue, method: int, rows: list[tuple[int, int]], asset: int, lots: int) -> int:
    """What each lot lacks against the mark to leave the account at zero; never below zero."""
    table = venue.tables.exact(method)
    beyond = bankruptcy_value(rows, table, asset) - table.value[asset]
    return max(0, beyond if lots > 0 else -beyond)


def _shortage(
    venue: Venue, method: int, rows: list[tuple[int, int]], asset: int
) -> tuple[int, int]:
    """The same exactly: −equity · notional ÷ Σ |lots| · notional, as numerator and denominator."""
    table, is_contract = venue.tables.exact(method), venue.catalogue.is_contract
    equity = sum(held * table.value[one] for one, held in rows)
    gross = sum(abs(held) * table.notional[one] for one, held in rows if is_contract[one])
    return max(0, -equity) * table.notional[asset], gross


def _market_price(venue: Venue, instrument: int) -> int:
    """The mark, or what it was before the last tick where the rules say so."""
    before = venue.previous_mark
    if venue.rulebook.deleveraging.price == "previous_mark" and instrument < len(before):
        return max(1, before[instrument])
    return max(1, venue.mark(instrument))


def _given_up(venue: Venue, asset: int, lots: int, price: int) -> int:
    """What a counterparty loses on each lot at a price against the mark; never below zero."""
    value, catalogue = venue.tables.exact(0).value, venue.catalogue
    row = catalogue.assets[asset]
    lot = catalogue.instruments[row.instrument].lot
    coin = value[row.currency] * catalogue.coins[row.currency].one
    if row.kind is Kind.INVERSE:
        numerator, denominator = -lot * coin, price
    else:
        numerator = price * lot * coin
        denominator = catalogue.coins[row.coin].one * catalogue.numeraire.one
    beyond = numerator - value[asset] * denominator
    return max(0, -(-(beyond if lots > 0 else -beyond) // denominator))


def _hand_over(
    venue: Venue,
    account: int,
    counterparty: int,
    instrument: int,
    lots: int,
    price: int,
    lacks: int,
    gross: int,
) -> None:
    venue.shaken.add(counterparty)
    cash = exchange(venue, instrument, counterparty, account, lots, price, Cause.DELEVERAGING)
    catalogue = venue.catalogue
    settle = catalogue.coin(catalogue.instruments[instrument].settle)
    tells = venue.rulebook.tells_waterfall
    venue.effects.append(
        Deleveraged(
            account=account,
            counterparty=counterparty,
            instrument=instrument,
            lots=lots,
            price=price,
            notional=venue.worth(settle, abs(cash)),
            needed=abs(lots) * lacks // gross if tells else 0,
            taken=against_mark(venue, instrument, lots, cash) if tells else 0,
        )
    )


def _candidates(
    venue: Venue, account: int, asset: int, lots: int, given_up: int
) -> list[Candidate]:
    """The other side, screened by floats to the few that could be reached, then judged exactly."""
    venue.columns.refresh()
    accounts, held = venue.ledger.holders(asset)
    other_side = (held < 0) if lots > 0 else (held > 0)
    other_side &= (venue.method[accounts] >= 0) & (accounts != account)
    other_side &= venue.status[accounts] < State.LIQUIDATING
    other_side &= ~np.isin(accounts, gate.halted_accounts(venue))
    accounts, held = accounts[other_side], held[other_side]
    if not len(accounts):
        return []
    profit = _profit(venue, asset, accounts, held)
    asked = np.abs(held) * float(given_up)
    worth = np.abs(held * venue.tables.risk(0).value[asset])
    able = profit >= asked - (np.abs(profit) + 2.0 * worth + asked) * FLOAT_ERROR - 1.0
    accounts, held, profit = accounts[able], held[able], profit[able]
    if not len(accounts):
        return []
    if venue.rulebook.deleveraging.ranking == "profit_times_leverage":
        score = _score(venue, asset, accounts, held, profit)
        first = np.argsort(-score, kind="stable")
        enough = np.cumsum(np.abs(held[first])) >= CANDIDATES_MARGIN * abs(lots)
        last = int(np.argmax(enough)) + 1 if enough.any() else len(first)
    else:  # Everybody has a share, or a ticket.
        first, last = np.arange(len(accounts)), len(accounts)
    judged = [_judged(venue, asset, int(accounts[i]), int(held[i])) for i in first[:last].tolist()]
    return [one for one in judged if one.profit >= abs(one.lots) * given_up]


def _score(
    venue: Venue,
    asset: int,
    accounts: Ints,
    held: Ints,
    profit: Floats,
) -> Floats:
    """Profit × leverage in floating point: only a screen for the exact ranking that follows."""
    equity = np.ones(len(accounts))
    for method in range(len(venue.methods)):
        mine = venue.method[accounts] == method
        if mine.any():
            equity[mine] = np.maximum(1.0, screen(venue, method, accounts[mine]).equity)
    table = venue.tables.risk(0)
    notional = np.abs(held) * table.notional[asset]
    score: Floats = np.where(profit > 0, profit * (notional / equity), profit * (equity / notional))
    return score


def _profit(
    venue: Venue,
    asset: int,
    accounts: Ints,
    held: Ints,
) -> Floats:
    cash_asset = venue.catalogue.cash_asset[venue.catalogue.assets[asset].instrument]
    value = venue.tables.risk(0).value
    profit = held * value[asset]
    if venue.catalogue.assets[cash_asset].kind is Kind.QUOTE:
        owners, atoms = venue.ledger.holders(cash_asset)
        quote = np.zeros(len(venue.names))
        quote[owners] = atoms
        profit = profit + quote[accounts] * value[cash_asset]
    return np.asarray(profit, np.float64)


def _judged(venue: Venue, asset: int, account: int, held: int) -> Candidate:
    table = venue.tables.exact(int(venue.method[account]))
    cash_asset = venue.catalogue.cash_asset[venue.catalogue.assets[asset].instrument]
    profit = held * table.value[asset]
    if venue.catalogue.assets[cash_asset].kind is Kind.QUOTE:
        profit += venue.ledger.balance(account, cash_asset) * table.value[cash_asset]
    is_ranked = venue.rulebook.deleveraging.ranking == "profit_times_leverage"
    return Candidate(
        account=account,
        lots=held,
        profit=profit,
        notional=abs(held) * table.notional[asset],
        margin_equity=venue.judge(account).margin_equity if is_ranked else 0,
    )


def unrealised_gains(venue: Venue, coin: int) -> list[tuple[int, int]]:
    """Accounts whose open contracts that settle in a coin stand in profit, in the coin's atoms."""
    gain: dict[int, int] = {}
    value = venue.tables.exact(0).value
    for asset, row in enumerate(venue.catalogue.assets):
        if row.currency != coin or row.kind is Kind.CURRENCY or row.kind is Kind.OPTION:
            continue
        accounts, held = venue.ledger.holders(asset)
        for account, quantity in zip(accounts.tolist(), held.tolist(), strict=True):
            gain[account] = gain.get(account, 0) + quantity * value[asset]
    return [
        (account, worth // value[coin])
        for account, worth in sorted(gain.items())
        if venue.method[account] >= 0 and worth >= value[coin]
    ]
