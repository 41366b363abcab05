"""The smallest machine that has a journal: balances, a refusal, a chain and a dump."""

from __future__ import annotations

import hashlib
import json
import random

from seawall.engine.codec import GENESIS, encode_effects, encode_event, link
from seawall.engine.effect import Effect, Reason, Refused
from seawall.engine.event import Deposited, Event, Withdrawn
from seawall.engine.history.journal import Checkpoint, Entry


class Counter:
    def __init__(self) -> None:
        self.sequence = 0
        self.chain = GENESIS
        self.balance: dict[int, int] = {}

    def apply(self, event: Event) -> tuple[Effect, ...]:
        effects: tuple[Effect, ...] = ()
        if isinstance(event, Deposited):
            self.balance[event.account] = self.balance.get(event.account, 0) + event.atoms
        elif isinstance(event, Withdrawn):
            if self.balance.get(event.account, 0) < event.atoms:
                effects = (Refused(reason=Reason.INSUFFICIENT_MARGIN, account=event.account),)
            else:
                self.balance[event.account] -= event.atoms
        self.sequence += 1
        self.chain = link(self.chain, encode_event(event), encode_effects(effects))
        return effects

    def dump(self) -> bytes:
        rows = sorted(self.balance.items())
        return json.dumps([self.sequence, self.chain.hex(), rows]).encode()

    @classmethod
    def load(cls, blob: bytes) -> Counter:
        counter = cls()
        counter.sequence, chain, rows = json.loads(blob)
        counter.chain = bytes.fromhex(chain)
        counter.balance = dict(rows)
        return counter

    def state_hash(self) -> str:
        return hashlib.sha256(self.dump()).hexdigest()

    def entry(self, event: Event) -> Entry:
        """Apply an event and return the row that a journal keeps of it."""
        self.apply(event)
        return Entry(self.sequence, event.time_ms, encode_event(event), self.chain)

    def batch(self, size: int) -> list[Entry]:
        """Events that depend on nothing but the sequence number."""
        entries = []
        for _ in range(size):
            dice = random.Random(self.sequence)
            kind = dice.choice((Deposited, Deposited, Withdrawn))
            event = kind(
                time_ms=1_700_000_000_000 + self.sequence,
                account=dice.randrange(6, 12),
                coin=0,
                atoms=dice.randrange(1, 10**12),
            )
            entries.append(self.entry(event))
        return entries

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.sequence, self.chain, self.state_hash(), self.dump())
