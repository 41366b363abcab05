"""What many ask at once is what each would be told alone, and a long question holds nobody up."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from seawall.service.client import AsyncClient, Client, requests
from seawall.service.words.wire import Supposed, SupposedTrade

BTC = "BTC/USDC:USDC"
CHANGES = [
    Supposed(moves={"BTC": "-10%"}),
    Supposed(moves={"BTC": "+25%", "ETH": "-5%"}),
    Supposed(moves={"BTC": "-10%"}, volatility="+10%"),
    Supposed(trades=(SupposedTrade(instrument=BTC, quantity="0.05"),)),
    Supposed(deposits={"USDC": "100"}, moves={"BTC": "-50%"}),
]


@pytest.fixture(scope="module")
def served(start: Callable[..., Any], born: Callable[[Client], None]) -> Any:
    served = start().ready()
    with served.client() as client:
        born(client)
        for coin, size in (("BTC", "0.4"), ("ETH", "0.2"), ("SOL", "0.2"), ("XRP", "0.2")):
            client.send(requests.trade(f"{coin}/USDC:USDC", "carol", "bob", size, "60000"))
    return served


def asked(count: int) -> list[tuple[str, Supposed]]:
    dice = random.Random(5)
    return [(dice.choice(["alice", "bob", "carol"]), dice.choice(CHANGES)) for _ in range(count)]


def test_many_what_ifs_at_once_are_those_asked_one_by_one(served: Any) -> None:
    many = asked(150)

    async def at_once() -> list[Any]:
        async with AsyncClient(served.url) as client:
            return await asyncio.gather(
                *(client.send(requests.what_if(name, change)) for name, change in many)
            )

    with served.client() as client:
        for price in ("60000", "57000"):  # The same moves from other prices are other markets.
            client.send(requests.tell_prices({"BTC": price}, {BTC: price}))
            alone = [client.send(requests.what_if(*one)) for one in many]
            assert asyncio.run(at_once()) == alone
            bulk = client.send(requests.what_if_many(many)).answers
            assert [answer.shown for answer in bulk] == alone
            fallen = client.send(requests.what_if("alice", CHANGES[0]))
            # alice: 1,000 + 0.1 · (P − 60,000), at nine tenths of P.
            assert Decimal(fallen.after.equity) == 1000 + Decimal("0.1") * (
                Decimal(price) * 9 / 10 - 60_000
            )
            assert Decimal(fallen.after.maintenance) == Decimal(price) * 9 / 10 / 200


def test_a_long_question_lets_commands_pass_and_sees_one_moment(served: Any) -> None:
    told: list[dict[str, Any]] = []
    ended = threading.Event()

    def ask() -> None:
        try:
            with served.client() as client:
                for _ in range(3):
                    told.append(client.send(requests.liquidation_prices("carol")))
        finally:
            ended.set()

    with served.client() as client:
        first = client.send(requests.liquidation_prices("carol"))
        asking = threading.Thread(target=ask)
        asking.start()
        passed = 0
        while not ended.is_set():
            client.send(requests.deposit("bob", "USDC", "1"))
            passed += 1
        asking.join()
    # Had each question held the writer, one deposit would have passed between two of them.
    assert passed > 2 * len(told)
    assert len(told) == 3
    for one in told:  # Nothing of carol's changed.
        assert one["crossings"] == first["crossings"]
        assert one["now"] == first["now"]
    # Each is of the moment at which it was asked, and the deposits went on after it.
    sequences = [one["sequence"] for one in told]
    assert sequences == sorted(sequences)
    assert first["sequence"] <= sequences[0]
    # carol: 20,000 + 0.4 · (P − 60,000) = 5 % of 0.4 · P + 36,000, so P = 5,800 ÷ 0.38.
    called = next(
        one
        for one in first["crossings"]
        if (one["of"], one["line"], one["direction"]) == ("BTC", "called", "down")
    )
    assert abs(Decimal(called["at"]) - Decimal(5800) / Decimal("0.38")) < Decimal("0.001")
