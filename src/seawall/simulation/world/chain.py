"""Keepers of a venue with auctions: one block for each step, gas that is dear when it is needed.

What a keeper wants is `simulation.keepers`, how it gets through is `simulation.mempool`; here is
only when they look, and what everybody else pays: more, the more volatile the first book is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from seawall.engine.effect import Refused
from seawall.engine.event import Event
from seawall.money import RATIO_ONE
from seawall.simulation.auction_world import GAS_LIMIT, others
from seawall.simulation.keepers import (
    GWEI,
    Failure,
    Gas,
    Keeper,
    Wish,
    offer_of_gas,
    open_offers,
    wish,
)
from seawall.simulation.mempool import Mempool, Transaction, build, submit
from seawall.simulation.world.book import ONE
from seawall.simulation.world.door import Door
from seawall.simulation.world.rules import parts
from seawall.simulation.world.scenario import KeeperChoice


class Chain:
    """The blocks of one venue and the keepers in them."""

    def __init__(self, door: Door, keepers: Sequence[KeeperChoice], seed: int) -> None:
        self.door, self.seed = door, seed
        self.keepers = [
            (
                one.latency_steps,
                Keeper(
                    door.engine.account(one.name),
                    one.gas_gwei_max * GWEI,
                    int(one.profit_least * ONE),
                    one.latency_steps,
                    one.discount,
                ),
            )
            for one in keepers
        ]
        self.racers = frozenset(
            keeper.account
            for one, (_, keeper) in zip(keepers, self.keepers, strict=True)
            if one.races
        )
        self.unload = [parts(one.unload) for one in keepers]
        self.pool = Mempool()
        self.base_fee = door.choice.chain.usual_gwei * GWEI
        self.peak_fee = self.base_fee
        self.first_seen: dict[int, int] = {}
        self.waits: set[tuple[int, int]] = set()  # (account, auction)
        self.failures: Counter[str] = Counter()
        self.taken = 0

    def act(self, step: int) -> None:
        """Keepers look and send, a block is built, and what is in it happens."""
        if not self.keepers:
            return
        terms = self.door.choice.chain
        gas = Gas(self.base_fee, int(terms.ether_price * ONE))
        for offered in open_offers(self.door.engine):
            seen = self.first_seen.setdefault(offered.number, step)
            for latency, keeper in self.keepers:
                if step - seen >= latency and keeper.account not in self.racers:
                    self._send(step, keeper, offered.number, gas)
            for _, keeper in self.keepers:
                if keeper.account in self.racers:
                    self._race(step, keeper, offered.number)
        crowd = others(step, terms.usual_gwei * GWEI * self._crowding() // RATIO_ONE, self.seed)
        self.pool, block = build(self.pool, self.base_fee, GAS_LIMIT, crowd)
        self.base_fee = block.next_base_fee
        self.peak_fee = max(self.peak_fee, self.base_fee)
        for sent in block.included:
            if sent.sender >= 0:
                self._included(sent)
        for (_, keeper), share in zip(self.keepers, self.unload, strict=True):
            self._unload(keeper.account, share, step)

    def memory(self) -> list[int]:
        """What the chain has become, for a hash."""
        return [self.base_fee, self.taken, len(self.pool.waiting)]

    def _crowding(self) -> int:
        """1 + crowding · (volatility ÷ calm − 1), never below 1, parts per billion."""
        terms = self.door.choice.chain
        volatility = self.door.books[next(iter(self.door.choice.books.values()))].volatility
        beyond = max(0, volatility * RATIO_ONE // max(1, parts(terms.calm)) - RATIO_ONE)
        return RATIO_ONE + beyond * parts(terms.crowding) // RATIO_ONE

    def _unload(self, account: int, share: int, step: int) -> None:
        """Sell on the book a share of what was taken, at least a lot."""
        door = self.door
        for asset, held in door.engine.venue.open_contracts(account):
            lots = max(1, abs(held) * share // RATIO_ONE) if share else 0
            if lots:
                number = door.catalogue.assets[asset].instrument
                door.trade(account, number, -lots if held > 0 else lots, step)

    def _send(self, step: int, keeper: Keeper, auction: int, gas: Gas) -> None:
        if (keeper.account, auction) in self.waits:
            return
        offered = self.door.engine.venue.offers.open[auction]
        wanted = wish(self.door.engine, keeper, offered, self.seed)
        if wanted is None:
            return
        fees = wanted if isinstance(wanted, Failure) else offer_of_gas(keeper, wanted, gas)
        if isinstance(wanted, Failure) or isinstance(fees, Failure):
            assert isinstance(fees, Failure), "a wish that failed offers nothing"
            self.failures[fees.name.lower()] += 1
            return
        self._wait(step, keeper, wanted.event, fees)

    def _race(self, step: int, keeper: Keeper, auction: int) -> None:
        """Want what another would get in this block, and offer more gas for it than he does."""
        rivals = [
            one
            for one in self.pool.waiting
            if getattr(one.content, "auction", 0) == auction and one.tip(self.base_fee) >= 0
        ]
        if (keeper.account, auction) in self.waits or not rivals:
            return
        offered = self.door.engine.venue.offers.open[auction]
        wanted = wish(self.door.engine, keeper, offered, self.seed)
        most, tip = (
            max(column) + GWEI for column in zip(*[one[3:5] for one in rivals], strict=True)
        )
        if isinstance(wanted, Wish) and most <= keeper.gas_price_max:
            self._wait(step, keeper, wanted.event, (most, tip))

    def _wait(self, step: int, keeper: Keeper, event: Event, fees: tuple[int, int]) -> None:
        """Send a transaction; until it is included nothing else is sent for that auction."""
        waiting = self.pool.of(keeper.account)
        nonce = max((one.nonce + 1 for one in waiting), default=self.pool.nonce(keeper.account))
        sent = Transaction(keeper.account, nonce, keeper.gas, fees[0], fees[1], step, event)
        self.pool, rejected = submit(self.pool, sent)
        if rejected is None:
            self.waits.add((keeper.account, int(getattr(event, "auction", 0))))

    def _included(self, sent: Transaction) -> None:
        event = sent.content
        assert isinstance(event, Event), "a keeper's transaction holds an event"
        auction = int(getattr(event, "auction", 0))
        self.waits.discard((sent.sender, auction))
        now = self.door.engine.time_ms
        effects = self.door.send(msgspec.structs.replace(event, time_ms=now))
        if effects and isinstance(effects[0], Refused):
            self.failures[effects[0].reason.value] += 1
        else:
            self.taken += 1
