"""A falling market in which accounts are auctioned and keepers must get through the mempool.

`world` runs the engine under a rulebook's exits, block by block: prices, keepers, a block, and what
the engine makes of it. Everything is a function of its arguments; the book is empty, so keepers are
the only way out. Amounts are dollars as a person writes them where a name says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Effects,
    ExitFilled,
    FundPaid,
    LossShared,
    OrderWanted,
    Reason,
    Refused,
    Uncovered,
)
from seawall.engine.event import Deposited, Event, Filled, Listed, Opened, Priced, Started, Traded
from seawall.engine.rules.rulebook import read
from seawall.engine.state import INSURANCE_FUND
from seawall.market import Instrument
from seawall.simulation.draws import uniform
from seawall.simulation.keepers import (
    GWEI,
    Failure,
    Gas,
    Keeper,
    KeeperFailed,
    offer_of_gas,
    open_offers,
    wish,
)
from seawall.simulation.mempool import Mempool, Transaction, build, submit

ONE = 10**10  # Price atoms, and numeraire atoms, in a dollar.
CASH, COIN = range(2)
START_MS = 1_583_971_200_000  # 12 March 2020, 00:00 UTC.
GAS_LIMIT = 10_000_000
OTHERS = 20  # Transactions of everybody else that are drawn for each block; ten fill the target.
_TRAFFIC = 72  # Stream of the seed.

RULES = """
format = 1
name = "auction world"
version = "2020-03-12.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "ETH", decimals = 8 }]
margin.cross = { method = "tiered", brackets.ETH = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.02, fee_ratio = 0.005 }
"""


class Vault(NamedTuple):
    """An account that is long from the first price on."""

    name: str
    lots: int  # Of one coin each.
    cash_dollars: int


class KeeperPlan(NamedTuple):
    """A keeper before it has an account; `terms.account` is filled in."""

    name: str
    cash_dollars: int
    terms: Keeper


class Congestion(NamedTuple):
    """Blocks in which everybody else offers so many times the usual for gas."""

    first: int
    last: int
    factor: int


class VaultRow(NamedTuple):
    """What became of one vault. [numeraire atoms, where it is an amount]"""

    name: str
    lots: int  # At the start.
    sold: int  # Lots that keepers took.
    worth: int  # What they were worth at the mark when taken.
    brought: int
    equity: int  # At the end.
    state: State
    paid_by_others: int  # Fund, winners, or nobody: what the account owed and could not pay.


class BlockRow(NamedTuple):
    """One block."""

    number: int
    price: int
    base_fee: int
    gas_used: int
    auctions: int  # Open after it.


class World(NamedTuple):
    """Everything that a run left behind."""

    vaults: tuple[VaultRow, ...]
    failures: tuple[KeeperFailed, ...]
    blocks: tuple[BlockRow, ...]
    counts: dict[str, int]  # Effects by tag.
    gas_paid: dict[str, int]  # By keeper, wei.
    engine: Engine
    effects: tuple[Effects, ...]


NO_CONGESTION = Congestion(0, -1, 1)
VAULTS = tuple(Vault(f"vault {n}", 50, 1_000 + 250 * n) for n in range(6))
KEEPERS = (
    # Never pays more than thrice the usual for gas: in the way of the stock software of that day.
    KeeperPlan("steady", 200_000, Keeper(-1, 30 * GWEI, 5 * ONE)),
    # Pays anything for gas, brings little, and bids the least that leads.
    KeeperPlan("opportunist", 300, Keeper(-1, 2_000 * GWEI, 5 * ONE, bids_least=True)),
)


def march_2020(blocks: int, fall: int = 120) -> tuple[int, ...]:
    """Price atoms by block: 193 dollars, down to 113 over `fall` blocks, and there it stays."""
    return tuple((193 - min(80, 80 * block // fall)) * ONE for block in range(blocks))


def world(
    exits: str,
    *,
    path: Sequence[int],
    vaults: Sequence[Vault] = VAULTS,
    keepers: Sequence[KeeperPlan] = KEEPERS,
    congestion: Congestion = NO_CONGESTION,
    block_ms: int = 13_000,
    price_every: int = 5,
    usual_gwei: int = 10,
    fund_dollars: int = 0,
    seed: int = 20_200_312,
) -> World:
    """Run vaults, keepers and blocks along a path of prices, one for each block.

    `exits` is rulebook text that is put after the rules above, such as `[exits.ETH]` with its keys
    and `[auctions]`. After every event the engine's own check is made.
    """
    run = _Run(exits, path[0], vaults, keepers, fund_dollars, seed)
    pool, base_fee = Mempool(), usual_gwei * GWEI
    blocks = []
    for number, price in enumerate(path):
        now_ms = START_MS + (number + 1) * block_ms
        if number % price_every == 0:
            run.send(_priced(now_ms, price))
        pool = run.look(number, pool, Gas(base_fee, price))
        factor = congestion.factor if congestion.first <= number <= congestion.last else 1
        pool, block = build(
            pool, base_fee, GAS_LIMIT, others(number, usual_gwei * GWEI * factor, seed)
        )
        for sent in block.included:
            if sent.sender >= 0:
                run.included(number, sent, block.base_fee, now_ms)
        auctions = len(run.engine.venue.offers.open)
        blocks.append(BlockRow(number, price, base_fee, block.gas_used, auctions))
        base_fee = block.next_base_fee
    return run.result(tuple(blocks))


def others(block: int, usual: int, seed: int) -> list[Transaction]:
    """Everybody else: offers spread from nothing to twice the usual, so half of a block is full.

    Then the base fee settles where half of them are left out, at the usual.
    """
    index = np.arange(block * OTHERS, (block + 1) * OTHERS)
    share = uniform(seed, _TRAFFIC, index).tolist()
    size = GAS_LIMIT // OTHERS
    spread = [int(usual * (place + part) * 2 / OTHERS) + 1 for place, part in enumerate(share)]
    return [
        Transaction(-1 - place, 0, size, most, max(1, most // 20), block)
        for place, most in enumerate(spread)
    ]


def told(result: World) -> str:
    """The table of a run: a line for each vault, then why keepers failed."""
    head = f"{'account':<12}{'lots':>6}{'taken':>7}{'worth':>12}{'brought':>12}"
    lines = [head + f"{'equity':>12}{'others pay':>12}  state"]
    for row in result.vaults:
        amounts = "".join(
            f"{amount / ONE:>12,.2f}"
            for amount in (row.worth, row.brought, row.equity, row.paid_by_others)
        )
        lines.append(f"{row.name:<12}{row.lots:>6}{row.sold:>7}{amounts}  {row.state.name.lower()}")
    counts = Counter(failure.reason for failure in result.failures)
    told_counts = ", ".join(f"{one.name.lower()} {counts[one]}" for one in Failure if counts[one])
    lines.append(f"keepers failed: {told_counts or 'never'}")
    return "\n".join(lines)


class _Run:
    """The engine and what the driver remembers beside it."""

    def __init__(
        self,
        exits: str,
        price: int,
        vaults: Sequence[Vault],
        keepers: Sequence[KeeperPlan],
        fund_dollars: int,
        seed: int,
    ) -> None:
        self.engine, self.seed, self.vaults = Engine(), seed, vaults
        self.effects: list[Effects] = []
        self.failures: dict[tuple[int, int, Failure], KeeperFailed] = {}
        self.first_seen: dict[int, int] = {}
        self.sent: dict[tuple[int, int], int] = {}  # Nonce by keeper and auction.
        self.worth: dict[int, list[int]] = {}  # By account: lots, worth at mark, brought.
        names = (*(one.name for one in vaults), *(one.name for one in keepers), "street")
        start = {"time_ms": START_MS}
        self.send(Started(**start, rulebook=read(RULES + exits).canonical()))
        self.send(Listed(**start, instruments=(ETHER,)))
        self.send(Opened(**start, names=names, methods=("cross",) * len(names)))
        number = self.engine.account
        self.keepers = [one.terms._replace(account=number(one.name)) for one in keepers]
        self.names = {number(one.name): one.name for one in keepers}
        self.gas_paid = dict.fromkeys(self.names.values(), 0)
        deposits = [(number(one.name), one.cash_dollars) for one in vaults]
        deposits += [(number(one.name), one.cash_dollars) for one in keepers]
        deposits += [(number("street"), 10**9), (INSURANCE_FUND, fund_dollars)]
        for account, dollars in deposits:
            if dollars:
                atoms = dollars * 10**6
                self.send(Deposited(**start, account=account, coin=CASH, atoms=atoms))
        self.send(_priced(START_MS, price))
        for one in vaults:
            self.send(
                Traded(
                    **start,
                    instrument=0,
                    buyer=number(one.name),
                    seller=number("street"),
                    lots=one.lots,
                    price=price,
                )
            )

    def send(self, event: Event) -> tuple[Effects, ...]:
        """One event; orders that it wants find an empty book."""
        effects = self.engine.apply(event)
        self.engine.check()
        self.effects.extend(effects)
        for effect in effects:
            if isinstance(effect, ExitFilled):
                self._count(effect)
            elif isinstance(effect, OrderWanted):
                self.send(Filled(time_ms=event.time_ms, order=effect.order, lots=0, price=0))
        return effects

    def look(self, block: int, pool: Mempool, gas: Gas) -> Mempool:
        """Every keeper looks at every auction that it knows of, and may send or replace."""
        for offered in open_offers(self.engine):
            seen = self.first_seen.setdefault(offered.number, block)
            for keeper in self.keepers:
                if block - seen >= keeper.latency_blocks:
                    pool = self._act(block, pool, gas, keeper, offered.number)
        return pool

    def included(self, block: int, sent: Transaction, base_fee: int, now_ms: int) -> None:
        """A keeper's transaction is in a block: the gas is spent, whatever the engine says."""
        event = sent.content
        assert isinstance(event, Event)
        effects = self.send(_at(event, now_ms))
        price = base_fee + sent.tip(base_fee)
        self.gas_paid[self.names[sent.sender]] += sent.gas * price
        auction = int(getattr(event, "auction", 0))
        self.sent.pop((sent.sender, auction), None)
        if effects and isinstance(effects[0], Refused):
            late = effects[0].reason in (
                Reason.UNKNOWN_AUCTION, Reason.TOO_LATE, Reason.BID_TOO_LOW,
            )  # fmt: skip
            failure = Failure.LATE if late else Failure.REVERTED
            self._fail(block, sent.sender, auction, failure, effects[0].reason.value)

    def result(self, blocks: tuple[BlockRow, ...]) -> World:
        """What is left, account by account."""
        rows = [self._row(one) for one in self.vaults]
        counts = Counter(str(one.__struct_config__.tag) for one in self.effects)
        return World(
            tuple(rows), tuple(self.failures.values()), blocks, dict(counts), self.gas_paid,
            self.engine, tuple(self.effects),
        )  # fmt: skip

    def _act(self, block: int, pool: Mempool, gas: Gas, keeper: Keeper, auction: int) -> Mempool:
        number = self.sent.get((keeper.account, auction))
        waits = [one for one in pool.of(keeper.account) if one.nonce == number]
        if waits and waits[0].fee_max >= gas.base_fee:
            return pool
        if waits:
            self._fail(block, keeper.account, auction, Failure.UNDERPRICED)
            if not keeper.raises or waits[0].fee_max * 11 // 10 + 1 > keeper.gas_price_max:
                return pool
        wanted = wish(self.engine, keeper, self.engine.venue.offers.open[auction], self.seed)
        if wanted is None:
            return pool
        if isinstance(wanted, Failure):
            self._fail(block, keeper.account, auction, wanted)
            return pool
        fees = offer_of_gas(keeper, wanted, gas)
        if isinstance(fees, Failure):
            self._fail(block, keeper.account, auction, fees)
            return pool
        most, tip = fees
        if waits:  # A replacement must offer a tenth more in both.
            most = max(most, waits[0].fee_max * 11 // 10 + 1)
            tip = max(tip, waits[0].tip_max * 11 // 10 + 1)
        nonce = number if waits and number is not None else self._nonce(pool, keeper.account)
        sent = Transaction(
            keeper.account, nonce, keeper.gas, most, min(tip, most), block, wanted.event
        )
        pool, rejected = submit(pool, sent)
        if rejected is None:
            self.sent[keeper.account, auction] = nonce
        if most < gas.base_fee:
            self._fail(block, keeper.account, auction, Failure.UNDERPRICED)
        return pool

    def _nonce(self, pool: Mempool, sender: int) -> int:
        return max((one.nonce + 1 for one in pool.of(sender)), default=pool.nonce(sender))

    def _fail(
        self, block: int, account: int, auction: int, reason: Failure, detail: str = ""
    ) -> None:
        failed = KeeperFailed(block, account, auction, reason, detail)
        self.failures.setdefault((account, auction, reason), failed)

    def _count(self, effect: ExitFilled) -> None:
        sums = self.worth.setdefault(effect.account, [0, 0, 0])
        sums[0] += abs(effect.lots)
        sums[1] += abs(effect.lots) * self.engine.venue.mark(effect.instrument)
        sums[2] += effect.notional

    def _row(self, vault: Vault) -> VaultRow:
        account = self.engine.account(vault.name)
        sold, worth, brought = self.worth.get(account, [0, 0, 0])
        others_paid = sum(
            one.atoms
            if not isinstance(one, Uncovered)
            else self.engine.venue.worth(CASH, one.atoms)
            for one in self.effects
            if isinstance(one, FundPaid | LossShared | Uncovered) and one.account == account
        )
        return VaultRow(
            vault.name, vault.lots, sold, worth, brought,
            self.engine.venue.judge(account).equity,
            State(int(self.engine.venue.status[account])), others_paid,
        )  # fmt: skip


ETHER = Instrument(
    id="ETH/USDC:USDC", type="perpetual", base="ETH", quote="USDC", settle="USDC",
    lot=10**8, tick=ONE // 100,
)  # fmt: skip


def _priced(now_ms: int, price: int) -> Priced:
    return Priced(
        time_ms=now_ms, price=((CASH, ONE), (COIN, price)), mark=((0, price),), depth=((0, 0, 0),)
    )


def _at(event: Event, now_ms: int) -> Event:
    changed: Event = msgspec.structs.replace(event, time_ms=now_ms)
    return changed
