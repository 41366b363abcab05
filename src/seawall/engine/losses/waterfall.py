"""The waterfall below the book: who pays what a bankrupt account owes, stage after stage.

By now the account gave all that it had; book, auctions, backstop and deleveraging took its
positions. What is still owed is money: funds first, then shared loss, then a debt in sight. Each
stage hands down an exact remainder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seawall.engine.effect import (
    Deleveraged,
    Effect,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    Redistributed,
    ShareSold,
    State,
    TakenOver,
    Uncovered,
    Withheld,
)
from seawall.engine.losses.deleverage import unrealised_gains
from seawall.engine.posting.funds import draw_funds, market_of, owe
from seawall.engine.state import CLEARING, Venue
from seawall.ledger import Cause
from seawall.liquidation import Holding, Overshoot, redistribute, share_pro_rata
from seawall.market import Kind

Loss = tuple[int, int]  # (account, atoms of the coin)


def wind_up(venue: Venue, account: int) -> None:
    """Nothing is left to sell: insurance funds pay what is still owed, from the same coin.

    They were paid in for this, so they go first. What they do not pay is carried by the clearing
    account until the orders of the moment are answered, and shared then: see `share_losses`.
    """
    owed = [(coin, -atoms) for coin, atoms in venue.ledger.rows(account) if atoms < 0]
    verdict = venue.judge(account)
    if venue.rulebook.tells_waterfall:
        venue.falls.see(venue.effects, venue.catalogue)
    for coin, deficit in owed:
        if venue.rulebook.tells_waterfall:
            venue.falls.owes(account, venue.worth(coin, deficit))
        left = draw_funds(venue, account, coin, deficit)
        if left:
            venue.move(coin, CLEARING, account, left, Cause.SHARED_LOSS)
            venue.unshared.append((account, coin, left))
    venue.change_state(account, State.BANKRUPT if owed else State.CLOSED, verdict)


def share_losses(venue: Venue) -> None:
    """The last resort: others bear what nobody else could pay, under the rulebook's rule.

    All losses of a moment are shared at once, so that nobody bears more for being first in the
    list. What nobody can bear goes back to the accounts that owe it, latest first, and stays there
    in sight.
    """
    losses, venue.unshared = venue.unshared, []
    share = _RULES[venue.rulebook.loss_sharing.rule]
    for coin in sorted({coin for _, coin, _ in losses}):
        mine = [(account, atoms) for account, owed_in, atoms in losses if owed_in == coin]
        bearers, left = share(venue, coin, mine)
        for account, atoms in reversed(mine):
            back = min(left, atoms)
            left -= back
            venue.move(coin, account, CLEARING, back, Cause.SHARED_LOSS)
            worth = venue.worth(coin, atoms - back)
            if atoms > back:
                venue.effects.append(LossShared(account=account, atoms=worth, bearers=bearers))
            if back:
                venue.effects.append(Uncovered(account=account, coin=coin, atoms=back))


def tell(venue: Venue) -> None:
    """At the end of an event: say of each liquidation that is over what every stage gave."""
    if not venue.rulebook.tells_waterfall:
        return
    falls = venue.falls
    falls.see(venue.effects, venue.catalogue)
    waiting = {account for account, _, _ in venue.unshared}
    for account in sorted(falls.open):
        if venue.status[account] != State.LIQUIDATING and account not in waiting:
            done = falls.told(account)
            if done is not None:
                venue.effects.append(done)


class WaterfallReport(NamedTuple):
    """What each stage took over a list of effects. [numeraire atoms; withheld and owed: coin]"""

    book: int  # Notional, auctions and other exits with it.
    backstop: int  # Notional.
    deleveraged: int  # Notional.
    deleveraging: Overshoot  # Needed by the positions and taken from counterparties.
    funds: tuple[tuple[int, int], ...]  # (account of the fund, atoms)
    shared: int
    withheld: tuple[tuple[int, int], ...]  # (coin, atoms)
    uncovered: tuple[tuple[int, int], ...]  # (coin, atoms)


def waterfall_report(effects: Iterable[Effect]) -> WaterfallReport:
    """Add up who gave what, and what deleveraging took beyond what was needed.

    The latter is known where the rulebook names a rule of the waterfall.

    >>> waterfall_report([FundPaid(account=9, atoms=5), FundPaid(account=8, atoms=2)]).funds
    ((3, 7),)
    """
    book = backstop = deleveraged = shared = needed = taken = 0
    funds: defaultdict[int, int] = defaultdict(int)
    withheld: defaultdict[int, int] = defaultdict(int)
    uncovered: defaultdict[int, int] = defaultdict(int)
    for effect in effects:
        match effect:
            case Liquidated() | ExitFilled():
                book += effect.notional
            case ShareSold():
                book += sum(notional for _, notional in effect.closed)
            case TakenOver():
                backstop += effect.notional
            case Deleveraged():
                deleveraged += effect.notional
                needed += effect.needed
                taken += effect.taken
            case FundPaid():
                funds[effect.fund] += effect.atoms
            case LossShared():
                shared += effect.atoms
            case Withheld():
                withheld[effect.coin] += effect.atoms
            case Uncovered():
                uncovered[effect.coin] += effect.atoms
    return WaterfallReport(
        book,
        backstop,
        deleveraged,
        Overshoot(needed, taken),
        tuple(sorted(funds.items())),
        shared,
        tuple(sorted(withheld.items())),
        tuple(sorted(uncovered.items())),
    )


def _by_gains(venue: Venue, coin: int, losses: Sequence[Loss]) -> tuple[int, int]:
    """Those who gained from the other side pay: (how many, what nobody paid).

    In proportion to their gains and never beyond them: their profit was the bankrupt accounts'
    loss, and it was not there to be paid.
    """
    gains = [(bearer, gain, gain) for bearer, gain in unrealised_gains(venue, coin)]
    shared, left = share_pro_rata(sum(atoms for _, atoms in losses), gains)
    return _taken(venue, coin, shared), left


def _by_contracts(venue: Venue, coin: int, losses: Sequence[Loss]) -> tuple[int, int]:
    """Everybody in the loss's market pays for each contract alike, long and short.

    In proportion to |lots| · notional of the contracts that settle in the coin; nobody more than
    its equity, so that the loss of one account does not make another one bankrupt.
    """
    by_market: defaultdict[int, int] = defaultdict(int)
    for account, atoms in losses:
        by_market[market_of(venue, account, coin)] += atoms
    bearers = unpaid = 0
    for market, loss in sorted(by_market.items()):
        shared, left = share_pro_rata(loss, _open_contracts(venue, coin, market))
        bearers += _taken(venue, coin, shared)
        unpaid += left
    return bearers, unpaid


def _open_contracts(venue: Venue, coin: int, market: int) -> list[tuple[int, int, int]]:
    size: defaultdict[int, int] = defaultdict(int)
    exact = venue.tables.exact(0)
    for asset, row in enumerate(venue.catalogue.assets):
        if row.kind < Kind.LINEAR or (row.coin, row.currency) != (market, coin):
            continue
        accounts, held = venue.ledger.holders(asset)
        for account, lots in zip(accounts.tolist(), held.tolist(), strict=True):
            if venue.method[account] >= 0 and venue.status[account] < State.CLOSED:
                size[account] += abs(lots) * exact.notional[asset]
    return [
        (account, weight, max(0, venue.judge(account).equity) // exact.value[coin])
        for account, weight in sorted(size.items())
    ]


def _by_stakes(venue: Venue, coin: int, losses: Sequence[Loss]) -> tuple[int, int]:
    """Debt goes to the others by stake, and what collateral the account still has with it.

    Stake: what an account's coins are worth. Nobody is given more debt than its stake.
    """
    gone = {account for account, _ in losses}
    bearers: set[int] = set()
    unpaid = 0
    price = venue.tables.exact(0).value[coin]
    for account, owed in losses:
        stakes = _stakes(venue, gone)
        debt = min(owed, sum(one.amount // price for one in stakes))
        unpaid += owed - debt
        capped = [(one.account, one.amount, one.amount // price) for one in stakes]
        shared = share_pro_rata(debt, capped).shares
        _taken(venue, coin, shared)
        bearers.update(bearer for bearer, _ in shared)
        given: list[tuple[int, int]] = []
        for other, atoms in venue.ledger.rows(account):
            if atoms <= 0 or venue.catalogue.assets[other].kind is not Kind.CURRENCY or not stakes:
                continue
            parts, _, _ = redistribute(0, atoms, stakes)
            for part in parts:
                venue.move(other, account, part.account, part.collateral, Cause.SHARED_LOSS)
            given.append((other, atoms))
        venue.effects.append(
            Redistributed(account=account, coin=coin, debt=debt, collateral=tuple(given))
        )
    return len(bearers), unpaid


def _stakes(venue: Venue, gone: set[int]) -> list[Holding]:
    value = venue.tables.exact(0).value
    stake: defaultdict[int, int] = defaultdict(int)
    for coin in range(len(venue.catalogue.coins)):
        accounts, held = venue.ledger.holders(coin)
        for account, atoms in zip(accounts.tolist(), held.tolist(), strict=True):
            alive = venue.method[account] >= 0 and venue.status[account] < State.LIQUIDATING
            if alive and atoms > 0 and account not in gone:
                stake[account] += atoms * value[coin]
    return [Holding(account, worth) for account, worth in sorted(stake.items())]


def _by_withdrawals(venue: Venue, coin: int, losses: Sequence[Loss]) -> tuple[int, int]:
    """Nobody pays now: the venue is short, and withdrawals make up for it: `funds.withhold`."""
    owe(venue, coin, sum(atoms for _, atoms in losses))
    return 0, 0


def _taken(venue: Venue, coin: int, shares: Sequence[tuple[int, int]]) -> int:
    for bearer, atoms in shares:
        venue.move(coin, bearer, CLEARING, atoms, Cause.SHARED_LOSS)
        venue.shaken.add(bearer)
    return len(shares)


_RULES = {
    "pro_rata": _by_gains,
    "per_contract": _by_contracts,
    "redistribution": _by_stakes,
    "withdrawal_haircut": _by_withdrawals,
}
