"""Funding: what longs and shorts of a perpetual pay each other, by rule or as a driver says.

Where a coin has a rule, premiums are gathered until the interval is over, or the rate drifts with
the skew; the next event that is accepted pays, before it moves anything, so whoever held the
contract when the interval ended is who pays and gets. Knows no margin; the engine judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from seawall.engine.effect import FundingPaid, FundingUnpaid, Hindrance, Reason
from seawall.engine.event import Funded, PremiumSeen
from seawall.engine.rules.funding_rules import (
    NEVER_MS,
    AgainstMakers,
    Due,
    FundingRule,
    Gathered,
    accrued,
    due,
    ends_ms,
)
from seawall.engine.state import DUST, FIRST_ACCOUNT, Venue
from seawall.ledger import Cause
from seawall.market import Snapshot, funding_payments
from seawall.market.funding import HOUR_MS, premium
from seawall.money import AmountError, fit
from seawall.pricing import Ints


@dataclass(slots=True)
class Payment:
    """What was added to the holders of one contract."""

    cash: int  # The asset.
    accounts: Ints
    atoms: Ints


@dataclass(slots=True)
class Paid:
    """What an event found due, so that its refusal can take it back."""

    snapshot: Snapshot
    before: dict[int, Gathered] = field(default_factory=dict)  # By instrument.
    payments: list[Payment] = field(default_factory=list)


# -- verbs -----------------------------------------------------------------------------------------


def fund(venue: Venue, event: Funded) -> Reason | None:
    """A driver tells the rate of a perpetual whose coin has no rule.

    Each payer's amount rounds up and each receiver's down; the difference is dust, which has an
    account. Funding is what keeps a perpetual near its index: the crowded side pays to stay.
    """
    refusal = _perpetual_refusal(venue, event.instrument)
    if refusal is not None:
        return refusal
    try:
        payment = _payment(venue, event.instrument, event.rate)
    except AmountError:
        return Reason.BALANCE_OVERFLOW
    if isinstance(payment, Hindrance) or venue.snapshot.mark[event.instrument] <= 0:
        return Reason.NO_PRICE
    if _rule(venue, event.instrument) is not None:
        return Reason.FUNDING_BY_RULE
    if not _post(venue, payment):
        return Reason.BALANCE_OVERFLOW
    _note_rate(venue, event.instrument, event.rate, venue.time_ms)
    venue.effects.append(
        FundingPaid(
            instrument=event.instrument,
            rate=event.rate,
            accounts=len(payment.accounts),
            notional=_received(venue, payment),
        )
    )
    return None


def see_premium(venue: Venue, event: PremiumSeen) -> Reason | None:
    """A sample of how far a perpetual trades from its index joins those of its interval."""
    refusal = _perpetual_refusal(venue, event.instrument)
    if refusal is not None:
        return refusal
    if event.premium is None and min(event.bid, event.ask, event.index) <= 0:
        return Reason.PRICE_NOT_POSITIVE
    rule = _rule(venue, event.instrument)
    if rule is None or isinstance(rule, AgainstMakers):
        return Reason.NO_FUNDING_RULE
    seen = event.premium
    if seen is None:
        seen = premium(event.bid, event.ask, event.index)
    gathered = venue.intervals.open[event.instrument]
    venue.intervals.open[event.instrument] = gathered._replace(
        total=gathered.total + seen, samples=gathered.samples + 1
    )
    return None


# -- what the engine does around every event -------------------------------------------------------


def pay_due(venue: Venue) -> Paid:
    """Pay for every interval that is over by now, each once, at the mark that was last seen."""
    intervals = venue.intervals
    paid = Paid(venue.snapshot)
    if venue.time_ms < intervals.soonest_ms:
        return paid
    soonest_ms = NEVER_MS
    for instrument, rule in list(_open(venue)):
        gathered = intervals.open[instrument]
        if ends_ms(rule, gathered) <= venue.time_ms:
            paid.before[instrument] = gathered
            for settled, ended, times in _over(rule, gathered, venue.time_ms):
                _pay(venue, paid, instrument, settled, ended, times)
                intervals.open[instrument] = settled.after
        soonest_ms = min(soonest_ms, ends_ms(rule, intervals.open[instrument]))
    intervals.soonest_ms = soonest_ms
    return paid


def take_back(venue: Venue, paid: Paid) -> None:
    """The event was refused: nothing of it happened, and what is due stays due."""
    if not paid.before:
        return
    for payment in reversed(paid.payments):
        back = Payment(payment.cash, payment.accounts, -payment.atoms)
        assert _post(venue, back), "a payment could not be taken back"
    venue.snapshot = paid.snapshot
    venue.intervals.open.update(paid.before)
    venue.intervals.soonest_ms = 0
    venue.effects.clear()


def stand(venue: Venue, paid: Paid) -> None:
    """The event was accepted: whoever paid or got something is judged at its end."""
    for payment in paid.payments:
        venue.shaken.update(a for a in payment.accounts.tolist() if a >= FIRST_ACCOUNT)


def see_skew(venue: Venue) -> None:
    """After an event: where the skew is another one, let the rate move under the old one first."""
    for instrument, rule in _open(venue):
        if not isinstance(rule, AgainstMakers):
            continue
        gathered = venue.intervals.open[instrument]
        skew = _skew(venue, instrument, rule)
        if skew != gathered.skew:
            moved = accrued(rule, gathered, venue.time_ms)
            venue.intervals.open[instrument] = moved._replace(skew=skew)


def begin(venue: Venue) -> None:
    """Open an interval for each perpetual whose coin has a rule and that has none open."""
    if not venue.rulebook.funding:
        return
    for instrument, terms in enumerate(venue.catalogue.instruments):
        rule = _rule(venue, instrument)
        if terms.type != "perpetual" or rule is None or instrument in venue.intervals.open:
            continue
        now = venue.time_ms
        skew = _skew(venue, instrument, rule) if isinstance(rule, AgainstMakers) else 0
        venue.intervals.open[instrument] = Gathered(now, skew=skew, skew_ms=now)
        venue.intervals.soonest_ms = 0


def change_rules(venue: Venue, old: Mapping[str, FundingRule]) -> None:
    """Pay what has come up under rules that are gone or others, and begin anew under the new."""
    open_ones = venue.intervals.open
    paid = Paid(venue.snapshot)
    for instrument, gathered in sorted(open_ones.items()):
        base = venue.catalogue.instruments[instrument].base
        rule, new = old[base], venue.rulebook.funding.get(base)
        if rule == new:
            continue
        settled = due(rule, gathered, venue.time_ms)
        if venue.time_ms > gathered.since_ms:
            _pay(venue, paid, instrument, settled, gathered, 1)
        del open_ones[instrument]
        if isinstance(rule, AgainstMakers) and isinstance(new, AgainstMakers):
            skew = _skew(venue, instrument, new)
            open_ones[instrument] = settled.after._replace(skew=skew)  # The rate goes on.
    stand(venue, paid)
    venue.intervals.soonest_ms = 0 if venue.rulebook.funding else NEVER_MS
    begin(venue)


# -- inside ----------------------------------------------------------------------------------------


def _over(
    rule: FundingRule, gathered: Gathered, now_ms: int
) -> Iterator[tuple[Due, Gathered, int]]:
    """Payments that are due: (what, what it closes, how often).

    The first interval has what was gathered. Nobody saw anything of those that were missed since:
    each of them pays as one without a premium. A rate with a velocity runs through all at once.
    """
    interval_ms = rule.interval_hours * HOUR_MS
    last_ms = now_ms // interval_ms * interval_ms
    if isinstance(rule, AgainstMakers):
        yield due(rule, gathered, last_ms), gathered, 1
        return
    first_ms = ends_ms(rule, gathered)
    yield due(rule, gathered, first_ms), gathered, 1
    missed = (last_ms - first_ms) // interval_ms
    if missed:
        empty = Gathered(first_ms)
        one = due(rule, empty, first_ms + interval_ms)
        yield one._replace(after=Gathered(last_ms)), empty, missed


def _pay(
    venue: Venue, paid: Paid, instrument: int, settled: Due, ended: Gathered, times: int
) -> None:
    """Pay for an interval, or for several that are alike, and tell of it."""
    after = settled.after
    try:
        payment: Payment | Hindrance = _payment(venue, instrument, settled.rate, times)
    except AmountError:
        payment = Hindrance.BALANCE_OVERFLOW
    if isinstance(payment, Payment) and not _post(venue, payment):
        payment = Hindrance.BALANCE_OVERFLOW
    if isinstance(payment, Hindrance):
        venue.effects.append(
            FundingUnpaid(
                instrument=instrument,
                rate=settled.rate,
                reason=payment,
                ended_ms=after.since_ms,
                intervals=times,
            )
        )
        return
    paid.payments.append(payment)
    _note_rate(venue, instrument, settled.rate, venue.snapshot.time_ms)
    venue.effects.append(
        FundingPaid(
            instrument=instrument,
            rate=settled.rate,
            accounts=len(payment.accounts),
            notional=_received(venue, payment),
            ended_ms=after.since_ms,
            intervals=times,
            elapsed_ms=(after.since_ms - ended.since_ms) // times,
            premium=settled.premium,
            samples=ended.samples,
            daily_rate=after.daily_rate,
            skew=after.skew,
        )
    )


def _payment(venue: Venue, instrument: int, rate: int, times: int = 1) -> Payment | Hindrance:
    """What each holder gets at a rate, so many times; `AmountError` beyond 63 bits."""
    fit(rate)
    accounts, lots = venue.ledger.holders(venue.catalogue.lot_asset[instrument])
    cash = venue.catalogue.cash_asset[instrument]
    mark = venue.snapshot.mark[instrument]
    if len(accounts) == 0:
        return Payment(cash, accounts, np.zeros(0, np.int64))
    if mark <= 0:
        return Hindrance.NO_MARK
    each = funding_payments(venue.catalogue, instrument, lots.tolist(), mark, rate)
    return Payment(cash, accounts, np.array([fit(atoms * times) for atoms in each], np.int64))


def _post(venue: Venue, payment: Payment) -> bool:
    """Whether the ledger took it; what payers give and receivers do not get is dust."""
    cash = np.full(len(payment.accounts), payment.cash)
    refusal = venue.ledger.load(payment.accounts, cash, payment.atoms, DUST, Cause.FUNDING)
    return refusal is None


def _received(venue: Venue, payment: Payment) -> int:
    coin = venue.catalogue.assets[payment.cash].currency
    return venue.worth(coin, int(payment.atoms[payment.atoms > 0].sum()))


def _note_rate(venue: Venue, instrument: int, rate: int, time_ms: int) -> None:
    """Note the rate in the snapshot, whose time stays a tick's where no driver told it."""
    snapshot = venue.snapshot
    venue.snapshot = snapshot.funded(snapshot.sequence + 1, time_ms, instrument, rate)


def _perpetual_refusal(venue: Venue, instrument: int) -> Reason | None:
    if not 0 <= instrument < len(venue.catalogue.instruments):
        return Reason.UNKNOWN_INSTRUMENT
    if venue.catalogue.instruments[instrument].type != "perpetual":
        return Reason.BAD_INSTRUMENT
    return None


def _rule(venue: Venue, instrument: int) -> FundingRule | None:
    return venue.rulebook.funding.get(venue.catalogue.instruments[instrument].base)


def _open(venue: Venue) -> Iterator[tuple[int, FundingRule]]:
    for instrument in sorted(venue.intervals.open):
        rule = _rule(venue, instrument)
        assert rule is not None, "an interval is open and no rule ends it"
        yield instrument, rule


def _skew(venue: Venue, instrument: int, rule: AgainstMakers) -> int:
    """Lots that users hold, net: all lots add up to zero, so what the other side lacks."""
    asset = venue.catalogue.lot_asset[instrument]
    makers = [venue.number[name] for name in rule.makers if name in venue.number]
    other = (*range(FIRST_ACCOUNT), *(maker for maker in makers if maker >= FIRST_ACCOUNT))
    return -sum(venue.ledger.balance(account, asset) for account in other)
