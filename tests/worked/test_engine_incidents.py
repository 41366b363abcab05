"""What happened to others, through the whole engine: nobody is liquidated by a wrong price.

LINK at 0.0001 is one venue's bad tick; USDe at 0.65 is 10 October 2025. The honest prices beside
them are ours, and so are the books.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import (
    BreakerCause,
    BreakerChanged,
    Effect,
    Liquidated,
    OrderWanted,
    PricePublished,
    PriceRefused,
    Reason,
    Refused,
    StateChanged,
)
from seawall.engine.event import (
    Deposited,
    Events,
    Filled,
    Listed,
    Observed,
    Opened,
    Overridden,
    Priced,
    RulesChanged,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.engine.watching import breakers, gate
from seawall.margin import Requirement
from seawall.market import Instrument
from seawall.market.oracle import OracleRefusal, Rejection, Report
from seawall.money import RATIO_ONE, parse_atoms

RULES = """
format = 1
name = "incidents"
version = "2026-01-01.1"
cash = "USDC"
operators = ["ann", "ben", "cem"]
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "LINK", decimals = 8 }, { id = "USDe", decimals = 6 },
]
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }

[margin.cross]
method = "tiered"
brackets.LINK = [{ above = 0, initial = 0.1, maintenance = 0.05 }]
"""
ORACLE = """
[oracle.{coin}]
sources_min = 3
age_max_ms = 30_000
outlier_ratio = 0.02
confidence_ratio_max = 0.01
deviation_ratio_max = 0.2
deviation_window_ms = 60_000
withdrawal_age_max_ms = 60_000
liquidation_age_max_ms = 300_000
"""
OPERATORS = 'operators = ["ann", "ben", "cem"]\n'
BAND = """
[breakers.band]
rule = "price_band"
scope = "market"
move_max = 0.5
window_ms = 60_000
cool_down_ms = 60_000
"""
NOW = 1_767_225_600_000
USDC, LINK, USDE = range(3)
ALICE, BOB, CAROL = range(FIRST_ACCOUNT, FIRST_ACCOUNT + 3)
SECOND = 1_000
Kind = TypeVar("Kind", bound=Effect)


def usd(text: str) -> int:
    return parse_atoms(text, 10)


def started(extra: str = "") -> Engine:
    """Alice is long 100 LINK from 20 dollars with 400 dollars; bob, who is rich, is short."""
    engine = Engine()
    perpetual = Instrument(
        id="LINK/USDC:USDC", type="perpetual", base="LINK", quote="USDC", settle="USDC",
        lot=10**8, tick=usd("0.0001"),
    )  # fmt: skip
    for event in (
        Started(time_ms=NOW, rulebook=read(RULES + extra).canonical()),
        Listed(time_ms=NOW, instruments=(perpetual,)),
        Opened(time_ms=NOW, names=("alice", "bob", "carol"), methods=("cross",) * 3),
        Deposited(time_ms=NOW, account=ALICE, coin=USDC, atoms=400 * 10**6),
        Deposited(time_ms=NOW, account=BOB, coin=USDC, atoms=10**12),
    ):
        assert engine.apply(event) == ()
    coins = ((USDC, "1"), (LINK, "20"), (USDE, "1"))
    told = [(coin, usd(price)) for coin, price in coins]
    oracle = engine.rulebook.oracle
    plain = tuple(row for row in told if engine.catalogue.coins[row[0]].id not in oracle)
    engine.apply(Priced(time_ms=NOW, price=plain, depth=((0, 1_000, 1_000),)))
    for coin, price in told:
        if (coin, price) not in plain:
            engine.apply(observed(coin, *[str(price / 10**10)] * 3))
    assert engine.apply(traded(ALICE, BOB, 100)) == ()
    return engine


def traded(buyer: int, seller: int, lots: int, time_ms: int = NOW, price: str = "20") -> Traded:
    return Traded(
        time_ms=time_ms, instrument=0, buyer=buyer, seller=seller, lots=lots, price=usd(price)
    )


def observed(coin: int, *prices: str, time_ms: int = NOW) -> Observed:
    """What three venues say; a fifth of a thousandth unsure."""
    told = zip("abc", prices, strict=False)
    return Observed(
        time_ms=time_ms, coin=coin,
        reports=tuple(Report(name, usd(p), usd(p) // 5_000, time_ms) for name, p in told),
    )  # fmt: skip


def told(coin: int, price: str, time_ms: int = NOW) -> Priced:
    return Priced(time_ms=time_ms, price=((coin, usd(price)),), depth=((0, 1_000, 1_000),))


def withdrawn(account: int, atoms: int = 1, time_ms: int = NOW) -> Withdrawn:
    return Withdrawn(time_ms=time_ms, account=account, coin=USDC, atoms=atoms)


def overridden(mode: Mode, first: str = "ann", second: str = "ben", **changed: int) -> Overridden:
    place = {"time_ms": NOW, "scope": Scope.VENUE} | changed
    return Overridden(mode=mode, first=first, second=second, reason="drill", **place)


def of(effects: Sequence[Effect], kind: type[Kind]) -> list[Kind]:
    return [effect for effect in effects if isinstance(effect, kind)]


def state(engine: Engine, account: int = ALICE) -> State:
    return State(int(engine.venue.status[account]))


# -- oracles ---------------------------------------------------------------------------------------


def test_link_at_a_hundredth_of_a_cent_liquidates_under_the_old_rule() -> None:
    engine = started()
    engine.apply(told(LINK, "0.0001"))
    assert state(engine) >= State.LIQUIDATING


def test_link_at_a_hundredth_of_a_cent_on_one_venue_moves_nothing() -> None:
    engine = started(ORACLE.format(coin="LINK").replace("sources_min = 3", "sources_min = 2"))
    effects = engine.apply(observed(LINK, "0.0001", "20.01", "20.02", time_ms=NOW + SECOND))
    (published,) = of(effects, PricePublished)
    # The mean of 20.01 and 20.02; the upper median of their half-widths, 0.004004, is less than
    # the distance of the quartile, which with two prices is the farther of them: 0.005.
    assert (published.price, published.confidence) == (usd("20.015"), usd("0.005"))
    assert published.used == ("b", "c")
    assert published.rejected == (("a", Rejection.OUTLIER),)
    assert of(effects, StateChanged) == []
    # 0.005 ÷ 20.015 = 249,812.6… parts per billion, and what is left of one is rounded down.
    assert engine.snapshot.confidence[LINK] == RATIO_ONE - 249_813
    assert engine.snapshot.price[LINK] == usd("20.015")


def test_link_at_a_hundredth_of_a_cent_everywhere_is_refused_until_somebody_looked() -> None:
    engine = started(ORACLE.format(coin="LINK"))
    effects = engine.apply(observed(LINK, *["0.0001"] * 3, time_ms=NOW + SECOND))
    assert [refusal.reason for refusal in of(effects, PriceRefused)] == [OracleRefusal.DEVIATING]
    assert engine.snapshot.price[LINK] == usd("20")
    assert state(engine) is State.HEALTHY
    refused = engine.apply(withdrawn(ALICE, time_ms=NOW + SECOND))
    assert refused == (Refused(reason=Reason.PRICE_REFUSED, account=ALICE),)


def test_usde_off_par_on_one_venue_alone_moves_nothing() -> None:
    """Carol posts 150 USDe and is long 50 LINK: 50 × 20 × 5 % = 50 dollars of maintenance."""
    for extra, expected in (("", State.LIQUIDATING), (ORACLE.format(coin="USDe"), State.HEALTHY)):
        engine = started(extra.replace("sources_min = 3", "sources_min = 2"))
        deposit = Deposited(time_ms=NOW, account=CAROL, coin=USDE, atoms=150 * 10**6)
        assert engine.apply(deposit) == ()
        assert engine.apply(traded(CAROL, BOB, 50)) == ()
        # LINK falls to 18.9: carol has 150 − 55 = 95 of 47.25; at 0.65 a USDe 97.5 − 55 = 42.5.
        engine.apply(told(LINK, "18.9"))
        assert state(engine, CAROL) is State.HEALTHY
        if extra:
            engine.apply(observed(USDE, "0.65", "0.9985", "0.999", time_ms=NOW + SECOND))
        else:
            engine.apply(told(USDE, "0.65", NOW + SECOND))
        assert state(engine, CAROL) is expected


def test_a_stuck_oracle_pays_nobody_who_is_exposed_to_it() -> None:
    """Alice is long LINK; carol holds dollars, whose price is another's."""
    engine = started(ORACLE.format(coin="LINK"))
    engine.apply(Deposited(time_ms=NOW, account=CAROL, coin=USDC, atoms=10))
    assert engine.apply(withdrawn(ALICE, time_ms=NOW + 60 * SECOND)) == ()
    late = NOW + 60 * SECOND + 1
    too_old = Refused(reason=Reason.PRICE_TOO_OLD, account=ALICE)
    assert engine.apply(withdrawn(ALICE, time_ms=late)) == (too_old,)
    assert engine.apply(withdrawn(CAROL, time_ms=late)) == ()
    assert engine.apply(traded(ALICE, BOB, 1, late)) == (Refused(reason=Reason.PRICE_TOO_OLD),)
    assert engine.apply(traded(BOB, ALICE, 1, late)) == (), "both have less of it then"
    effects = engine.apply(Observed(time_ms=late, coin=LINK))
    assert [refusal.reason for refusal in of(effects, PriceRefused)] == [OracleRefusal.STALE]
    engine.apply(observed(LINK, "20", "20", "20", time_ms=late))
    assert engine.apply(withdrawn(ALICE, time_ms=late)) == ()


def test_a_breach_that_rests_on_an_old_price_waits_for_a_new_one() -> None:
    """Carol's collateral is USDe alone; it falls while nobody knows what her LINK is worth."""
    for price, expected in (("30", State.HEALTHY), ("20", State.LIQUIDATING)):
        engine = started(ORACLE.format(coin="LINK").replace("0.2\n", "0.9\n"))
        for event in (
            Deposited(time_ms=NOW, account=CAROL, coin=USDE, atoms=150 * 10**6),
            traded(CAROL, BOB, 50),
        ):
            assert engine.apply(event) == ()
        late = NOW + 300 * SECOND + 1  # One millisecond beyond `liquidation_age_max_ms`.
        engine.apply(told(USDE, "0.3", late))
        verdict = engine.venue.judge(CAROL)
        assert (verdict.margin_equity, verdict.maintenance) == (usd("45"), usd("50"))
        assert state(engine, CAROL) is State.HEALTHY
        engine.apply(observed(LINK, *[price] * 3, time_ms=late + 1))
        assert state(engine, CAROL) is expected


def test_one_millisecond_before_the_price_is_too_old_it_still_convicts() -> None:
    for age_ms, expected in ((300_000, State.LIQUIDATING), (300_001, State.HEALTHY)):
        engine = started(ORACLE.format(coin="LINK"))
        for event in (
            Deposited(time_ms=NOW, account=CAROL, coin=USDE, atoms=150 * 10**6),
            traded(CAROL, BOB, 50),
        ):
            assert engine.apply(event) == ()
        engine.apply(told(USDE, "0.3", NOW + age_ms))
        assert state(engine, CAROL) is expected


def test_a_wider_margin_is_asked_of_new_risk_only() -> None:
    """Alice has 400 dollars. 300 LINK ask 600 × 1.5 = 900 while the oracle is refused."""
    last_good = 'on_refusal = { rule = "last_good", within_ms = 60_000, widening_ratio = 0.5 }\n'
    engine = started(ORACLE.format(coin="LINK") + last_good)
    engine.apply(Deposited(time_ms=NOW, account=ALICE, coin=USDC, atoms=400 * 10**6))
    engine.apply(observed(LINK, "0.0001", "0.0001", "0.0001", time_ms=NOW + 1))
    # 800 dollars: 266 LINK ask 532 × 1.5 = 798, 267 ask 801.
    assert engine.apply(traded(ALICE, BOB, 167, NOW + 1)) == (
        Refused(reason=Reason.INSUFFICIENT_MARGIN),
    )
    assert engine.apply(traded(ALICE, BOB, 166, NOW + 1)) == ()
    assert engine.apply(withdrawn(ALICE, 2 * 10**6, NOW + 1)) == ()
    assert engine.apply(withdrawn(ALICE, 1, NOW + 1))[0].reason is Reason.INSUFFICIENT_MARGIN
    engine.apply(Observed(time_ms=NOW + 2, coin=LINK))
    assert state(engine) is State.HEALTHY, "a feed that fails liquidates nobody"


# -- breakers --------------------------------------------------------------------------------------


def test_a_price_band_halts_its_market_before_anybody_is_judged() -> None:
    engine = started(BAND)
    effects = engine.apply(told(LINK, "0.0001", NOW + SECOND))
    # (20 − 0.0001) ÷ 20 = 0.999995.
    assert effects == (
        BreakerChanged(scope=Scope.MARKET, subject=LINK, mode=Mode.HALTED,
                       cause=BreakerCause.LIMIT, breaker="band", observed=999_995_000,
                       limit=500_000_000),
    )  # fmt: skip
    halted = Refused(reason=Reason.HALTED, account=ALICE)
    assert engine.apply(withdrawn(ALICE, time_ms=NOW + SECOND)) == (halted,)
    assert engine.apply(traded(BOB, ALICE, 1, NOW + SECOND)) == (Refused(reason=Reason.HALTED),)
    more = Deposited(time_ms=NOW + SECOND, account=ALICE, coin=USDC, atoms=1)
    assert engine.apply(more) == ()
    # So long as the bad price stood within the window the way back is as far, and nobody is told
    # again; the cool-down counts from the last price that was.
    assert engine.apply(told(LINK, "20", NOW + 2 * SECOND)) == ()
    assert engine.apply(told(LINK, "20", NOW + 61 * SECOND)) == ()
    assert engine.apply(told(LINK, "20", NOW + 62 * SECOND)) == ()
    assert engine.apply(told(LINK, "20", NOW + 121 * SECOND - 1)) == ()
    (opened,) = engine.apply(told(LINK, "20", NOW + 121 * SECOND))
    assert isinstance(opened, BreakerChanged)
    assert (opened.mode, opened.cause) == (Mode.OPEN, BreakerCause.COOL_DOWN)
    assert engine.apply(withdrawn(ALICE, time_ms=NOW + 121 * SECOND)) == ()


def test_a_fall_within_the_band_liquidates_as_ever() -> None:
    engine = started(BAND)
    effects = engine.apply(told(LINK, "10.5", NOW + SECOND))
    assert of(effects, BreakerChanged) == []
    assert state(engine) >= State.LIQUIDATING


def test_a_mark_is_held_against_the_band_too() -> None:
    engine = started(BAND)
    engine.apply(Priced(time_ms=NOW, mark=((0, usd("20")),)))
    effects = engine.apply(Priced(time_ms=NOW + 1, mark=((0, usd("0.5")),)))
    assert [change.mode for change in of(effects, BreakerChanged)] == [Mode.HALTED]
    assert state(engine) is State.HEALTHY


def test_two_operators_open_what_a_breaker_shut_and_the_breach_is_then_taken() -> None:
    engine = started(BAND)
    engine.apply(told(LINK, "9", NOW + SECOND))
    later = NOW + 2 * SECOND
    for second in ("ann", "eve"):
        alone = overridden(Mode.OPEN, second=second, time_ms=later)
        assert engine.apply(alone) == (Refused(reason=Reason.TWO_OPERATORS_NEEDED),)
    # What is opened for the venue leaves the market shut: each scope is its own.
    (change,) = engine.apply(overridden(Mode.OPEN, time_ms=later))
    assert state(engine) is State.HEALTHY
    effects = engine.apply(overridden(Mode.OPEN, time_ms=later, scope=Scope.MARKET, subject=LINK))
    (change,) = of(effects, BreakerChanged)
    assert (change.mode, change.cause) == (Mode.OPEN, BreakerCause.OPERATORS)
    assert state(engine) >= State.LIQUIDATING


@pytest.mark.parametrize(
    ("scope", "subject", "shuts"),
    [
        (Scope.ALL, -1, (True, True)),
        (Scope.VENUE, -1, (True, True)),
        (Scope.MARKET, LINK, (True, False)),
        (Scope.ACCOUNT, ALICE, (True, False)),
        (Scope.ACCOUNT, CAROL, (False, True)),
        (Scope.MARKET, USDE, (False, False)),
    ],
)
def test_a_scope_shuts_whom_it_covers(scope: Scope, subject: int, shuts: tuple[bool, bool]) -> None:
    """Alice holds a contract on LINK; carol holds dollars alone."""
    engine = started()
    engine.apply(Deposited(time_ms=NOW, account=CAROL, coin=USDC, atoms=10**6))
    engine.apply(overridden(Mode.HALTED, scope=scope, subject=subject))
    for account, shut in zip((ALICE, CAROL), shuts, strict=True):
        refused = (Refused(reason=Reason.HALTED, account=account),) if shut else ()
        assert engine.apply(withdrawn(account)) == refused


def test_where_risk_is_only_reduced_one_may_leave_and_is_liquidated() -> None:
    engine = started()
    engine.apply(overridden(Mode.REDUCE_ONLY))
    assert engine.apply(traded(ALICE, BOB, 1)) == (Refused(reason=Reason.REDUCE_ONLY),)
    assert engine.apply(traded(BOB, ALICE, 101)) == (Refused(reason=Reason.REDUCE_ONLY),)
    assert engine.apply(withdrawn(ALICE)) == (Refused(reason=Reason.REDUCE_ONLY, account=ALICE),)
    assert engine.apply(traded(BOB, ALICE, 40)) == ()
    engine.apply(told(LINK, "12"))
    assert state(engine) >= State.LIQUIDATING


def test_what_a_liquidation_hands_over_may_be_taken_where_risk_is_only_reduced() -> None:
    for mode, expected in ((Mode.REDUCE_ONLY, None), (Mode.HALTED, Reason.HALTED)):
        engine = started()
        engine.apply(overridden(mode))
        taken = traded(CAROL, ALICE, 1)
        assert gate.trade_refusal(engine.venue, taken, 1) is Reason[mode.name]
        assert gate.trade_refusal(engine.venue, taken, 1, handed_over=True) is expected


def test_too_much_liquidated_within_a_window_stops_the_next_step() -> None:
    """30 LINK at 16.5 are 495 dollars; the second step would make it more than 500."""
    engine = started("""
[breakers.rate]
rule = "liquidation_rate"
notional_max = 500
window_ms = 60_000
cool_down_ms = 10_000
""")
    shallow = Priced(time_ms=NOW + 1, price=((LINK, usd("16.5")),), depth=((0, 30, 30),))
    (order,) = of(engine.apply(shallow), OrderWanted)
    assert order.lots == -30
    filled = engine.apply(Filled(time_ms=NOW + 1, order=1, lots=30, price=usd("16.5")))
    assert [one.notional for one in of(filled, Liquidated)] == [usd("495")]
    assert of(filled, BreakerChanged) == []
    again = Priced(time_ms=NOW + 2, depth=((0, 30, 30),))
    (order,) = of(engine.apply(again), OrderWanted)
    filled = engine.apply(Filled(time_ms=NOW + 2, order=2, lots=1, price=usd("16.5")))
    (change,) = of(filled, BreakerChanged)
    assert (change.mode, change.observed, change.limit) == (
        Mode.HALTED, usd("511.5"), usd("500"),
    )  # fmt: skip
    assert of(engine.apply(msg(again, NOW + 3)), OrderWanted) == []
    assert of(engine.apply(msg(again, NOW + 10_002)), OrderWanted) != []


def msg(event: Priced, time_ms: int) -> Priced:
    return Priced(time_ms=time_ms, price=event.price, depth=event.depth)


def test_a_bridge_that_mints_too_much_halts_its_coin_and_no_other() -> None:
    engine = started("""
[breakers.bridge]
rule = "mint_rate"
scope = "market"
coin = "USDe"
net_max = 1_000
window_ms = 60_000
""")
    apply = engine.apply

    def deposited(atoms: int, time_ms: int) -> Events:
        return Deposited(time_ms=time_ms, account=CAROL, coin=USDE, atoms=atoms)

    assert apply(deposited(900 * 10**6, NOW)) == ()
    back = Withdrawn(time_ms=NOW, account=CAROL, coin=USDE, atoms=100 * 10**6)
    assert apply(back) == ()
    assert apply(deposited(200 * 10**6, NOW)) == (), "net 1,000: at the limit"
    (change,) = apply(deposited(1, NOW))
    assert isinstance(change, BreakerChanged)
    assert (change.scope, change.subject) == (Scope.MARKET, USDE)
    assert (change.observed, change.limit) == (10**9 + 1, 10**9)
    assert apply(back) == (Refused(reason=Reason.HALTED, account=CAROL),)
    assert apply(traded(CAROL, BOB, 1))[0].reason is Reason.HALTED
    assert apply(withdrawn(BOB)) == ()


def test_a_fund_that_pays_too_great_a_share_halts_the_venue() -> None:
    """The fund has 1,000 dollars. Alice falls to 12: 400 − 800 − fee; it pays 400 at least."""
    engine = started("""
[breakers.fund]
rule = "fund_draw_down"
share_max = 0.25
window_ms = 60_000
""")
    engine.apply(Deposited(time_ms=NOW, account=3, coin=USDC, atoms=1_000 * 10**6))
    assert len(of(engine.apply(told(LINK, "12", NOW + 1)), OrderWanted)) == 1
    filled = engine.apply(Filled(time_ms=NOW + 1, order=1, lots=100, price=usd("12")))
    assert state(engine) is State.BANKRUPT
    (change,) = of(filled, BreakerChanged)
    # 400 of 1,000.
    assert (change.observed, change.limit) == (400_000_000, 250_000_000)
    assert engine.apply(withdrawn(BOB, time_ms=NOW + 1))[0].reason is Reason.HALTED


def test_a_screen_that_vouches_wrongly_is_caught_by_an_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = '[breakers.twin]\nrule = "disagreement"\naudits = 3\n'
    engine = started(rule)
    assert of(engine.apply(told(LINK, "20", NOW + 1)), BreakerChanged) == []
    true_screen = breakers.screen

    def lying(*arguments: object) -> Requirement:
        seen = true_screen(*arguments)  # type: ignore[arg-type]
        return seen._replace(margin_equity=-seen.margin_equity - 1e16)

    monkeypatch.setattr(breakers, "screen", lying)
    effects = engine.apply(told(LINK, "20", NOW + 2))
    (change,) = of(effects, BreakerChanged)
    assert (change.breaker, change.mode, change.observed) == ("twin", Mode.HALTED, 3)
    assert engine.apply(withdrawn(BOB, time_ms=NOW + 3))[0].reason is Reason.HALTED


def test_rules_that_drop_a_breaker_open_what_it_shut() -> None:
    engine = started(BAND)
    engine.apply(told(LINK, "9", NOW + SECOND))
    bare = RulesChanged(time_ms=NOW + SECOND, rulebook=read(RULES).canonical())
    changes = of(engine.apply(bare), BreakerChanged)
    assert [(one.mode, one.cause) for one in changes] == [(Mode.OPEN, BreakerCause.RULES)]
    assert engine.venue.watch.bands == {}
    assert state(engine) >= State.LIQUIDATING


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        (ORACLE.format(coin="DOGE"), "`$.oracle.DOGE`"),
        (ORACLE.format(coin="LINK").replace("sources_min = 3", "sources_min = 0"),
         "sources_min must be at least 1, not 0 - at `$.oracle.LINK`"),
        (BAND.replace("60_000", "0"), "`$.breakers.band.window_ms`"),
        (BAND.replace("0.5", "-0.5"), "`$.breakers.band.move_max`"),
        (BAND.replace('"market"', '"account"'), "`$.breakers.band.scope`"),
        (BAND + 'coins = ["DOGE"]\n', "`$.breakers.band.coins[0]`"),
    ],
)  # fmt: skip
def test_a_wrong_section_is_named_by_its_key(extra: str, path: str) -> None:
    with pytest.raises(RulebookError) as wrong:
        read(RULES + extra)
    assert path in str(wrong.value)


def test_an_override_needs_two_operators_in_the_rules() -> None:
    with pytest.raises(RulebookError, match="operators"):
        read(RULES.replace('["ann", "ben", "cem"]', '["ann"]'))


@pytest.mark.parametrize("page", ["oracles", "breakers"])
def test_the_sections_of_the_page_are_rules(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    start = re.search(r"^\[", block, re.M)
    assert start is not None
    rules = RULES.replace(OPERATORS, block[: start.start()] or OPERATORS)
    rulebook = read(rules + block[start.start() :])
    assert rulebook.oracle or rulebook.breakers
    assert decode(rulebook.canonical()) == rulebook


def test_rules_without_oracles_and_breakers_keep_their_text() -> None:
    text = read(RULES.replace(OPERATORS, "")).canonical()
    assert not any(f'"{key}"' in text for key in ("oracle", "breakers", "operators"))
