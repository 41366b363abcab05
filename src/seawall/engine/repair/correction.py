"""Hindsight: what a window of wrong prices did to whom, and who shall pay for it.

Two engines live through the same window: one with the prices as they were told, one with the prices
as they should have been. What people did of their own will (deposits, withdrawals, trades) happens
in both; what the engine did (calls, liquidations, deleveraging, shared losses, funding) follows the
prices. The difference of an account's rows at the end of the window, valued at the corrected
prices, is what the window cost it. Nothing is changed here: the result is a plan, and `Corrected`
carries it out. Knows no disk and no clock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import msgspec

from seawall.engine.effect import (
    Deleveraged,
    Effects,
    ExitFilled,
    Liquidated,
    Refused,
    ShareSold,
    StateChanged,
    TakenOver,
    Transition,
)
from seawall.engine.engine import Engine
from seawall.engine.event import (
    AuctionBid,
    AuctionCommitted,
    AuctionRevealed,
    AuctionTaken,
    Deposited,
    Event,
    Filled,
    Observed,
    Priced,
    Settled,
    ShareTaken,
    Traded,
    Withdrawn,
)
from seawall.engine.liquidating.whole import ALL_MARKETS
from seawall.engine.posting.trading import post_trade
from seawall.engine.state import FIRST_ACCOUNT, OUTSIDE, OpenOrder, Venue
from seawall.engine.state.offers import Offer, WholeSale
from seawall.ledger import Cause
from seawall.liquidation.loss_sharing import share_pro_rata
from seawall.money import RATIO_ONE

AUCTION = AuctionTaken | AuctionBid | AuctionCommitted | AuctionRevealed | ShareTaken
Turn = Callable[[], AbstractContextManager[None]]
Wish = tuple[type, int, int, bool]  # What an order or auction wants, whatever its number.
GAINERS = "gainers"  # In place of a payer's name: whoever the wrong prices made richer.


class CorrectionError(ValueError):
    """A correction that cannot be worked out; the message says why."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What one price should have been: a price, a factor on what was told, or tick by tick."""

    price: int = 0  # Price atoms; 0: the factor counts.
    factor: int = RATIO_ONE  # Parts per billion of what was told.
    at: Mapping[int, int] = field(default_factory=dict)  # Price atoms, by sequence; before both.

    def corrected(self, told: int, sequence: int) -> int:
        """The price that should have been told with one event.

        >>> Fix(factor=500_000_000).corrected(60_001, 7), Fix(price=5).corrected(9, 7)
        (30000, 5)
        """
        if sequence in self.at:
            return self.at[sequence]
        if self.price or told <= 0:  # Nonsense that was refused stays nonsense, unless replaced.
            return self.price or told
        return max(1, told * self.factor // RATIO_ONE)


@dataclass(frozen=True, slots=True)
class Fixes:
    """The prices that were wrong, of coins and of instruments, by their numbers."""

    coins: Mapping[int, Fix] = field(default_factory=dict)
    instruments: Mapping[int, Fix] = field(default_factory=dict)


@dataclass(slots=True)
class Fate:
    """What the engine did to one account in the window."""

    calls: int = 0
    taken: int = 0  # Liquidated notional, by whatever way; numeraire atoms.
    fees: int = 0  # Numeraire atoms.
    deleveraged: int = 0  # Notional, as the counterparty; numeraire atoms.


@dataclass(frozen=True, slots=True)
class Harm:
    """One account in both worlds; what it is worth less as it was is its loss."""

    account: int
    as_it_was: Fate
    as_it_should: Fate
    lost: int  # Numeraire atoms; negative: the wrong prices were its gain.
    owed: int  # Atoms of the venue's cash, rounded up; 0 for who lost nothing.

    @property
    def wrongly_called(self) -> bool:
        return self.as_it_was.calls > self.as_it_should.calls

    @property
    def wrongly_taken(self) -> bool:
        return self.as_it_was.taken > self.as_it_should.taken


@dataclass(frozen=True, slots=True)
class Worlds:
    """What the window did, account by account, ascending; all losses and gains sum to zero."""

    first_sequence: int
    last_sequence: int
    coin: int  # The venue's cash, in which is paid.
    value: int  # Numeraire atoms of one atom of it, at the corrected price.
    harms: tuple[Harm, ...]  # Whoever differs, system accounts too.
    unanswered: int  # Orders and auctions that only the right prices would have wanted.
    forced: int  # Deposits, withdrawals and trades that the right prices would have refused.

    @property
    def victims(self) -> tuple[Harm, ...]:
        """User accounts that are owed something."""
        return tuple(h for h in self.harms if h.owed and h.account >= FIRST_ACCOUNT)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who pays whom; the transfers of a `Corrected` event."""

    transfers: tuple[tuple[int, int, int, int], ...]  # (coin, payer, receiver, atoms)
    paid: Mapping[int, int]  # By payer, atoms.
    unpaid: int  # Atoms of what is owed for which the named payers do not suffice.


def compare(
    engine: Engine,
    events: Sequence[Event],
    fixes: Fixes,
    least_atoms: int = 0,
    turn: Turn = nullcontext,
) -> Worlds:
    """Let both worlds live through the window; `engine` stands before it and becomes as it was.

    Who lost less than `least_atoms` of the venue's cash is told of and owed nothing. Each event of
    each world is a `turn` of its own, for who must share the processor with another engine.
    """
    first = engine.sequence + 1
    with turn():
        right = Engine.restore(engine.dump())
    was: defaultdict[int, Fate] = defaultdict(Fate)
    should: defaultdict[int, Fate] = defaultdict(Fate)
    forced = 0
    for sequence, event in enumerate(events, first):
        answered = _answered(engine.venue, event) if engine.sequence else None
        with turn():
            told = engine.apply(event)
        _note(was, told)
        with turn():
            seen, is_forced = _relive(right, event, sequence, told, answered, fixes)
        _note(should, seen)
        forced += is_forced
    venue = right.venue
    if not venue.tables.ready:
        raise CorrectionError("nothing was priced yet at the end of the window")
    if venue.names != engine.names or venue.listings != engine.venue.listings:
        raise CorrectionError("accounts or contracts were opened that the right prices refuse")
    with turn():
        value = venue.tables.exact(0).value
    coin = venue.catalogue.coin(venue.rulebook.cash)
    harms = []
    for account in range(len(venue.names)):
        lost = _worth(right, account, value) - _worth(engine, account, value)
        fates = was[account], should[account]
        if lost or fates[0] != fates[1]:
            owed = -(-lost // value[coin]) if lost > 0 else 0
            harms.append(Harm(account, *fates, lost, owed if owed >= least_atoms else 0))
    assert sum(harm.lost for harm in harms) == 0, "value was made or lost between two worlds"
    wishes = _wishes(venue)
    wishes.subtract(_wishes(engine.venue))
    return Worlds(
        first, engine.sequence, coin, value[coin], tuple(harms), (+wishes).total(), forced
    )


def settle(worlds: Worlds, now: Engine, payers: Iterable[str]) -> Settlement:
    """Who pays, in the order in which payers are named, each no more than it holds now.

    `insurance_fund` and any account pay from what they hold of the cash, `outside` without a limit:
    that is the venue's own pocket. `gainers` pay pro rata to their gain and never more than it.
    """
    owed = [(harm.account, harm.owed) for harm in worlds.victims]
    left = sum(atoms for _, atoms in owed)
    paid: dict[int, int] = {}
    for name in payers:
        for payer, atoms in _offered(worlds, now, name, left, paid):
            if atoms:
                paid[payer] = paid.get(payer, 0) + atoms
                left -= atoms
    transfers = []
    purse = [[payer, atoms] for payer, atoms in paid.items()]
    for receiver, wanted in owed:
        missing = wanted
        while missing and purse:
            part = min(missing, purse[0][1])
            transfers.append((worlds.coin, purse[0][0], receiver, part))
            purse[0][1] -= part
            missing -= part
            if not purse[0][1]:
                purse.pop(0)
    return Settlement(tuple(transfers), paid, left)


def _relive(
    right: Engine,
    event: Event,
    sequence: int,
    told: Sequence[Effects],
    answered: Wish | None,
    fixes: Fixes,
) -> tuple[tuple[Effects, ...], bool]:
    """Let an event happen as it should have; what it does, and whether it had to be forced."""
    if isinstance(event, Priced | Observed | Settled):
        return right.apply(_corrected(right, event, sequence, fixes)), False
    if _is_refused(told):
        return (), False  # What did not happen does not happen here either.
    if answered is not None:
        return _answer(right, event, answered), False
    seen = right.apply(event)
    if _is_refused(seen) and isinstance(event, Deposited | Withdrawn | Traded):
        _force(right.venue, event)
        return (), True
    return seen, False


def _corrected(right: Engine, event: Event, sequence: int, fixes: Fixes) -> Event:
    """The event with the prices that it should have carried."""

    def fixed(fix: Fix | None, told: int) -> int:
        return told if fix is None else fix.corrected(told, sequence)

    if isinstance(event, Priced):
        return msgspec.structs.replace(
            event,
            price=tuple((coin, fixed(fixes.coins.get(coin), told)) for coin, told in event.price),
            mark=tuple((n, fixed(fixes.instruments.get(n), told)) for n, told in event.mark),
        )
    if isinstance(event, Observed):
        fix = fixes.coins.get(event.coin)
        reports = tuple(
            msgspec.structs.replace(report, price=fixed(fix, report.price))
            for report in event.reports
        )
        return msgspec.structs.replace(event, reports=reports)
    if isinstance(event, Settled) and 0 <= event.instrument < len(right.catalogue.instruments):
        terms = right.catalogue.instruments[event.instrument]
        fix = fixes.instruments.get(event.instrument)
        if terms.type == "option":  # It settles at the price of its underlying.
            fix = fixes.coins.get(right.catalogue.coin(terms.base))
        return msgspec.structs.replace(event, price=fixed(fix, event.price))
    return event


def _answered(venue: Venue, event: Event) -> Wish | None:
    """What the order or auction wants that an event answers."""
    if isinstance(event, Filled) and event.order in venue.orders:
        return _wish(venue.orders[event.order])
    if isinstance(event, AUCTION):
        offered = _on_offer(venue).get(event.auction)
        return None if offered is None else _wish(offered)
    return None


def _on_offer(venue: Venue) -> dict[int, Offer | WholeSale]:
    """Auctions of lots and of whole accounts, by their numbers."""
    return {**venue.offers.open, **venue.offers.selling}


def _answer(right: Engine, event: Event, answered: Wish) -> tuple[Effects, ...]:
    """Answer the order or auction of the right world that wants the same, if there is one."""
    venue = right.venue
    if isinstance(event, Filled):
        orders = venue.orders
        number = _alike({n: _wish(one) for n, one in orders.items()}, answered, event.order)
        if number is None:
            return ()
        lots = min(event.lots, abs(orders[number].lots))
        return right.apply(msgspec.structs.replace(event, order=number, lots=lots))
    assert isinstance(event, AUCTION)
    offers = {n: _wish(one) for n, one in _on_offer(venue).items()}
    number = _alike(offers, answered, event.auction)
    return () if number is None else right.apply(msgspec.structs.replace(event, auction=number))


def _alike(wishes: Mapping[int, Wish], wanted: Wish, number: int) -> int | None:
    """The same number if it wants the same, else the oldest that does."""
    alike = [one for one, wish in wishes.items() if wish == wanted]
    return number if number in alike else next(iter(alike), None)


def _force(venue: Venue, event: Deposited | Withdrawn | Traded) -> None:
    """What people did stays done, whatever the right prices would have said to it."""
    if isinstance(event, Deposited):
        venue.move(event.coin, OUTSIDE, event.account, event.atoms, Cause.DEPOSIT)
    elif isinstance(event, Withdrawn):
        venue.move(event.coin, event.account, OUTSIDE, event.atoms, Cause.WITHDRAWAL)
    else:
        post_trade(venue, event)


def _offered(
    worlds: Worlds, now: Engine, name: str, left: int, paid: Mapping[int, int]
) -> Sequence[tuple[int, int]]:
    """What one named payer, or everybody who gained, pays of what is left; (account, atoms)."""
    if name == GAINERS:
        gains = []
        for harm in worlds.harms:
            if harm.lost < 0 and now.venue.method[harm.account] >= 0:
                gain = -harm.lost // worlds.value
                gains.append(
                    (harm.account, gain, min(gain, _purse(worlds, now, harm.account, paid)))
                )
        return share_pro_rata(min(left, sum(cap for *_, cap in gains)), gains).shares
    try:
        payer = now.account(name)
    except KeyError:
        raise CorrectionError(f"no account {name} that could pay") from None
    if any(harm.account == payer for harm in worlds.victims):
        raise CorrectionError(f"{name} is owed something itself and cannot be the payer")
    return [(payer, left if payer == OUTSIDE else min(left, _purse(worlds, now, payer, paid)))]


def _purse(worlds: Worlds, now: Engine, account: int, paid: Mapping[int, int]) -> int:
    """What an account could still pay, in atoms of the venue's cash."""
    return max(0, now.ledger.balance(account, worlds.coin) - paid.get(account, 0))


def _note(fates: defaultdict[int, Fate], effects: Iterable[Effects]) -> None:
    for effect in effects:
        if isinstance(effect, StateChanged):  # One that is told again is no other call.
            fates[effect.account].calls += effect.reason is Transition.BREACHED
        elif isinstance(effect, Liquidated | ExitFilled):
            fates[effect.account].taken += effect.notional
            fates[effect.account].fees += effect.fee
        elif isinstance(effect, TakenOver):
            fates[effect.account].taken += effect.notional
        elif isinstance(effect, ShareSold):
            fates[effect.account].taken += sum(notional for _, notional in effect.closed)
        elif isinstance(effect, Deleveraged):
            fates[effect.counterparty].deleveraged += effect.notional


def _wish(wanted: OpenOrder | Offer | WholeSale) -> Wish:
    if isinstance(wanted, WholeSale):
        return WholeSale, wanted.account, ALL_MARKETS, False
    side = wanted.lots if isinstance(wanted, OpenOrder) else wanted.side
    return type(wanted), wanted.account, wanted.instrument, side > 0


def _wishes(venue: Venue) -> Counter[Wish]:
    wishes = Counter(map(_wish, venue.orders.values()))
    wishes.update(map(_wish, _on_offer(venue).values()))
    return wishes


def _is_refused(effects: Sequence[Effects]) -> bool:
    return bool(effects) and isinstance(effects[0], Refused)


def _worth(engine: Engine, account: int, value: Sequence[int]) -> int:
    return sum(quantity * value[asset] for asset, quantity in engine.ledger.rows(account))
