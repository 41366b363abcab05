"""Why an event is refused: one sentence for each reason, from the first that is told to the last.

Each event of the table is wrong in one way; those of the second table are wrong in several ways,
and the reason that stands higher in `Reason` is told. A refused event changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import (
    Corrected,
    Deposited,
    Events,
    Filled,
    Funded,
    Listed,
    Loaded,
    Observed,
    Opened,
    Overridden,
    PremiumSeen,
    Priced,
    RulesChanged,
    Settled,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.engine.state import FEES, FIRST_ACCOUNT
from seawall.market import Instrument, VolatilitySlice
from seawall.market.oracle import Report, Status
from seawall.money import ATOMS_MAX

RULES = """
format = 1
name = "refusals"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 },
  { id = "ETH", decimals = 8, deposit_cap = 1_000_000 },
]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC, ETH = range(3)
PERPETUAL, NEW, OPTION, SPOT = range(4)
ALICE, BOB, CAROL = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3)
NOBODY = CAROL + 1

SMILE = VolatilitySlice(
    coin=BTC, expires_ms=NOW + 10**9, forward_ratio=10**9, discount=10**9,
    a=8 * 10**6, b=0, rho=0, m=0, sigma=10**8, years=32 * 10**6,
)  # fmt: skip


def instrument(id: str, type: str, **terms: object) -> Instrument:
    fixed = {"base": "BTC", "quote": "USDC", "settle": "USDC", "lot": 10**5, "tick": ONE // 10}
    return Instrument(id=id, type=type, **(fixed | terms))


LISTINGS = (
    (instrument("BTC/USDC:USDC", "perpetual"),),
    (instrument("BTC/USDC:USDC-260101", "future", listed_ms=NOW + 10, expires_ms=NOW + 20),),
    (instrument("BTC/USDC:USDC-260112-60000-C", "option", expires_ms=NOW + 10**9,
                strike=60_000 * ONE, right="call"),),
    (instrument("BTC/USDC", "spot"),),
)  # fmt: skip


def rules(old: str = "", new: str = "") -> str:
    assert old in RULES
    return read(RULES.replace(old, new, 1)).canonical()


def started() -> Engine:
    """Alice and bob can trade; carol was called into liquidation and waits for order 1."""
    engine = Engine()
    for event in (
        Started(time_ms=NOW, rulebook=rules()),
        *(Listed(time_ms=NOW, instruments=batch) for batch in LISTINGS),
        Opened(time_ms=NOW, names=("alice", "bob", "carol"), methods=("cross",) * 3),
    ):
        assert engine.apply(event) == ()
    return engine


def opened() -> Engine:
    engine = started()
    for event in (
        *(Deposited(time_ms=NOW, account=who, coin=USDC, atoms=10**9) for who in (ALICE, CAROL)),
        Deposited(time_ms=NOW, account=BOB, coin=USDC, atoms=10**12),
        priced(60_000),
        traded(buyer=CAROL, seller=BOB, lots=100),
    ):
        assert engine.apply(event) == ()
    engine.apply(priced(52_000))
    assert engine.venue.status[CAROL] == State.LIQUIDATING
    assert 1 in engine.venue.orders
    return engine


def priced(dollars: int, time_ms: int = NOW) -> Priced:
    return Priced(
        time_ms=time_ms, price=((USDC, ONE), (BTC, dollars * ONE), (ETH, 3_000 * ONE)),
        mark=((PERPETUAL, dollars * ONE),), depth=((PERPETUAL, 1_000, 1_000),), slices=(SMILE,),
    )  # fmt: skip


def traded(**changed: int) -> Traded:
    fields = {"time_ms": NOW, "instrument": PERPETUAL, "buyer": ALICE, "seller": BOB, "lots": 1,
              "price": 60_000 * ONE}  # fmt: skip
    return Traded(**(fields | changed))


def deposited(**changed: int) -> Deposited:
    return Deposited(**({"time_ms": NOW, "account": ALICE, "coin": USDC, "atoms": 1} | changed))


def withdrawn(**changed: int) -> Withdrawn:
    return Withdrawn(**({"time_ms": NOW, "account": ALICE, "coin": USDC, "atoms": 1} | changed))


def filled(**changed: int) -> Filled:
    return Filled(**({"time_ms": NOW, "order": 1, "lots": 1, "price": 52_000 * ONE} | changed))


def loaded(account: list[int], asset: list[int], quantity: list[int]) -> Loaded:
    return Loaded(
        time_ms=NOW, account=np.array(account, "<i4").tobytes(),
        asset=np.array(asset, "<i4").tobytes(), quantity=np.array(quantity, "<i8").tobytes(),
    )  # fmt: skip


WATCHED = """
[oracle.BTC]
age_max_ms = 30_000
outlier_ratio = 0.1
confidence_ratio_max = 0.1
withdrawal_age_max_ms = 60_000
liquidation_age_max_ms = 300_000
"""


def watched() -> Engine:
    """As `opened`, and bitcoin has an oracle that just spoke."""
    engine = opened()
    rulebook = read('operators = ["ann", "ben"]' + RULES + WATCHED).canonical()
    assert engine.apply(RulesChanged(time_ms=NOW, rulebook=rulebook)) == ()
    engine.apply(observed(Report("a", 52_000 * ONE, 0, NOW)))
    return engine


def shut(mode: Mode) -> Callable[[], Engine]:
    def made() -> Engine:
        engine = watched()
        engine.apply(overridden(mode=mode))
        return engine

    return made


def silent() -> Engine:
    """As `watched`, and the one source stopped itself."""
    engine = watched()
    engine.apply(observed(Report("a", 52_000 * ONE, 0, NOW + 1, Status.HALTED), time_ms=NOW + 1))
    return engine


def observed(*reports: Report, **changed: int) -> Observed:
    return Observed(**({"time_ms": NOW, "coin": BTC, "reports": reports} | changed))


def corrected(**changed: object) -> Corrected:
    fields = {"time_ms": NOW, "first_sequence": 1, "last_sequence": 2, "first": "ann",
              "second": "ben", "reason": "drill",
              "transfers": ((USDC, FEES, ALICE, 1),)}  # fmt: skip
    return Corrected(**(fields | changed))


def overridden(**changed: object) -> Overridden:
    fields = {"time_ms": NOW, "scope": Scope.VENUE, "mode": Mode.HALTED, "first": "ann",
              "second": "ben", "reason": "drill"}  # fmt: skip
    return Overridden(**(fields | changed))


def premium_seen(**changed: int) -> PremiumSeen:
    fields = {"time_ms": NOW, "instrument": PERPETUAL, "bid": ONE, "ask": ONE, "index": ONE}
    return PremiumSeen(**(fields | changed))


def funded_by(rule: str) -> Callable[[], Engine]:
    """As `opened`, and a rule of the rulebook funds bitcoin."""

    def made() -> Engine:
        engine = opened()
        text = read(RULES + f"funding.BTC = {{ {rule} }}").canonical()
        assert engine.apply(RulesChanged(time_ms=NOW, rulebook=text)) == ()
        return engine

    return made


R = Reason
OF_AUCTIONS = {  # Told in test_auction_refusals.
    R.UNKNOWN_AUCTION, R.WRONG_BID, R.BID_STANDS, R.TOO_EARLY, R.TOO_LATE, R.BEYOND_LIMIT,
    R.WOULD_LEAVE_DUST, R.ABOVE_MAINTENANCE, R.BID_TOO_LOW, R.ALREADY_BID, R.COMMITMENT_MISMATCH,
    R.NOT_REVEALED,  # Of a void bid: nobody sent anything that could be refused.
    R.REVERTED,
}  # fmt: skip
TOO_MANY = ATOMS_MAX // (60 * 10**6) + 1  # Lots of 60 dollars: their cash passes 63 bits.
SENTENCES: tuple[tuple[str, Reason, Callable[[], Engine], Events], ...] = (
    ("a tick before the start", R.NOT_STARTED, Engine, priced(1)),
    ("a second start", R.ALREADY_STARTED, opened, Started(time_ms=NOW, rulebook=rules())),
    ("a deposit of yesterday", R.TIME_WENT_BACK, opened, deposited(time_ms=NOW - 1)),
    ("rules that give a coin other decimals", R.RULES_DO_NOT_FIT, opened,
     RulesChanged(time_ms=NOW, rulebook=rules("decimals = 8", "decimals = 7"))),
    ("rules without the method that accounts are under", R.RULES_DO_NOT_FIT, opened,
     RulesChanged(time_ms=NOW, rulebook=rules("margin.cross", "margin.other"))),
    ("an account under a method that no rule names", R.UNKNOWN_METHOD, opened,
     Opened(time_ms=NOW, names=("dave",), methods=("solo",))),
    ("two names with one method", R.UNKNOWN_METHOD, opened,
     Opened(time_ms=NOW, names=("dave", "erin"), methods=("cross",))),
    ("an account whose name another one has", R.NAME_TAKEN, opened,
     Opened(time_ms=NOW, names=("alice",), methods=("cross",))),
    ("one name twice", R.NAME_TAKEN, opened,
     Opened(time_ms=NOW, names=("dave", "dave"), methods=("cross", "cross"))),
    ("columns of unequal length", R.BAD_ROWS, opened, loaded([ALICE, BOB], [USDC], [1])),
    ("a column that is cut within a number", R.BAD_ROWS, opened,
     Loaded(time_ms=NOW, account=b"abc", asset=b"", quantity=b"")),
    ("a deposit for nobody", R.UNKNOWN_ACCOUNT, opened, deposited(account=NOBODY)),
    ("a deposit for the street", R.UNKNOWN_ACCOUNT, opened, deposited(account=1)),
    ("a withdrawal by the insurance fund", R.UNKNOWN_ACCOUNT, opened, withdrawn(account=3)),
    ("a trade with oneself", R.UNKNOWN_ACCOUNT, opened, traded(buyer=BOB)),
    ("a row of nobody", R.UNKNOWN_ACCOUNT, opened, loaded([NOBODY], [USDC], [1])),
    ("a deposit of an unknown coin", R.UNKNOWN_INSTRUMENT, opened, deposited(coin=3)),
    ("a trade of an unknown contract", R.UNKNOWN_INSTRUMENT, opened, traded(instrument=4)),
    ("funding of an unknown contract", R.UNKNOWN_INSTRUMENT, opened,
     Funded(time_ms=NOW, instrument=4, rate=1)),
    ("a mark of an unknown contract", R.UNKNOWN_INSTRUMENT, opened,
     Priced(time_ms=NOW, mark=((4, ONE),))),
    ("a sureness of an unknown coin", R.UNKNOWN_INSTRUMENT, opened,
     Priced(time_ms=NOW, confidence=((9, 1),))),
    ("a premium of an unknown contract", R.UNKNOWN_INSTRUMENT, opened, premium_seen(instrument=4)),
    ("expiry of an unknown contract", R.UNKNOWN_INSTRUMENT, opened,
     Settled(time_ms=NOW, instrument=-1, price=ONE)),
    ("a row of an unknown asset", R.UNKNOWN_INSTRUMENT, opened, loaded([ALICE], [99], [1])),
    ("a report of a coin without an oracle", R.NO_ORACLE, watched, observed(coin=ETH)),
    ("a tick that goes around an oracle", R.PRICE_FROM_ORACLE, watched, priced(52_000)),
    ("an override by one", R.TWO_OPERATORS_NEEDED, watched, overridden(second="ann")),
    ("an override by a stranger", R.TWO_OPERATORS_NEEDED, watched, overridden(second="eve")),
    ("amends by one", R.TWO_OPERATORS_NEEDED, watched, corrected(second="ann")),
    ("an answer to no order", R.UNKNOWN_ORDER, opened, filled(order=2)),
    ("a trade before the listing", R.NOT_LISTED, opened, traded(instrument=NEW)),
    ("a trade at the expiry", R.NOT_LISTED, opened, traded(instrument=NEW, time_ms=NOW + 20)),
    ("a contract that is listed already", R.BAD_INSTRUMENT, opened,
     Listed(time_ms=NOW, instruments=LISTINGS[0])),
    ("a contract of an unknown coin", R.BAD_INSTRUMENT, opened,
     Listed(time_ms=NOW, instruments=(
         Instrument(id="SOL/USDC:USDC", type="perpetual", base="SOL", quote="USDC",
                    settle="USDC", lot=1, tick=1),))),
    ("funding of a market that has no position", R.BAD_INSTRUMENT, opened,
     Funded(time_ms=NOW, instrument=SPOT, rate=1)),
    ("a premium of a market that has no position", R.BAD_INSTRUMENT, opened,
     premium_seen(instrument=SPOT)),
    ("expiry of a market that has no position", R.BAD_INSTRUMENT, opened,
     Settled(time_ms=NOW, instrument=SPOT, price=ONE)),
    ("a deposit of nothing", R.AMOUNT_NOT_POSITIVE, opened, deposited(atoms=0)),
    ("a withdrawal of less than nothing", R.AMOUNT_NOT_POSITIVE, opened, withdrawn(atoms=-5)),
    ("a trade of no lots", R.AMOUNT_NOT_POSITIVE, opened, traded(lots=0)),
    ("more than was ordered", R.AMOUNT_NOT_POSITIVE, opened, filled(lots=1_000)),
    ("a trade for nothing", R.PRICE_NOT_POSITIVE, opened, traded(price=0)),
    ("a fill for nothing", R.PRICE_NOT_POSITIVE, opened, filled(price=0)),
    ("a tick below zero", R.PRICE_NOT_POSITIVE, opened, priced(-1)),
    ("a premium over an index of nothing", R.PRICE_NOT_POSITIVE, opened, premium_seen(index=0)),
    ("an expiry at nothing", R.PRICE_NOT_POSITIVE, opened,
     Settled(time_ms=NOW, instrument=OPTION, price=0)),
    ("a sureness beyond one", R.BAD_TICK, opened,
     Priced(time_ms=NOW, confidence=((BTC, 10**9 + 1),))),
    ("less than no depth", R.BAD_TICK, opened, Priced(time_ms=NOW, depth=((PERPETUAL, -1, 0),))),
    ("a price between two ticks", R.OFF_TICK, opened, traded(price=60_000 * ONE + 1)),
    ("a trade of an account in liquidation", R.ACCOUNT_NOT_OPEN, opened, traded(buyer=CAROL)),
    ("a withdrawal of an account in liquidation", R.ACCOUNT_NOT_OPEN, opened,
     withdrawn(account=CAROL)),
    ("a trade before the first price", R.NO_PRICE, started, traded()),
    ("a withdrawal before the first price", R.NO_PRICE, started, withdrawn()),
    ("funding without a mark", R.NO_PRICE, started,
     Funded(time_ms=NOW, instrument=PERPETUAL, rate=1)),
    ("a coin with a cap before its price", R.NO_PRICE, started, deposited(coin=ETH, atoms=1)),
    ("an option without a smile", R.NO_PRICE, opened, Listed(time_ms=NOW, instruments=(
        Instrument(id="ETH/USDC:USDC-260112-3000-C", type="option", base="ETH", quote="USDC",
                   settle="USDC", lot=1, tick=1, expires_ms=NOW + 10**9, strike=3_000 * ONE,
                   right="call"),))),
    ("a trade on a halted venue", R.HALTED, shut(Mode.HALTED), traded()),
    ("a withdrawal from a halted venue", R.HALTED, shut(Mode.HALTED), withdrawn()),
    ("a trade that opens where risk is only reduced", R.REDUCE_ONLY, shut(Mode.REDUCE_ONLY),
     traded()),
    ("a withdrawal where risk is only reduced", R.REDUCE_ONLY, shut(Mode.REDUCE_ONLY),
     withdrawn()),
    ("a trade at a price of the last hour", R.PRICE_TOO_OLD, watched,
     traded(time_ms=NOW + 60_001)),
    ("a withdrawal from under a price of the last hour", R.PRICE_TOO_OLD, watched,
     withdrawn(account=BOB, time_ms=NOW + 60_001)),
    ("a trade while the oracle refuses", R.PRICE_REFUSED, silent, traded(time_ms=NOW + 1)),
    ("a withdrawal while the oracle refuses", R.PRICE_REFUSED, silent,
     withdrawn(account=BOB, time_ms=NOW + 1)),
    ("amends from an empty account", R.PAYER_CANNOT_PAY, watched, corrected()),
    ("more lots than cash can count", R.BALANCE_OVERFLOW, opened, traded(lots=TOO_MANY)),
    ("more lots than a balance can count", R.BALANCE_OVERFLOW, opened,
     traded(lots=ATOMS_MAX, price=ONE // 10)),
    ("a rate beyond 63 bits", R.BALANCE_OVERFLOW, opened,
     Funded(time_ms=NOW, instrument=PERPETUAL, rate=ATOMS_MAX + 1)),
    ("a balance beyond 63 bits", R.BALANCE_OVERFLOW, opened, deposited(atoms=ATOMS_MAX)),
    ("a loaded balance beyond 63 bits", R.BALANCE_OVERFLOW, opened,
     loaded([ALICE], [USDC], [ATOMS_MAX])),
    ("an option under tiered margin", R.NOT_MARGINABLE, opened,
     traded(instrument=OPTION, price=100 * ONE)),
    # 167 lots of 60 dollars at 52,000: 868.40 of 1,000 − 167 × 8 are there, below zero.
    ("a position that the account cannot carry", R.INSUFFICIENT_MARGIN, opened, traded(lots=167)),
    ("a withdrawal of more than is there", R.INSUFFICIENT_MARGIN, opened,
     withdrawn(atoms=10**9 + 1)),
    # 334 of 3,000 dollars.
    ("more of a coin than the venue takes", R.COLLATERAL_CAP, opened,
     deposited(coin=ETH, atoms=334 * 10**8)),
    ("a premium that no rule asks for", R.NO_FUNDING_RULE, opened, premium_seen()),
    ("a premium where the skew decides", R.NO_FUNDING_RULE,
     funded_by('rule = "velocity", skew_scale = 100, velocity_max = 0.01'), premium_seen()),
    ("funding that goes around a rule", R.FUNDING_BY_RULE,
     funded_by('rule = "towards_interest"'), Funded(time_ms=NOW, instrument=PERPETUAL, rate=1)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "engine", "event"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_an_event_is_refused(reason: Reason, engine: Callable[[], Engine], event: Events) -> None:
    refused = engine()
    before = refused.sequence, refused.chain
    kept = refused._venue and (refused.ledger.state_hash(), refused.dump())
    effects = refused.apply(event)
    assert len(effects) == 1
    assert isinstance(effects[0], Refused)
    assert effects[0].reason is reason
    if isinstance(event, Deposited | Withdrawn):
        assert effects[0].account == event.account
    assert refused.sequence == before[0] + 1
    assert refused.chain != before[1], "a refusal is part of history"
    refused.sequence, refused.chain = before
    assert (refused._venue and (refused.ledger.state_hash(), refused.dump())) == kept


def test_every_reason_has_its_sentence_in_the_order_of_precedence() -> None:
    told = list(dict.fromkeys(row[1] for row in SENTENCES))
    assert told == [reason for reason in Reason if reason not in OF_AUCTIONS]


WRONG_IN_TWO_WAYS: tuple[tuple[Reason, Reason, Callable[[], Engine], Events], ...] = (
    (R.NOT_STARTED, R.UNKNOWN_ACCOUNT, Engine, deposited(account=NOBODY)),
    (R.ALREADY_STARTED, R.TIME_WENT_BACK, opened, Started(time_ms=NOW - 1, rulebook=rules())),
    (R.TIME_WENT_BACK, R.UNKNOWN_ACCOUNT, opened, deposited(time_ms=NOW - 1, account=NOBODY)),
    (R.UNKNOWN_ACCOUNT, R.UNKNOWN_INSTRUMENT, opened, deposited(account=NOBODY, coin=3)),
    (R.UNKNOWN_ACCOUNT, R.UNKNOWN_INSTRUMENT, opened, traded(buyer=NOBODY, instrument=9)),
    (R.UNKNOWN_INSTRUMENT, R.AMOUNT_NOT_POSITIVE, opened, traded(instrument=9, lots=0)),
    (R.UNKNOWN_ACCOUNT, R.TWO_OPERATORS_NEEDED, watched,
     corrected(second="ann", transfers=((USDC, FEES, FEES, 1),))),
    (R.TWO_OPERATORS_NEEDED, R.AMOUNT_NOT_POSITIVE, watched,
     corrected(second="ann", transfers=())),
    (R.UNKNOWN_ORDER, R.AMOUNT_NOT_POSITIVE, opened, filled(order=9, lots=-1)),
    (R.NOT_LISTED, R.AMOUNT_NOT_POSITIVE, opened, traded(instrument=NEW, lots=0)),
    (R.AMOUNT_NOT_POSITIVE, R.PRICE_NOT_POSITIVE, opened, traded(lots=0, price=0)),
    (R.AMOUNT_NOT_POSITIVE, R.ACCOUNT_NOT_OPEN, opened, withdrawn(account=CAROL, atoms=0)),
    (R.AMOUNT_NOT_POSITIVE, R.BALANCE_OVERFLOW, opened, deposited(atoms=-ATOMS_MAX)),
    (R.NO_PRICE, R.BALANCE_OVERFLOW, started, deposited(coin=ETH, atoms=ATOMS_MAX + 1)),
    (R.BALANCE_OVERFLOW, R.COLLATERAL_CAP, opened, deposited(coin=ETH, atoms=ATOMS_MAX + 1)),
    (R.UNKNOWN_INSTRUMENT, R.PRICE_NOT_POSITIVE, opened,
     Priced(time_ms=NOW, price=((BTC, 0), (9, 1)))),
    (R.PRICE_NOT_POSITIVE, R.BAD_TICK, opened,
     Priced(time_ms=NOW, price=((BTC, 0),), confidence=((BTC, -1),))),
    (R.PRICE_NOT_POSITIVE, R.OFF_TICK, opened, traded(price=-1)),
    (R.OFF_TICK, R.ACCOUNT_NOT_OPEN, opened, traded(buyer=CAROL, price=1)),
    (R.ACCOUNT_NOT_OPEN, R.NOT_MARGINABLE, opened,
     traded(buyer=CAROL, instrument=OPTION, price=ONE)),
    (R.ACCOUNT_NOT_OPEN, R.INSUFFICIENT_MARGIN, opened, withdrawn(account=CAROL, atoms=10**15)),
    (R.NO_PRICE, R.NOT_MARGINABLE, started, traded(instrument=OPTION, price=ONE)),
    (R.NO_PRICE, R.INSUFFICIENT_MARGIN, started, withdrawn(atoms=10**15)),
    (R.BALANCE_OVERFLOW, R.NOT_MARGINABLE, opened,
     traded(instrument=OPTION, price=60_000 * ONE, lots=TOO_MANY)),
    (R.NOT_MARGINABLE, R.INSUFFICIENT_MARGIN, opened,
     traded(instrument=OPTION, price=60_000 * ONE, lots=1_000)),
)  # fmt: skip


@pytest.mark.parametrize(("first", "second", "engine", "event"), WRONG_IN_TWO_WAYS)
def test_of_two_reasons_the_first_is_told(
    first: Reason, second: Reason, engine: Callable[[], Engine], event: Events
) -> None:
    order = list(Reason)
    assert order.index(first) < order.index(second)
    assert engine().apply(event)[0].reason is first


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 2}'])
def test_rules_that_cannot_be_read_are_an_error_and_change_nothing(text: str) -> None:
    engine = opened()
    before = engine.state_hash()
    with pytest.raises(RulebookError):
        engine.apply(RulesChanged(time_ms=NOW + 5, rulebook=text))
    assert engine.state_hash() == before
    fresh = Engine()
    with pytest.raises(RulebookError):
        fresh.apply(Started(time_ms=NOW, rulebook=text))
    assert fresh.apply(priced(1))[0].reason is Reason.NOT_STARTED


def test_a_tick_without_the_smile_of_an_option_is_refused_and_changes_nothing() -> None:
    engine = started()
    before = engine.dump()
    tick = Priced(time_ms=NOW + 1, price=tuple((coin, ONE) for coin in (USDC, BTC, ETH)))
    assert engine.apply(tick) == (Refused(reason=Reason.NO_PRICE),)
    assert Engine.restore(before).snapshot == engine.snapshot
    assert engine.apply(priced(60_000)) == ()


def test_an_expiry_before_the_first_price_settles_its_holders() -> None:
    """Alice's two lots of 0.001 BTC at 61,000: she is paid 122 dollars, bob pays them."""
    engine = started()
    asset = engine.catalogue.lot_asset[engine.catalogue.instrument("BTC/USDC:USDC-260101")]
    number = engine.catalogue.assets[asset].instrument
    assert engine.apply(loaded([ALICE, BOB], [asset, asset], [2, -2])) == ()
    engine.apply(Settled(time_ms=NOW + 20, instrument=number, price=61_000 * ONE))
    assert engine.ledger.rows(ALICE) == [(USDC, 122_000_000)]
    assert engine.ledger.rows(BOB) == [(USDC, -122_000_000)]
    engine.check()


def test_an_expiry_closes_the_orders_of_its_contract() -> None:
    engine = opened()
    assert engine.venue.orders[1].instrument == PERPETUAL
    engine.apply(Settled(time_ms=NOW, instrument=PERPETUAL, price=52_000 * ONE))
    assert engine.apply(filled(order=1))[0].reason is Reason.UNKNOWN_ORDER
    engine.check()
