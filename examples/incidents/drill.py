"""What the drills share: a small venue run by the real engine, and a table of before and after.

Names and decimals go in, events go to `Engine.apply`, and a tally of what it did comes out. The
street here fills each liquidation order at its limit, the worst price that the rules accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    OrderWanted,
    Reason,
    Refused,
    StateChanged,
    TakenOver,
    Uncovered,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Listed,
    Observed,
    Opened,
    Priced,
    RulesChanged,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import INSURANCE_FUND
from seawall.market import Instrument
from seawall.market.oracle import Report
from seawall.money import parse_atoms

ONE = 10**10  # Price atoms, and numeraire atoms, in a dollar.
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000  # Milliseconds.
PLENTY = 10**12  # Lots that the book shows where a drill is not about depth.


def dollars(amount: str | int | Decimal) -> int:
    """Price atoms, or numeraire atoms."""
    return parse_atoms(str(amount), 10)


def perpetual(coin: str, lot: int, tick: str) -> Instrument:
    """A linear perpetual settled in USDC; a lot is so many atoms of its coin."""
    return Instrument(
        id=f"{coin}/USDC:USDC", type="perpetual", base=coin, quote="USDC", settle="USDC",
        lot=lot, tick=dollars(tick),
    )  # fmt: skip


def spot(coin: str, lot: int, tick: str) -> Instrument:
    """A coin against USDC."""
    return Instrument(
        id=f"{coin}/USDC", type="spot", base=coin, quote="USDC", settle="USDC",
        lot=lot, tick=dollars(tick),
    )  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What became of a venue, in numeraire atoms."""

    liquidated: set[int] = field(default_factory=set)  # Accounts that lost a position or a coin.
    closed: int = 0  # Notional that was closed.
    fees: int = 0
    taken_over: int = 0  # Notional, by the backstop.
    fund_paid: int = 0
    deleveraged: int = 0
    shared: int = 0
    uncovered: int = 0
    refused: list[Reason] = field(default_factory=list)

    @property
    def bad_debt(self) -> int:
        """What somebody else had to pay, or nobody could."""
        return self.fund_paid + self.shared + self.uncovered


class House:
    """A venue with named accounts under one margin method."""

    def __init__(
        self, rules: str, instruments: Iterable[Instrument], names: Sequence[str], method: str
    ) -> None:
        self.engine = Engine()
        self.time_ms = 0
        self.tally = Tally()
        self.depth = PLENTY  # Lots that the book shows on each side.
        self.send(Started(time_ms=0, rulebook=read(rules).canonical()))
        self.send(Listed(time_ms=0, instruments=tuple(instruments)))
        self.send(Opened(time_ms=0, names=tuple(names), methods=(method,) * len(names)))

    # -- events --------------------------------------------------------------------------------

    def send(self, event: Events) -> tuple[Effects, ...]:
        """Apply an event; answer every order that follows, until nothing is wanted any more."""
        effects = self.engine.apply(event)
        self._count(effects)
        wanted = [effect for effect in effects if isinstance(effect, OrderWanted)]
        while wanted:
            answers: list[Effects] = []
            for order in wanted:
                filled = Filled(
                    time_ms=self.time_ms, order=order.order, lots=abs(order.lots), price=order.limit
                )
                answers += self.engine.apply(filled)
            self._count(answers)
            wanted = [effect for effect in answers if isinstance(effect, OrderWanted)]
        if isinstance(event, Priced | Observed):
            self.engine.check()
        return effects

    def later(self, ms: int) -> None:
        """Let time pass; the next event tells the engine."""
        self.time_ms += ms

    def price(self, **prices: str | Decimal) -> tuple[Effects, ...]:
        """One tick of prices that nobody questions: index and perpetual stand at the same."""
        told = [(self.coin(name), dollars(price)) for name, price in prices.items()]
        terms = self.engine.catalogue.instruments
        return self.send(
            Priced(
                time_ms=self.time_ms,
                price=tuple(told),
                mark=tuple(
                    (number, price)
                    for coin, price in told
                    for number, one in enumerate(terms)
                    if one.type == "perpetual" and one.base == self.coin_name(coin)
                ),
                depth=tuple((number, self.depth, self.depth) for number in range(len(terms))),
            )
        )

    def observe(self, coin: str, told: Mapping[str, str | Decimal]) -> tuple[Effects, ...]:
        """What named sources say of a coin that has an oracle, each now and 1 ÷ 10,000 wide."""
        reports = tuple(
            Report(source, dollars(price), dollars(price) // 10_000, self.time_ms)
            for source, price in told.items()
        )
        return self.send(Observed(time_ms=self.time_ms, coin=self.coin(coin), reports=reports))

    def deposit(self, name: str, coin: str, amount: str | int | Decimal) -> None:
        atoms = parse_atoms(str(amount), self.engine.catalogue.coins[self.coin(coin)].decimals)
        self.send(
            Deposited(
                time_ms=self.time_ms, account=self.number(name), coin=self.coin(coin), atoms=atoms
            )
        )

    def withdraw(self, name: str, coin: str, amount: str | int | Decimal) -> bool:
        """Whether it was let out."""
        atoms = parse_atoms(str(amount), self.engine.catalogue.coins[self.coin(coin)].decimals)
        return self._is_done(
            Withdrawn(
                time_ms=self.time_ms, account=self.number(name), coin=self.coin(coin), atoms=atoms
            )
        )

    def trade(self, contract: str, buyer: str, seller: str, lots: int, price: str) -> bool:
        """Whether both sides could carry it."""
        return self._is_done(
            Traded(
                time_ms=self.time_ms, instrument=self.engine.catalogue.instrument(contract),
                buyer=self.number(buyer), seller=self.number(seller), lots=lots,
                price=dollars(price),
            )
        )  # fmt: skip

    def change_rules(self, rules: str) -> None:
        self.send(RulesChanged(time_ms=self.time_ms, rulebook=read(rules).canonical()))

    # -- what stands ---------------------------------------------------------------------------

    def number(self, name: str) -> int:
        return INSURANCE_FUND if name == "fund" else self.engine.account(name)

    def coin(self, name: str) -> int:
        return self.engine.catalogue.coin(name)

    def coin_name(self, number: int) -> str:
        return self.engine.catalogue.coins[number].id

    def equity(self, name: str) -> int:
        """Numeraire atoms."""
        return self.engine.venue.judge(self.number(name)).equity

    def state(self, name: str) -> State:
        return State(int(self.engine.venue.status[self.number(name)]))

    # -- counting ------------------------------------------------------------------------------

    def _is_done(self, event: Events) -> bool:
        return not any(isinstance(effect, Refused) for effect in self.send(event))

    def _count(self, effects: Iterable[Effects]) -> None:
        tally = self.tally
        for effect in effects:
            if isinstance(effect, StateChanged) and effect.after is State.LIQUIDATING:
                tally.liquidated.add(effect.account)
            elif isinstance(effect, Liquidated | ExitFilled):
                tally.closed += effect.notional
                tally.fees += effect.fee
            elif isinstance(effect, TakenOver):
                tally.taken_over += effect.notional
            elif isinstance(effect, FundPaid):
                tally.fund_paid += effect.atoms
            elif isinstance(effect, Deleveraged):
                tally.deleveraged += effect.notional
            elif isinstance(effect, LossShared):
                tally.shared += effect.atoms
            elif isinstance(effect, Uncovered):
                tally.uncovered += self.engine.venue.worth(effect.coin, effect.atoms)
            elif isinstance(effect, Refused):
                tally.refused.append(effect.reason)


def said(atoms: int) -> str:
    """Whole dollars.

    >>> said(1_234_567 * ONE + 6)
    '1,234,567'
    """
    return f"{round(Decimal(atoms) / ONE):,}"


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], *notes: str) -> None:
    """Print a table: the first column to the left, numbers to the right."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    print(title, end="\n\n")
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells).rstrip())
        if not number:
            print("  " + "  ".join("-" * width for width in widths))
    for note in notes:
        print(f"\n{note}")
