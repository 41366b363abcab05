"""A custodian's statement beside the ledger: differences, ages, tolerances and suspense.

The ledger has alice 1,000 USDC and 2 BTC, bob 500 USDC. The custodian says alice 990.5 USDC and
2.00000003 BTC, bob 500 USDC: alice differs by −9.5 USDC and by 3 satoshi.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine import Engine, State
from seawall.engine.effect import Effects, Reason, Refused, Suspended
from seawall.engine.event import Deposited, Event, Opened, Priced, Reconciled, Started, Withdrawn
from seawall.engine.repair.reconciliation import (
    Difference,
    Item,
    Row,
    Statement,
    StatementError,
    differences,
    open_items,
    posting,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state.memory import NO_METHOD

RULES = """
format = 1
name = "reconciled"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
operators = ["ada", "grace"]
margin.cross = { method = "tiered", brackets.BTC = [
  { above = 0, initial = 0.1, maintenance = 0.05 },
] }
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
NOW = 1_767_225_600_000
DAY_MS = 86_400_000
USDC, BTC = 0, 1
ALICE, BOB = 6, 7
SUSPENSE = 8
OPERATORS = ("ada", "grace")


def usdc(text: str) -> int:
    return int(Decimal(text) * 10**6)


class Venue:
    """An engine, and every `Reconciled` that it took."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.history: list[tuple[int, Reconciled]] = []
        self.send(Started(time_ms=NOW, rulebook=read(RULES).canonical()))
        self.send(Opened(time_ms=NOW, names=("alice", "bob"), methods=("cross", "cross")))
        for account, coin, atoms in (
            (ALICE, USDC, usdc("1000")), (ALICE, BTC, 2 * 10**8), (BOB, USDC, usdc("500")),
        ):  # fmt: skip
            self.send(Deposited(time_ms=NOW, account=account, coin=coin, atoms=atoms))

    def send(self, event: Event) -> tuple[Effects, ...]:
        effects = self.engine.apply(event)
        self.engine.check()
        if isinstance(event, Reconciled):
            self.history.append((self.engine.sequence, event))
        return effects

    def fork(self) -> Engine:
        return Engine.restore(self.engine.dump())


def statement(*rows: tuple[str, str, str], as_of_ms: int = NOW) -> Statement:
    return Statement("custodian", as_of_ms, tuple(Row(*row) for row in rows))


SAID = (
    ("alice", "USDC", "990.5"),
    ("alice", "BTC", "2.00000003"),
    ("bob", "USDC", "500"),
)


def test_differences_are_listed_with_their_size_and_tolerance() -> None:
    venue = Venue()
    found = differences(venue.engine, statement(*SAID), {BTC: 5}, [])
    assert found == [
        Difference(ALICE, USDC, usdc("1000"), usdc("990.5"), NOW, 0),
        Difference(ALICE, BTC, 2 * 10**8, 2 * 10**8 + 3, NOW, 5),
    ]
    assert [(one.quantity, one.is_beyond) for one in found] == [(-usdc("9.5"), True), (3, False)]


def test_what_a_statement_names_and_does_not_list_is_zero() -> None:
    found = differences(Venue().engine, statement(SAID[0], SAID[1], ("bob", "BTC", "1")), {}, [])
    assert (BOB, USDC, -usdc("500")) in [(d.account, d.asset, d.quantity) for d in found]


def test_a_posting_moves_the_difference_to_suspense_and_twice_posts_nothing() -> None:
    venue = Venue()
    then = venue.fork()
    # Time goes on before anybody reads the statement; it does not change the difference.
    venue.send(Deposited(time_ms=NOW + 1, account=ALICE, coin=USDC, atoms=usdc("7")))
    said = statement(*SAID)
    found = differences(then, said, {BTC: 5}, venue.history)
    event = posting(said, found, NOW + 2, OPERATORS, venue.history)
    assert event is not None
    assert event.posted == ((ALICE, USDC, -usdc("9.5"), NOW),)
    assert event.noted == ((ALICE, BTC, 3, NOW),)
    effects = venue.send(event)
    assert effects == (Suspended(account=ALICE, asset=USDC, quantity=-usdc("9.5"), since_ms=NOW),)
    assert venue.engine.names[SUSPENSE] == "suspense"
    assert venue.engine.ledger.rows(SUSPENSE) == [(USDC, usdc("9.5"))]
    assert venue.engine.ledger.balance(ALICE, USDC) == usdc("997.5")
    again = differences(then, said, {BTC: 5}, venue.history)
    assert [one.asset for one in again] == [BTC]
    assert posting(said, again, NOW + 3, OPERATORS, venue.history) is None
    assert open_items(venue.history) == [Item(ALICE, USDC, -usdc("9.5"), NOW)]


def test_a_difference_ages_until_it_goes_or_turns_round() -> None:
    venue = Venue()
    tolerances = {USDC: usdc("10"), BTC: 5}
    for day, asked in ((0, NOW), (1, NOW), (2, NOW + 2 * DAY_MS)):
        # On the third day the custodian has too much instead of too little.
        amount = "990.5" if day < 2 else "1003"
        said = statement(("alice", "USDC", amount), as_of_ms=NOW + day * DAY_MS)
        (one,) = differences(venue.engine, said, tolerances, venue.history)
        assert (one.since_ms, one.is_beyond) == (asked, False)
        event = posting(said, [one], said.as_of_ms, OPERATORS, venue.history)
        if day == 1:
            assert event is None  # Nothing new to note.
        else:
            assert event is not None
            assert venue.send(event) == ()
    agreed = statement(("alice", "USDC", "1000"), as_of_ms=NOW + 3 * DAY_MS)
    assert differences(venue.engine, agreed, tolerances, venue.history) == []
    event = posting(agreed, [], agreed.as_of_ms, OPERATORS, venue.history)
    assert event is not None  # That it is gone is news: the next one is young again.
    venue.send(event)
    back = statement(("alice", "USDC", "1003"), as_of_ms=NOW + 4 * DAY_MS)
    (one,) = differences(venue.engine, back, tolerances, venue.history)
    assert one.since_ms == NOW + 4 * DAY_MS
    assert len(venue.engine.names) == SUSPENSE  # Nothing was ever posted: no suspense account.


def test_suspense_gives_back_what_a_later_statement_explains() -> None:
    venue = Venue()
    first = statement(("alice", "USDC", "990.5"))
    for said in (first, statement(("alice", "USDC", "1000"), as_of_ms=NOW + DAY_MS)):
        found = differences(venue.engine, said, {}, venue.history)
        event = posting(said, found, said.as_of_ms, OPERATORS, venue.history)
        assert event is not None
        venue.send(event)
    assert open_items(venue.history) == []
    assert venue.engine.ledger.rows(SUSPENSE) == []


def test_nobody_deals_with_suspense() -> None:
    venue = Venue()
    venue.send(Priced(time_ms=NOW, price=((USDC, 10**10), (BTC, 10**10))))
    said = statement(("alice", "USDC", "990.5"))
    event = posting(said, differences(venue.engine, said, {}, []), NOW, OPERATORS, [])
    assert event is not None
    venue.send(event)
    assert venue.engine.venue.method[SUSPENSE] == NO_METHOD
    assert State(int(venue.engine.venue.status[SUSPENSE])) is State.CLOSED
    for tried, reason in (
        (Deposited(time_ms=NOW, account=SUSPENSE, coin=USDC, atoms=1), Reason.UNKNOWN_ACCOUNT),
        (Withdrawn(time_ms=NOW, account=SUSPENSE, coin=USDC, atoms=1), Reason.UNKNOWN_ACCOUNT),
        (Opened(time_ms=NOW, names=("suspense",), methods=("cross",)), Reason.NAME_TAKEN),
    ):
        assert [one.reason for one in venue.send(tried) if isinstance(one, Refused)] == [reason]
    assert venue.send(Priced(time_ms=NOW + 1, price=((BTC, 2 * 10**10),))) == ()
    copied = Engine.restore(venue.engine.dump())
    assert copied.state_hash() == venue.engine.state_hash()
    copied.check()


def reconciled(**changed: object) -> Reconciled:
    fields: dict[str, object] = {
        "time_ms": NOW, "statement": "custodian", "as_of_ms": NOW, "first": "ada",
        "second": "grace", "posted": ((ALICE, USDC, 1, NOW),),
    }  # fmt: skip
    return Reconciled(**(fields | changed))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (reconciled(second="ada"), Reason.TWO_OPERATORS_NEEDED),
        (reconciled(second="eve"), Reason.TWO_OPERATORS_NEEDED),
        (reconciled(posted=((8, USDC, 1, NOW),)), Reason.UNKNOWN_ACCOUNT),
        (reconciled(noted=((ALICE, 2, 1, NOW),)), Reason.UNKNOWN_INSTRUMENT),
        (reconciled(posted=((ALICE, USDC, 0, NOW),)), Reason.AMOUNT_NOT_POSITIVE),
        (reconciled(posted=((ALICE, USDC, 2**63 - 1, NOW),)), Reason.BALANCE_OVERFLOW),
    ],
)
def test_a_reconciliation_is_refused_whole(event: Reconciled, reason: Reason) -> None:
    venue = Venue()
    assert venue.send(event) == (Refused(reason=reason),)
    assert len(venue.engine.names) == SUSPENSE


def test_an_account_that_took_the_name_stands_in_the_way() -> None:
    venue = Venue()
    venue.send(Opened(time_ms=NOW, names=("suspense",), methods=("cross",)))
    assert venue.send(reconciled()) == (Refused(reason=Reason.NAME_TAKEN),)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("carol", "USDC", "1"), "does not know 'carol'"),
        (("alice", "DOGE", "1"), "does not know 'DOGE'"),
        (("alice", "USDC", "0.0000001"), "more than 6 decimals"),
        (("alice", "USDC", "one"), "'one'"),
    ],
)
def test_a_statement_that_cannot_be_read_names_its_row(
    row: tuple[str, str, str], words: str
) -> None:
    with pytest.raises(StatementError, match=r"^\$\.rows\[0\]: .*" + words):
        differences(Venue().engine, statement(row), {}, [])
    with pytest.raises(StatementError, match="listed twice"):
        differences(Venue().engine, statement(SAID[0], SAID[0]), {}, [])


quantities = st.integers(-(10**12), 10**12)


@settings(max_examples=40)
@given(st.lists(st.tuples(quantities, quantities, quantities), min_size=1, max_size=4))
def test_suspense_holds_exactly_what_was_posted_and_the_same_statement_posts_once(
    days: list[tuple[int, int, int]],
) -> None:
    venue = Venue()
    for day, said_atoms in enumerate(days):
        keys = (("alice", "USDC", 6), ("alice", "BTC", 8), ("bob", "USDC", 6))
        said = statement(
            *(
                (name, asset, str(Decimal(atoms).scaleb(-decimals)))
                for (name, asset, decimals), atoms in zip(keys, said_atoms, strict=True)
            ),
            as_of_ms=NOW + day * DAY_MS,
        )
        then = venue.fork()
        found = differences(then, said, {}, venue.history)
        event = posting(said, found, said.as_of_ms, OPERATORS, venue.history)
        if event is not None:
            venue.send(event)
        assert differences(then, said, {}, venue.history) == []
        assert differences(venue.engine, said, {}, venue.history) == []
        assert posting(said, [], said.as_of_ms, OPERATORS, venue.history) is None
        for asset in (USDC, BTC):
            items = [one.quantity for one in open_items(venue.history) if one.asset == asset]
            held = (
                venue.engine.ledger.balance(SUSPENSE, asset)
                if len(venue.engine.names) > SUSPENSE
                else 0
            )
            assert held == -sum(items)
