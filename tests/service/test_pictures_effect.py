"""What another rulebook would do, before it holds: on the napkin's venue, and as a law.

The law: whoever the effect says changes state, and nobody else, changes it so when the same rules
are activated in earnest on an engine whose liquidation orders nobody answers.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine
from seawall.engine.effect import State
from seawall.engine.event import Deposited, Listed, Opened, Priced, RulesChanged, Started, Traded
from seawall.engine.rules.rulebook import read
from seawall.market import Instrument
from seawall.service.client import Client
from seawall.service.shown.effect_of_rules import copied, effect_of
from seawall.service.turns import Turns

BTC = "BTC/USDC:USDC"
HALF = "BTC = [{ above = 0, initial = 0.1, maintenance = 0.05 }]"


def test_rules_are_tried_on_the_live_book_and_nothing_of_it_changes(
    start: Callable[..., Any], born: Callable[[Client], None], rules: str
) -> None:
    served = start().ready()
    with served.client() as client:
        born(client)
    # alice: notional 6,000 at 20 % is 1,200 of maintenance against 1,000; bob has a million.
    stricter = rules.replace(HALF, "BTC = [{ above = 0, initial = 0.25, maintenance = 0.2 }]")
    stricter = stricter.replace("2026-01-01.1", "2026-01-02.1")
    with httpx.Client(base_url=served.url, trust_env=False, timeout=30.0) as http:
        before = http.get("/v1/venue").json()
        told = http.post("/v1/rulebook/effect", json={"toml": stricter}).json()
        assert http.get("/v1/venue").json() == before
        bad = http.post("/v1/rulebook/effect", json={"toml": "format = 1"})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_rulebook")
    assert (told["fits"], told["accounts"], told["changed"], told["liquidated"]) == (True, 5, 1, 1)
    assert (told["called"], told["call_amount"]) == (0, "0")
    assert told["moves"] == [{"before": "healthy", "after": "liquidating", "accounts": 1}]
    (alice,) = told["affected"]
    assert (alice["account"], alice["call"]) == ("alice", "500")  # 25 % of 6,000, less 1,000.
    verdict = alice["after"]["verdict"]
    assert (verdict["initial"], verdict["maintenance"]) == ("1500", "1200")
    assert alice["before"]["verdict"]["maintenance"] == "300"
    totals = told["totals"]
    assert [totals[side]["initial"] for side in ("before", "after")] == ["1200", "3000"]
    assert [totals[side]["maintenance"] for side in ("before", "after")] == ["600", "2400"]
    assert {one["account"] for one in told["top"]} == {"alice", "bob"}
    assert told["changes"][0]["key"] == "$.version"
    assert Decimal(totals["within"]) < Decimal("0.01")


@pytest.fixture(scope="module")
def plain(rules: str) -> str:
    """The same rules without a coin that only its oracle prices."""
    return rules.partition("[oracle.LINK]")[0]


def test_rules_of_other_coins_do_not_fit(plain: str) -> None:
    engine = _engine(plain, [("cross", 1000, 10)])
    other = plain.replace('{ id = "XRP", decimals = 6 }', '{ id = "XRP", decimals = 7 }')
    assert effect_of(copied(engine), read(other), Turns())["fits"] is False


@settings(max_examples=25, deadline=None)
@given(
    accounts=st.lists(
        st.tuples(
            st.sampled_from(["cross", "patient"]), st.integers(50, 4000), st.integers(-60, 60)
        ),
        min_size=1,
        max_size=8,
    ),
    fall=st.integers(-20, 20),
    initial=st.integers(2, 90),
    maintenance=st.integers(1, 90),
    grace_ms=st.sampled_from([0, 600_000]),
)
def test_the_effect_is_what_then_happens(
    plain: str,
    accounts: list[tuple[str, int, int]],
    fall: int,
    initial: int,
    maintenance: int,
    grace_ms: int,
) -> None:
    engine = _engine(plain, accounts)
    price = 60_000 * 10**10 * (100 + fall) // 100
    engine.apply(Priced(time_ms=3, price=((1, price),), mark=((0, price),)))
    if any(need < 0 for need in engine.requirement()[1].equity.tolist()):
        return  # Who owes more than there is goes down the waterfall at once.
    bracket = f"initial = 0.{max(initial, maintenance):02}, maintenance = 0.{maintenance:02}"
    new = plain.replace(HALF, f"BTC = [{{ above = 0, {bracket} }}]")
    new = new.replace("patient = 600_000", f"patient = {grace_ms}")
    book, before = read(new), engine.venue.status.copy()
    told = effect_of(copied(engine), book, Turns())
    engine.apply(RulesChanged(time_ms=engine.time_ms, rulebook=book.canonical()))
    after = engine.venue.status
    counts: dict[tuple[str, str], int] = {}
    for account in np.flatnonzero(before != after).tolist():
        was, now = (State(int(s[account])).name.lower() for s in (before, after))
        counts[was, now] = counts.get((was, now), 0) + 1
    assert {(m["before"], m["after"]): m["accounts"] for m in told["moves"]} == counts
    for one in told["affected"]:
        number = engine.account(one["account"])
        need = engine.venue.judge(number)
        assert Decimal(one["after"]["verdict"].maintenance) * 10**10 == need.maintenance
        assert one["after"]["status"] == State(int(after[number])).name.lower()


def _engine(rules: str, accounts: list[tuple[str, int, int]]) -> Engine:
    """A venue in which each account has so many dollars and thousandths of BTC against a rich one.

    A trade that the margin does not allow is refused, and leaves the account without a position.
    """
    engine = Engine()
    book = read(rules)
    names = tuple(f"a{number}" for number in range(len(accounts)))
    engine.apply(Started(time_ms=1, rulebook=book.canonical()))
    contract = Instrument(
        id=BTC, type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5, tick=10**9
    )
    engine.apply(Listed(time_ms=1, instruments=(contract,)))
    methods = ("cross", *(method for method, _, _ in accounts))
    engine.apply(Opened(time_ms=1, names=("rich", *names), methods=methods))
    price = 60_000 * 10**10
    coins = tuple((coin, price if coin else 10**10) for coin in range(len(book.coins)))
    engine.apply(Priced(time_ms=2, price=coins, mark=((0, price),)))
    rich = engine.account("rich")
    engine.apply(Deposited(time_ms=2, account=rich, coin=0, atoms=10**15))
    for name, (_, dollars, lots) in zip(names, accounts, strict=True):
        account = engine.account(name)
        engine.apply(Deposited(time_ms=2, account=account, coin=0, atoms=dollars * 10**6))
        buyer, seller = (account, rich) if lots > 0 else (rich, account)
        if lots:
            engine.apply(
                Traded(
                    time_ms=2, instrument=0, buyer=buyer, seller=seller, lots=abs(lots), price=price
                )
            )
    return engine
