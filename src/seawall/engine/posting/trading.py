"""The ordinary verbs: money in and out, trades, expiry; each done whole or not at all."""

from __future__ import annotations

from seawall.engine.effect import Expired, Reason, State
from seawall.engine.event import Deposited, Settled, Traded, Withdrawn
from seawall.engine.posting.funds import withhold
from seawall.engine.posting.orders import cancelled
from seawall.engine.rules.waterfall_rules import SHORTFALL
from seawall.engine.state import CLEARING, DUST, FEES, FIRST_ACCOUNT, INSURANCE_FUND, OUTSIDE, Venue
from seawall.engine.watching import gate
from seawall.engine.watching.collateral import cap_refusal
from seawall.ledger import Cause
from seawall.margin import ExactRequirement
from seawall.market import Kind, buyer_cash, settlement_value
from seawall.money import ATOMS_MAX, AmountError, Rounding, multiply_ratio


def deposit(venue: Venue, event: Deposited) -> Reason | None:
    """Money arrives from outside. A closed account lives again; a called one is judged again."""
    if not _is_depositable(venue, event.account):
        return Reason.UNKNOWN_ACCOUNT
    if not 0 <= event.coin < len(venue.catalogue.coins):
        return Reason.UNKNOWN_INSTRUMENT
    if event.atoms <= 0:
        return Reason.AMOUNT_NOT_POSITIVE
    over = cap_refusal(venue, event)
    overflows = venue.ledger.balance(event.account, event.coin) + event.atoms > ATOMS_MAX
    if overflows and over is not Reason.NO_PRICE:
        return Reason.BALANCE_OVERFLOW
    if over is not None:
        return over
    venue.move(event.coin, OUTSIDE, event.account, event.atoms, Cause.DEPOSIT)
    return None


def withdraw(venue: Venue, event: Withdrawn) -> Reason | None:
    """Money leaves, if what stays covers the initial margin."""
    if not is_margined(venue, event.account):
        return Reason.UNKNOWN_ACCOUNT
    if not 0 <= event.coin < len(venue.catalogue.coins):
        return Reason.UNKNOWN_INSTRUMENT
    if event.atoms <= 0:
        return Reason.AMOUNT_NOT_POSITIVE
    if venue.status[event.account] > State.WARNED:
        return Reason.ACCOUNT_NOT_OPEN
    if not venue.tables.ready:
        return Reason.NO_PRICE
    if venue.offers.open and venue.offers.binds(event.account):
        return Reason.BID_STANDS
    shut = gate.withdrawal_refusal(venue, event.account, event.coin)
    if shut is not None:
        return shut
    held = dict(venue.ledger.rows(event.account))
    held[event.coin] = held.get(event.coin, 0) - event.atoms
    after = _judge_rows(venue, event.account, held)
    if held[event.coin] < 0 or gate.is_short(venue, held, after):
        return Reason.INSUFFICIENT_MARGIN
    kept = withhold(venue, event.account, event.coin, event.atoms)
    venue.move(event.coin, event.account, OUTSIDE, event.atoms - kept, Cause.WITHDRAWAL)
    return None


def trade(venue: Venue, event: Traded) -> Reason | None:
    """Lots one way and cash the other, if both sides can carry what they end up with.

    A trade that only makes a position smaller passes without the check: nobody is kept from
    leaving.
    """
    refusal = _trade_refusal(venue, event)
    if refusal is None:
        post_trade(venue, event)
    return refusal


def would_refuse(venue: Venue, event: Traded) -> Reason | None:
    """Why a trade would be refused now; it changes nothing, and the venue must have a price."""
    return _trade_refusal(venue, event)


def post_trade(venue: Venue, event: Traded) -> None:
    """Book a trade and both sides' fees, asking nobody whether they can carry it."""
    exchange(venue, event.instrument, event.buyer, event.seller, event.lots, event.price)
    if venue.rates.taker:
        coin = venue.catalogue.coin(venue.catalogue.instruments[event.instrument].settle)
        cash = abs(buyer_cash(venue.catalogue, event.instrument, event.lots, event.price))
        fee = multiply_ratio(cash, venue.rates.taker, Rounding.UP)
        for side in (event.buyer, event.seller):
            venue.move(coin, side, FEES, fee, Cause.FEE)


def exchange(
    venue: Venue,
    instrument: int,
    buyer: int,
    seller: int,
    lots: int,
    price: int,
    cause: Cause = Cause.TRADE,
) -> int:
    """The two transfers of a trade. Returns what the buyer's cash leg gained, in its atoms."""
    cash = buyer_cash(venue.catalogue, instrument, lots, price)
    return _transfer(venue, instrument, buyer, seller, lots, cash, cause)


def exchange_for(
    venue: Venue, instrument: int, buyer: int, seller: int, lots: int, price: int, paid: int
) -> int:
    """The same for lots whose prices differ: they cost `paid` in all, price atoms × lots.

    Coins are not linear in the price of an inverse contract: there their average price counts.
    """
    if venue.catalogue.instruments[instrument].is_sized_in_numeraire:
        cash = buyer_cash(venue.catalogue, instrument, lots, price)
    else:
        cash = buyer_cash(venue.catalogue, instrument, 1, paid)
    return _transfer(venue, instrument, buyer, seller, lots, cash, Cause.LIQUIDATION)


def _transfer(
    venue: Venue, instrument: int, buyer: int, seller: int, lots: int, cash: int, cause: Cause
) -> int:
    moved = _lots_moved(venue, instrument, lots)
    venue.move(venue.catalogue.lot_asset[instrument], seller, buyer, moved, cause)
    venue.move(venue.catalogue.cash_asset[instrument], seller, buyer, cash, cause)
    return cash


def _lots_moved(venue: Venue, instrument: int, lots: int) -> int:
    """Ledger units of some lots: the lots of a contract; atoms of the base coin for spot."""
    terms = venue.catalogue.instruments[instrument]
    return lots * terms.lot if terms.type == "spot" else lots


def settle(venue: Venue, event: Settled) -> Reason | None:
    """A contract expires: every holder's lots become cash at one price, its quote with them."""
    if not 0 <= event.instrument < len(venue.catalogue.instruments):
        return Reason.UNKNOWN_INSTRUMENT
    if venue.catalogue.instruments[event.instrument].type == "spot":
        return Reason.BAD_INSTRUMENT
    if event.price <= 0:
        return Reason.PRICE_NOT_POSITIVE
    catalogue = venue.catalogue
    for order in [n for n, one in venue.orders.items() if one.instrument == event.instrument]:
        cancelled(venue, order)  # Its contract is gone: a late fill finds no order.
    lot_asset = catalogue.lot_asset[event.instrument]
    coin = catalogue.coin(catalogue.instruments[event.instrument].settle)
    accounts, lots = venue.ledger.holders(lot_asset)
    base = catalogue.coin(catalogue.instruments[event.instrument].base)
    size = venue.tables.exact(0).notional[lot_asset] if venue.tables.ready else 0
    paid = 0
    for account, held in zip(accounts.tolist(), lots.tolist(), strict=True):
        value = settlement_value(catalogue, event.instrument, held, event.price)
        venue.falls.settled(account, base, abs(held) * size)
        paid += value
        venue.move(lot_asset, account, CLEARING, held, Cause.SETTLEMENT)
        venue.move(coin, CLEARING, account, value, Cause.SETTLEMENT)
    quote = catalogue.cash_asset[event.instrument]
    if quote != coin:
        fold_all(venue, quote, coin)
    # Owned rounded down and owed up leave the clearing account with the difference.
    venue.move(coin, CLEARING, DUST, -paid, Cause.DUST)
    venue.shaken.update(account for account in accounts.tolist() if account >= FIRST_ACCOUNT)
    venue.effects.append(
        Expired(instrument=event.instrument, price=event.price, accounts=len(accounts))
    )
    return None


def fold_all(venue: Venue, quote: int, coin: int) -> None:
    """Turn every holder's quote into the settlement currency, atom for atom."""
    accounts, atoms = venue.ledger.holders(quote)
    for account, held in zip(accounts.tolist(), atoms.tolist(), strict=True):
        if account != CLEARING:
            fold(venue, account, quote, coin, held)


def fold(venue: Venue, account: int, quote: int, coin: int, atoms: int) -> None:
    """Turn one account's quote into cash against the clearing account."""
    venue.move(quote, account, CLEARING, atoms, Cause.FOLD)
    venue.move(coin, CLEARING, account, atoms, Cause.FOLD)


def _is_depositable(venue: Venue, account: int) -> bool:
    if account == INSURANCE_FUND or account in venue.funds:
        return True
    return is_margined(venue, account) or account == venue.number.get(SHORTFALL)


def is_margined(venue: Venue, account: int) -> bool:
    """Whether a margin method judges an account, so that it may trade; funds have none."""
    return FIRST_ACCOUNT <= account < len(venue.names) and bool(venue.method[account] >= 0)


def _trade_refusal(venue: Venue, event: Traded) -> Reason | None:
    catalogue = venue.catalogue
    for account in (event.buyer, event.seller):
        if not is_margined(venue, account) or event.buyer == event.seller:
            return Reason.UNKNOWN_ACCOUNT
    if not 0 <= event.instrument < len(catalogue.instruments):
        return Reason.UNKNOWN_INSTRUMENT
    terms = catalogue.instruments[event.instrument]
    expired = terms.expires_ms is not None and event.time_ms >= terms.expires_ms
    if expired or event.time_ms < terms.listed_ms:
        return Reason.NOT_LISTED
    if event.lots <= 0:
        return Reason.AMOUNT_NOT_POSITIVE
    if event.price <= 0:
        return Reason.PRICE_NOT_POSITIVE
    if event.price % terms.tick:
        return Reason.OFF_TICK
    if _is_frozen(venue, event, event.buyer, 1) or _is_frozen(venue, event, event.seller, -1):
        return Reason.ACCOUNT_NOT_OPEN
    if not venue.tables.ready:
        return Reason.NO_PRICE
    return refusal_to_carry(venue, event)


def _is_frozen(venue: Venue, event: Traded, account: int, sign: int) -> bool:
    """Whether a called or liquidated account is kept from a trade; others are not.

    It may only leave: make its position in a contract smaller, while nobody else was asked for its
    lots, and not at a price worse than the mark, which others would pay for.
    """
    state = venue.status[account]
    if state <= State.WARNED:
        return False
    asked = (venue.waiting, venue.offers.of, venue.offers.whole)
    if state > State.LIQUIDATING or any(account in one for one in asked):
        return True
    asset = venue.catalogue.lot_asset[event.instrument]
    held = venue.ledger.balance(account, asset)
    leaves = bool(venue.catalogue.is_contract[asset]) and -sign * held >= event.lots
    return not leaves or sign * (event.price - venue.mark(event.instrument)) > 0


def refusal_to_carry(venue: Venue, event: Traded, *, handed_over: bool = False) -> Reason | None:
    """Why two accounts may not end up with a trade, whoever brought them together."""
    moved = _lots_moved(venue, event.instrument, event.lots)
    shut = gate.trade_refusal(venue, event, moved, handed_over=handed_over)
    return shut or _margin_refusal(venue, event)


def _margin_refusal(venue: Venue, event: Traded) -> Reason | None:
    try:
        cash = buyer_cash(venue.catalogue, event.instrument, event.lots, event.price)
    except AmountError:
        return Reason.BALANCE_OVERFLOW
    lot_asset = venue.catalogue.lot_asset[event.instrument]
    moved = _lots_moved(venue, event.instrument, event.lots)
    is_contract = venue.catalogue.assets[lot_asset].kind is not Kind.CURRENCY
    for account, sign in ((event.buyer, 1), (event.seller, -1)):
        held = dict(venue.ledger.rows(account))
        before = held.get(lot_asset, 0)
        for asset, gained in (
            (lot_asset, sign * moved),
            (venue.catalogue.cash_asset[event.instrument], sign * cash),
        ):
            held[asset] = held.get(asset, 0) + gained
            if abs(held[asset]) > ATOMS_MAX:
                return Reason.BALANCE_OVERFLOW
        number = int(venue.method[account])
        if venue.methods[number].refuses(_sorted(held), venue.tables.exact(number)):
            return Reason.NOT_MARGINABLE
        if is_contract and abs(held[lot_asset]) < abs(before) and before * held[lot_asset] >= 0:
            continue
        after = _judge_rows(venue, account, held)
        if gate.is_short(venue, held, after):
            return Reason.INSUFFICIENT_MARGIN
    return None


def _judge_rows(venue: Venue, account: int, held: dict[int, int]) -> ExactRequirement:
    number = int(venue.method[account])
    return venue.methods[number].requirement_exact(_sorted(held), venue.tables.exact(number))


def _sorted(held: dict[int, int]) -> list[tuple[int, int]]:
    """Holdings as a ledger would list them: by asset, without zeros."""
    return [(asset, held[asset]) for asset in sorted(held) if held[asset]]
