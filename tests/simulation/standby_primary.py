"""A venue's process: it waits beside the living primary, takes over when that dies, and goes on.

Each line on stdin starts one such process by fork and prints its number. Commands are a function of
their number; fills answer the orders that a command's effects want, under keys made from both. What
is acknowledged is appended to a file by one write: key, sequence, and a hash of the answer.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

from seawall.engine import Engine
from seawall.engine.codec import encode_effects
from seawall.engine.effect import OrderWanted
from seawall.engine.event import (
    Deposited,
    Event,
    Filled,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.history.journal import Journal, JournalError
from seawall.engine.history.standby import Answer, Primary, Shadow
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument

ONE = 10**10
START_MS = 1_767_225_600_000
USERS = 12
FIRST_USER = 6
RULES = """
format = 1
name = "standby"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.isolated = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.10, maintenance = 0.05 },
] }
liquidation = { order = "largest_notional_first", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip
BIRTH: tuple[Event, ...] = (
    Started(time_ms=START_MS, rulebook=read(RULES).canonical()),
    Listed(time_ms=START_MS, instruments=(PERPETUAL,)),
    Opened(
        time_ms=START_MS,
        names=tuple(f"user{n}" for n in range(USERS)),
        methods=("isolated",) * USERS,
    ),
)


def command(number: int) -> Event:
    """The command of a number; the price falls and rises by a tenth around 60,000."""
    dice = random.Random(number)
    time_ms = START_MS + number
    account = FIRST_USER + dice.randrange(USERS)
    swing = abs(number % 400 - 200)
    price = (54_000 + 60 * swing) * ONE
    kind = number % 4 if number >= 2 * USERS else 1
    if number == 0 or kind == 0:
        return Priced(
            time_ms=time_ms, price=((0, ONE), (1, price)), mark=((0, price),),
            depth=((0, 10_000, 10_000),),
        )  # fmt: skip
    if kind == 1:
        return Deposited(
            time_ms=time_ms, account=account, coin=0, atoms=dice.randrange(1, 2_000 * 10**6)
        )
    if kind == 2:
        return Withdrawn(
            time_ms=time_ms, account=account, coin=0, atoms=dice.randrange(1, 500 * 10**6)
        )
    other = FIRST_USER + (account - FIRST_USER + dice.randrange(1, USERS)) % USERS
    return Traded(
        time_ms=time_ms, instrument=0, buyer=account, seller=other, lots=dice.randrange(1, 200),
        price=price,
    )  # fmt: skip


def serve(primary: Primary, acknowledged: int, first: int) -> None:
    """Do commands from a number on, each with all that follows from it, until death."""
    number = first
    while True:
        event = command(number)
        waiting = [(str(number), event)]
        while waiting:
            key, one = waiting.pop(0)
            answer = primary.submit(one, key)
            acknowledge(acknowledged, key, answer)
            for effect in answer.effects:
                if isinstance(effect, OrderWanted):
                    fill = Filled(
                        time_ms=event.time_ms, order=effect.order, lots=abs(effect.lots),
                        price=effect.limit,
                    )  # fmt: skip
                    waiting.append((f"{number}.{effect.order}", fill))
        number += 1


def acknowledge(descriptor: int, key: str, answer: Answer) -> None:
    digest = hashlib.sha256(encode_effects(answer.effects)).hexdigest()[:16]
    os.write(descriptor, f"{key} {answer.sequence} {digest} {answer.repeated:d}\n".encode())


def last_number(file: Path) -> int:
    """The last command of which anything was acknowledged; a torn line cannot be there."""
    lines = file.read_text().splitlines()
    return int(Decimal(lines[-1].split()[0])) if lines else 0


def live(folder: Path) -> None:
    """Follow the journal, take it over as soon as nobody holds it, and serve."""
    shadow = Shadow(folder / "venue.db")
    while True:
        shadow.poll()
        assert shadow.divergence is None, shadow.divergence
        try:
            primary = shadow.take_over(durability="normal", checkpoint_events=50)
            break
        except JournalError as error:
            if "another process is writing" not in str(error):
                raise
            time.sleep(0.002)
    file = folder / "acknowledged"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    serve(primary, descriptor, max(0, last_number(file) - 2))  # Some of it a second time.


def main(folder: Path) -> None:
    with Journal.create(folder / "venue.db", durability="normal"):
        pass
    with Primary.open(folder / "venue.db", durability="normal") as primary:
        for event in BIRTH:
            primary.submit(event)
    (folder / "acknowledged").touch()
    warm = Engine()  # What is compiled now is compiled for every child.
    for event in (*BIRTH, *map(command, range(60))):
        warm.apply(event)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The dead are buried at once.
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                live(folder)
            finally:
                os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
