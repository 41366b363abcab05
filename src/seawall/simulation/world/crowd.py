"""Groups of people: who they are, drawn from the seed, and what their rules make them do.

A group is drawn as columns; each step its accounts are screened in floats, and whoever a rule
might move is judged exactly before it acts. Draws are f(seed, stream of the rule, step and
person), so the same people have the same moods whatever the prices do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.engine import State
from seawall.engine.effect import Refused
from seawall.engine.event import Deposited, Withdrawn
from seawall.engine.state import FIRST_ACCOUNT
from seawall.market.contract import buyer_cash
from seawall.money import RATIO_ONE
from seawall.simulation.draws import chosen, pareto, uniform
from seawall.simulation.world.door import Door, Entrant
from seawall.simulation.world.rules import RULES, Chase, Panic, Seen, TopUp, parts
from seawall.simulation.world.scenario import BorrowerChoice, TraderChoice

_SIZE, _SIDE, _LEVERAGE, _CUSHION, _MOOD = range(
    1_000, 1_005
)  # Streams of the seed; a group has a hundred.
_STREAMS_EACH = 100
_HALVINGS = 8  # How often less is asked for, where a venue does not let go of so much.


class Born(NamedTuple):
    """A group before the venue opens: its entrants, and what their makers hold against them."""

    entrants: list[Entrant]
    against: dict[int, int]  # By asset, what all of them hold of what somebody must owe.
    reserve: list[int]  # Outside, numeraire atoms.


def born_traders(choice: TraderChoice, door: Door, seed: int, number: int) -> Born:
    """Traders with one position each, at the price of the first step."""
    index, base = np.arange(choice.count), number * _STREAMS_EACH
    size = _sizes(choice, seed, base, index)
    longs = uniform(seed, base + _SIDE, index) < float(choice.long_share)
    levels = [float(level) for level, _ in choice.leverage]
    pick = chosen(uniform(seed, base + _LEVERAGE, index), [share for _, share in choice.leverage])
    instrument = door.number[choice.contract]
    terms, catalogue = door.instruments[instrument], door.catalogue
    worth, price = door.lot_worth(instrument), door.mark(instrument)
    coin = catalogue.coin(choice.collateral or terms.settle)
    slack = _cushions(choice, seed, base, index)
    born = Born([], {}, [])
    for place in range(choice.count):
        lots = max(1, int(size[place] * 1e10) // worth) * (1 if longs[place] else -1)
        cash = buyer_cash(catalogue, instrument, lots, price)
        equity = int(abs(lots) * worth * slack[place] / levels[int(pick[place])])
        atoms = equity * catalogue.coins[coin].one // door.at_start[catalogue.coins[coin].id]
        rows = {catalogue.lot_asset[instrument]: lots, catalogue.cash_asset[instrument]: cash}
        for asset, quantity in rows.items():
            born.against[asset] = born.against.get(asset, 0) + quantity
        rows[coin] = rows.get(coin, 0) + atoms
        born.entrants.append(Entrant(f"{choice.name} {place}", choice.method, rows))
        born.reserve.append(equity * parts(choice.reserve) // RATIO_ONE)
    return born


def born_borrowers(choice: BorrowerChoice, door: Door, seed: int, number: int) -> Born:
    """Borrowers of cash against one coin each."""
    index, base = np.arange(choice.count), number * _STREAMS_EACH
    size = _sizes(choice, seed, base, index)
    levels = [float(level) for level, _ in choice.loan_to_value]
    shares = [share for _, share in choice.loan_to_value]
    pick = chosen(uniform(seed, base + _LEVERAGE, index), shares)
    catalogue = door.catalogue
    coin, cash = catalogue.coin(choice.collateral), catalogue.coin(door.rulebook.cash)
    price, cash_price = (door.at_start[catalogue.coins[one].id] for one in (coin, cash))
    slack = _cushions(choice, seed, base, index)
    born = Born([], {}, [])
    for place in range(choice.count):
        value = int(size[place] * 1e10)
        debt = int(size[place] * levels[int(pick[place])] / slack[place] * 1e10)
        rows = {
            coin: value * catalogue.coins[coin].one // price,
            cash: -(debt * catalogue.coins[cash].one // cash_price),
        }
        born.entrants.append(Entrant(f"{choice.name} {place}", choice.method, rows))
        born.reserve.append((value - debt) * parts(choice.reserve) // RATIO_ONE)
    return born


class Crowd:
    """One group while the world runs."""

    def __init__(
        self,
        choice: TraderChoice | BorrowerChoice,
        door: Door,
        born: Born,
        seed: int,
        number: int,
    ) -> None:
        self.choice, self.door, self.seed = choice, door, seed
        self.base = number * _STREAMS_EACH + _MOOD
        self.account = np.array([door.engine.account(one.name) for one in born.entrants])
        self.reserve = np.array(born.reserve, dtype=object)
        self.backing: Crowd | None = None  # Whose free collateral is this group's reserve too.
        self.acts: dict[str, int] = {}
        catalogue = door.catalogue
        if isinstance(choice, TraderChoice):
            self.instrument = door.number[choice.contract]
            settle = door.instruments[self.instrument].settle
            self.coin = catalogue.coin(choice.collateral or settle)
        else:
            self.coin = catalogue.coin(choice.collateral)
            self.instrument = next(
                place
                for place, one in enumerate(door.instruments)
                if one.type == "spot" and one.base == choice.collateral
            )
        self.asset = catalogue.lot_asset[self.instrument]

    def act(self, step: int, gain: int) -> None:
        """One step: each person follows the first of its rules that asks for anything.

        `gain` is the past return of the coin of their position, parts per billion.
        """
        if not self.choice.rules:
            return
        held = self._held()
        seen_gain = np.sign(held) * gain
        screen = self.door.screen()
        rows = self.account - FIRST_ACCOUNT
        equity, maintenance = screen.margin_equity[rows], screen.maintenance[rows]
        done: set[int] = set()
        for number, rule in enumerate(self.choice.rules):
            index = step * self.choice.count + np.arange(self.choice.count)
            awake = uniform(self.seed, self.base + number, index) < float(rule.chance)
            might = _might(rule, equity, maintenance, seen_gain) & awake & (held != 0)
            for one in np.flatnonzero(might).tolist():
                if one not in done and self._follow(one, rule, gain, step):
                    done.add(one)

    def give(self, one: int, wanted: int) -> int:
        """Let a person carry free collateral away: numeraire atoms that it takes, as a coin."""
        door, account = self.door, int(self.account[one])
        if door.state(account) > State.WARNED:
            return 0
        price = door.engine.snapshot.price[self.coin]
        unit = door.catalogue.coins[self.coin].one
        atoms = min(wanted * unit // price + 1, door.engine.ledger.balance(account, self.coin))
        for _ in range(_HALVINGS):
            if atoms <= 0:
                return 0
            now = door.engine.time_ms
            effects = door.send(
                Withdrawn(time_ms=now, account=account, coin=self.coin, atoms=atoms)
            )
            if not (effects and isinstance(effects[0], Refused)):
                return atoms
            atoms //= 2
        return 0

    def memory(self) -> list[int]:
        """What the group has become beside its accounts, for a hash."""
        return [int(one) for one in self.reserve]

    def _held(self) -> NDArray[np.int64]:
        accounts, lots = self.door.engine.ledger.holders(self.asset)
        held = np.zeros(len(self.door.engine.names), np.int64)
        held[accounts] = lots
        found: NDArray[np.int64] = held[self.account]
        return found

    def _follow(self, one: int, rule: RULES, gain: int, step: int) -> bool:
        """Judge one person exactly and let it follow a rule; True where it did something."""
        door, account = self.door, int(self.account[one])
        if door.state(account) >= State.LIQUIDATING:
            return False
        held = door.engine.ledger.balance(account, self.asset)
        verdict = door.engine.venue.judge(account)
        side = 1 if held > 0 else -1
        wanted = rule.wanted(Seen(verdict.margin_equity, verdict.maintenance, side * gain))
        if not wanted or not held:
            return False
        if isinstance(rule, TopUp):
            return self._top_up(one, wanted)
        unit = door.instruments[self.instrument].lot if self._is_spot() else 1
        lots = abs(held) // unit * wanted // RATIO_ONE
        signed = side * max(1, lots) * (1 if isinstance(rule, Chase) else -1)
        done = door.trade(account, self.instrument, signed, step)
        return self._note(type(rule).__name__, done)

    def _top_up(self, one: int, wanted: int) -> bool:
        """Money from the person's own reserve, then free collateral from where else it has some."""
        brought = min(wanted, int(self.reserve[one]))
        coins = self.door.catalogue.coins
        if brought:
            price = self.door.engine.snapshot.price[self.coin]
            atoms = brought * coins[self.coin].one // price
            if self._deposit(one, self.coin, atoms):
                self.reserve[one] -= brought
                return self._note("TopUp", True)
        if self.backing is None:
            return False
        atoms = self.backing.give(one, wanted)
        name = self.backing.door.catalogue.coins[self.backing.coin].id
        done = atoms > 0 and self._deposit(one, self.door.catalogue.coin(name), atoms)
        return self._note("Carried", done)

    def _deposit(self, one: int, coin: int, atoms: int) -> bool:
        if atoms <= 0:
            return False
        account, now = int(self.account[one]), self.door.engine.time_ms
        effects = self.door.send(Deposited(time_ms=now, account=account, coin=coin, atoms=atoms))
        return not (effects and isinstance(effects[0], Refused))

    def _is_spot(self) -> bool:
        return self.door.instruments[self.instrument].type == "spot"

    def _note(self, what: str, done: bool) -> bool:
        if done:
            self.acts[what] = self.acts.get(what, 0) + 1
        return done


def _sizes(
    choice: TraderChoice | BorrowerChoice, seed: int, base: int, index: NDArray[np.int64]
) -> NDArray[np.float64]:
    share = uniform(seed, base + _SIZE, index)
    return pareto(share, float(choice.smallest), float(choice.largest), float(choice.tail))


def _cushions(
    choice: TraderChoice | BorrowerChoice, seed: int, base: int, index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much better off each is than its leverage says: from 1 to 1 + cushion."""
    share: NDArray[np.float64] = 1.0 + uniform(seed, base + _CUSHION, index) * float(choice.cushion)
    return share


def _might(
    rule: RULES,
    equity: NDArray[np.float64],
    maintenance: NDArray[np.float64],
    gain: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whom a rule could move, with some slack: the verdict decides."""
    slack = 1.000001
    if isinstance(rule, TopUp):
        return equity < maintenance * (float(rule.below) * slack)
    if isinstance(rule, Panic):
        low = equity < maintenance * (float(rule.below) * slack)
        return low | (-gain > parts(rule.loss))
    return gain > parts(rule.gain)
