"""Insurance funds as accounts of the ledger: who pays, how much at once, and who fills them.

Each fund of the rulebook is an account without a margin method. A venue that names none has one,
the system account, which pays all it has.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from seawall.engine.effect import FundPaid, Withheld
from seawall.engine.rules.waterfall_rules import ONE_FUND, SHORTFALL
from seawall.engine.state import CLEARING, FEES, INSURANCE_FUND, Venue
from seawall.ledger import Cause
from seawall.liquidation import Fund, draw, replenish, withdrawal_haircut
from seawall.money import RATIO_ONE, Rounding, multiply_ratio, parse_atoms, parse_ratio


def fund_rules(venue: Venue) -> tuple[Fund, ...]:
    """The funds by the rules; `venue.funds` are their accounts, place by place."""
    return venue.rulebook.funds or ONE_FUND


def market_of(venue: Venue, account: int, coin: int) -> int:
    """The base coin whose funds stand behind an account's debt in a coin.

    Where most of its notional was closed; the coin itself of an account that had no contract.
    """
    market = venue.falls.market(account)
    return coin if market is None else market


def draw_funds(venue: Venue, account: int, coin: int, deficit: int) -> int:
    """Let the funds pay what an account owes, each within its cap; returns what is left. [atoms]"""
    market = venue.catalogue.coins[market_of(venue, account, coin)].id
    rules = fund_rules(venue)
    room = {
        rule.name: _room(venue, rule, fund, coin)
        for rule, fund in zip(rules, venue.funds, strict=True)
    }
    uncapped = [msgspec.structs.replace(rule, event_cap=Decimal(1)) for rule in rules]
    drawn = draw(deficit, market, uncapped, room)
    number = {rule.name: fund for rule, fund in zip(rules, venue.funds, strict=True)}
    for name, paid in drawn.payments:
        fund = number[name]
        venue.move(coin, fund, account, paid, Cause.INSURANCE)
        _, spent = venue.falls.drawn.get((fund, coin), (0, 0))
        if (fund, coin) in venue.falls.drawn:
            venue.falls.drawn[fund, coin] = (venue.falls.drawn[fund, coin][0], spent + paid)
        venue.effects.append(FundPaid(account=account, atoms=venue.worth(coin, paid), fund=fund))
    return drawn.remainder


def ready_for(venue: Venue, account: int) -> int:
    """What the funds behind any of an account's markets could pay at most, numeraire atoms."""
    if not venue.rulebook.funds:
        return venue.fund_worth()
    catalogue = venue.catalogue
    markets = {catalogue.instruments[side.instrument].base for side in venue.sides(account)} or {
        coin.id for coin in catalogue.coins
    }
    return sum(
        venue.worth(coin, _room(venue, rule, fund, coin))
        for rule, fund in zip(venue.rulebook.funds, venue.funds, strict=True)
        if any(map(rule.stands_behind, markets))
        for coin in range(len(catalogue.coins))
    )


def pay_fee(venue: Venue, account: int, instrument: int, coin: int, atoms: int) -> None:
    """A liquidation fee goes to the funds behind its market, and the rest to the venue."""
    if not venue.rulebook.funds:
        venue.move(coin, account, INSURANCE_FUND, atoms, Cause.FEE)
        return
    rules = venue.rulebook.funds
    number = {rule.name: fund for rule, fund in zip(rules, venue.funds, strict=True)}
    one, price = venue.catalogue.coins[coin].one, venue.snapshot.price[coin]
    room = {}
    for rule in rules:
        if rule.target is not None:
            target = parse_atoms(rule.target, venue.catalogue.numeraire.decimals)
            room[rule.name] = max(0, target - venue.worth_of(number[rule.name])) * one // price
    split = replenish(atoms, venue.catalogue.instruments[instrument].base, rules, room)
    for name, share in split.payments:
        venue.move(coin, account, number[name], share, Cause.FEE)
    venue.move(coin, account, FEES, split.remainder, Cause.FEE)


def owe(venue: Venue, coin: int, atoms: int) -> None:
    """The venue is short by what nobody pays now: clearing is paid from below zero."""
    venue.move(coin, venue.number[SHORTFALL], CLEARING, atoms, Cause.SHARED_LOSS)


def withhold(venue: Venue, account: int, coin: int, atoms: int) -> int:
    """Keep back a part of a withdrawal while the venue is short; returns the part. [atoms]

    ⌈atoms · shortfall ÷ Σ balances of users⌉, so that users together are paid what is there: who
    leaves early and who leaves late get the same share. A fund without a cap that was filled since
    pays first, and once nothing is short nothing is kept back. It is taken from the account here;
    the rest is the caller's to pay.
    """
    if venue.rulebook.loss_sharing.rule != "withdrawal_haircut":
        return 0
    _fill_from_funds(venue, coin)
    place = venue.number[SHORTFALL]
    shortfall = max(0, -venue.ledger.balance(place, coin))
    if not shortfall:
        return 0
    holders, held = venue.ledger.holders(coin)
    users = (venue.method[holders] >= 0) & (held > 0)
    balances = sum(held[users].tolist())
    ratio = withdrawal_haircut(shortfall, max(0, balances - shortfall))
    kept = min(shortfall, multiply_ratio(atoms, ratio, Rounding.UP))
    venue.move(coin, account, place, kept, Cause.SHARED_LOSS)
    venue.effects.append(Withheld(account=account, coin=coin, atoms=kept))
    return kept


def _fill_from_funds(venue: Venue, coin: int) -> None:
    place = venue.number[SHORTFALL]
    for rule, fund in zip(fund_rules(venue), venue.funds, strict=True):
        lacks, balance = (venue.ledger.balance(one, coin) for one in (place, fund))
        if parse_ratio(rule.event_cap) == RATIO_ONE:
            venue.move(coin, fund, place, max(0, min(-lacks, balance)), Cause.INSURANCE)


def _room(venue: Venue, rule: Fund, fund: int, coin: int) -> int:
    """What a fund may still pay of a coin in this event.

    event_cap of what it had when the event first asked it, less what it paid since.
    """
    balance = max(0, venue.ledger.balance(fund, coin))
    cap = parse_ratio(rule.event_cap)
    if cap == RATIO_ONE:
        return balance
    began, spent = venue.falls.drawn.setdefault((fund, coin), (balance, 0))
    return min(balance, began * cap // RATIO_ONE - spent)
