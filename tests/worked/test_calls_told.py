"""What a report and `seawall explain` say of a call, from its first telling to its end.

`alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at 60,000, against `bob`: initial margin
10 %, maintenance 5 %. At 52,500 her equity is 250, the maintenance 262.5 and the initial margin
525. She has ten minutes, and is told again after four.
"""

from __future__ import annotations

from types import SimpleNamespace

from seawall.engine import Engine, State
from seawall.engine.effect import (
    Called,
    CallWithdrawn,
    NotTaken,
    Spared,
    StateChanged,
    Transition,
)
from seawall.engine.event import (
    Deposited,
    Elapsed,
    Events,
    Listed,
    Opened,
    Priced,
    ShareTaken,
    Started,
    Traded,
)
from seawall.engine.rules.rulebook import read
from seawall.engine.state import FIRST_ACCOUNT
from seawall.market import Instrument
from seawall.simulation.recorder import Recorder
from seawall.simulation.report_events import effect_row
from seawall.simulation.telling import sentence, steps_of

RULES = """
format = 1
name = "told"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
GRACE = """
call = { grace_ms = { cross = 600_000 }, escalate_after_ms = 240_000 }
"""
WHOLE = 'auctions.account = { exit = "two_phase" }\n'
ONE = 10**10
NOW = 1_767_225_600_000
ALICE, BOB = FIRST_ACCOUNT, FIRST_ACCOUNT + 1
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


class Heard:
    """A venue and the recorder that listens to it."""

    def __init__(self, more: str) -> None:
        scenario = SimpleNamespace(path=SimpleNamespace(coins=("BTC",)))
        self.engine, self.recorder = Engine(), Recorder(scenario)  # type: ignore[arg-type]
        self.send(Started(time_ms=NOW, rulebook=read(RULES + more).canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        self.send(Opened(time_ms=NOW, names=("alice", "bob"), methods=("cross",) * 2))
        self.deposit(ALICE, 1_000, 0)
        self.deposit(BOB, 100_000, 0)
        self.tick(60_000, 0)
        self.send(Traded(time_ms=NOW, instrument=0, buyer=ALICE, seller=BOB, lots=100,
                         price=60_000 * ONE))  # fmt: skip

    def send(self, event: Events) -> None:
        self.recorder.observe(event, self.engine.apply(event), self.engine)

    def deposit(self, account: int, dollars: int, minute: int) -> None:
        time_ms = NOW + minute * 60_000
        self.send(Deposited(time_ms=time_ms, account=account, coin=0, atoms=dollars * 10**6))

    def tick(self, price: int, minute: int) -> None:
        told = ((0, ONE), (1, price * ONE))
        self.send(Priced(time_ms=NOW + minute * 60_000, price=told, mark=((0, price * ONE),),
                         depth=((0, 1_000, 1_000),)))  # fmt: skip

    def said(self) -> list[str]:
        return [text for *_, text in steps_of(self.engine, self.recorder.told[ALICE])]


def test_a_call_that_is_told_again_is_one_call() -> None:
    heard = Heard(GRACE)
    heard.tick(52_500, 0)
    assert heard.engine.explain(ALICE).restores == {"USDC": "275", "BTC": "0.0052381"}
    heard.deposit(ALICE, 75, 1)
    heard.send(Elapsed(time_ms=NOW + 240_000))
    heard.tick(57_500, 5)  # Equity 825, initial 575.
    assert heard.said() == [
        "called: margin equity 250.00 below maintenance 262.50; 275.00 restores the initial margin "
        "(275 USDC or 0.0052381 BTC)",
        "a part of the call was paid: 200.00 is still missing (200 USDC or 0.00380953 BTC)",
        "called again (level 1): 200.00 restores the initial margin (200 USDC or 0.00380953 BTC)",
        "healthy again: margin equity 825.00 covers the initial margin 575.00",
        "the call is withdrawn: the initial margin is covered without a payment",
    ]
    assert heard.engine.explain(ALICE).restores == {}
    assert heard.recorder.counts[Called] == 2
    assert sum(heard.recorder.calls) == 1
    assert heard.recorder.summary(heard.engine, 0.0).calls == 1


def test_a_call_that_the_account_met_by_a_trade_is_not_withdrawn() -> None:
    """53 lots less: 47 · 5.25 = 246.75 of initial margin against her 250."""
    heard = Heard(GRACE)
    heard.tick(52_500, 0)
    for lots in (52, 1):
        heard.send(Traded(time_ms=NOW, instrument=0, buyer=BOB, seller=ALICE, lots=lots,
                          price=52_500 * ONE))  # fmt: skip
    changes = [one for *_, one in heard.recorder.told[ALICE] if isinstance(one, StateChanged)]
    assert [(one.after, one.reason) for one in changes] == [
        (State.CALLED, Transition.BREACHED),
        (State.HEALTHY, Transition.REDUCED),
    ]
    assert CallWithdrawn not in heard.recorder.counts


def test_what_is_not_taken_is_named() -> None:
    engine = Heard(GRACE).engine
    asset = engine.catalogue.lot_asset[0]
    for reason, word in ((Spared.COSTS_MORE, "not taken: "), (Spared.POLICY_HARMS, "least plan")):
        said = sentence(engine, NotTaken(account=ALICE, assets=(asset,), reason=reason))
        assert "BTC/USDC:USDC" in said
        assert word in said


def test_shares_of_an_account_are_told_without_a_market() -> None:
    """At 52,000 she is worth 200; the fee, taken by the auction's own test, is 6.622073."""
    heard = Heard(WHOLE)
    heard.tick(52_000, 0)
    heard.send(ShareTaken(time_ms=NOW, auction=1, account=BOB, share=10**18, limit=10**14))
    said = heard.said()
    assert "auction 1 (two_phase) of shares of the account; all of it for 183.70" in said
    assert any(text.startswith("36.51 % of the account taken by bob for ") for text in said)
    assert "auction 1 ended: restored, 63.49 % of the account left" in said
    rows = [
        effect_row(seq, time_ms, effect, str, lambda n: str([7][n]))
        for time_ms, seq, effect in heard.recorder.told[ALICE]
    ]
    assert {row.instrument for row in rows if row.effect.startswith("auction")} == {None}
