"""Who may be the other side of a liquidation, and what the venue notes when one is.

`alice` has 1,000 dollars and is long 100 lots of 0.001 BTC at 60,000, against `bob`: she is broke
at 50,000, and at 49,000 she lacks 100 dollars. Initial margin 10 %, maintenance 5 %.
"""

from __future__ import annotations

import pytest

from seawall.engine import Engine
from seawall.engine.effect import (
    AuctionStarted,
    BreakerChanged,
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Reason,
    Refused,
    ShareSold,
    TakenOver,
    WaterfallDone,
)
from seawall.engine.event import (
    AuctionCommitted,
    AuctionTaken,
    Deposited,
    Events,
    Listed,
    Opened,
    Overridden,
    Priced,
    ShareTaken,
    Started,
    Traded,
)
from seawall.engine.losses.waterfall import waterfall_report
from seawall.engine.rules.breaker_rules import Mode, Scope
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.market import Instrument

RULES = """
format = 1
name = "other sides"
version = "2026-01-01.1"
cash = "USDC"
operators = ["ann", "ben"]
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 CAP }, { id = "BTC", decimals = 8 }]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0SIZE
"""
BACKSTOP = 'backstop = { account = "carol", notional_max = 100_000 }\n'
RING = 'funds = [{ name = "ring", markets = ["BTC"] }]\n'
DUTCH = """
exits.BTC = { exit = "dutch_linear", start_ratio = 1, duration_seconds = 60, \
zero_after_seconds = 100 }
"""
WHOLE = """
auctions.account = { exit = "two_phase" }
breakers.rate = { rule = "liquidation_rate", notional_max = 1_000, window_ms = 60_000, \
mode = "reduce_only" }
"""
ONE, SHARE = 10**10, 10**18
NOW = 1_767_225_600_000
PERPETUAL = Instrument(id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC",
                       settle="USDC", lot=10**5, tick=ONE // 10)  # fmt: skip


class Desk:
    """Alice long, bob short, carol with 10,000 dollars."""

    def __init__(self, more: str = "", cap: str = "", size: str = " }") -> None:
        self.engine = Engine()
        rules = read(RULES.replace("CAP", cap).replace("SIZE", size) + more)
        self.send(Started(time_ms=NOW, rulebook=rules.canonical()))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        self.send(Opened(time_ms=NOW, names=("alice", "bob", "carol"), methods=("cross",) * 3))
        self.tick(60_000)
        for name, amount in (("alice", 1_000), ("bob", 100_000), ("carol", 10_000)):
            assert self.deposit(name, amount) == ()
        alice, bob = map(self.engine.account, ("alice", "bob"))
        self.send(Traded(time_ms=NOW, instrument=0, buyer=alice, seller=bob, lots=100,
                         price=60_000 * ONE))  # fmt: skip

    def send(self, event: Events) -> tuple[Effects, ...]:
        before = self.engine.dump() if self.engine.sequence else None
        effects = self.engine.apply(event)
        self.engine.check()
        if before:
            again = Engine.restore(before)
            assert again.apply(event) == effects
            assert again.state_hash() == self.engine.state_hash()
        return effects

    def deposit(self, name: str, amount: int) -> tuple[Effects, ...]:
        account = self.engine.account(name)
        return self.send(Deposited(time_ms=NOW, account=account, coin=0, atoms=amount * 10**6))

    def tick(self, price: int, depth: int = 1_000) -> tuple[Effects, ...]:
        told = ((0, ONE), (1, price * ONE))
        return self.send(Priced(time_ms=NOW, price=told, mark=((0, price * ONE),),
                                depth=((0, depth, depth),)))  # fmt: skip

    def shut(self, name: str, mode: Mode) -> tuple[Effects, ...]:
        subject = self.engine.account(name)
        return self.send(Overridden(time_ms=NOW, scope=Scope.ACCOUNT, subject=subject, mode=mode,
                                    first="ann", second="ben", reason="asked"))  # fmt: skip

    def lots(self, name: str) -> int:
        asset = self.engine.catalogue.lot_asset[0]
        return self.engine.ledger.balance(self.engine.account(name), asset)

    def share(self, name: str, share: int, limit: int) -> tuple[Effects, ...]:
        return self.send(ShareTaken(time_ms=NOW, auction=1, account=self.engine.account(name),
                                    share=share, limit=limit))  # fmt: skip


def of(effects: tuple[Effects, ...], kind: type) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


# -- funds hold money, not positions ---------------------------------------------------------------


def test_a_fund_takes_no_lots_from_an_auction() -> None:
    desk = Desk(DUTCH + RING)
    desk.deposit("ring", 50_000)
    (started,) = of(desk.tick(52_000), AuctionStarted)
    event = AuctionTaken(time_ms=NOW, auction=started.auction, account=desk.engine.account("ring"),
                         lots=10, limit=60_000 * ONE)  # fmt: skip
    assert desk.send(event)[0].reason is Reason.UNKNOWN_ACCOUNT


def test_a_fund_takes_no_share_of_an_account() -> None:
    desk = Desk(WHOLE + RING)
    desk.deposit("ring", 50_000)
    assert of(desk.tick(52_000), AuctionStarted)
    assert desk.share("ring", SHARE, 10**14)[0].reason is Reason.UNKNOWN_ACCOUNT


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ('pools.BTC = { account = "NAME", lots = 5 }', r"\$\.pools\.BTC\.account"),
        (
            'providers = [{ account = "NAME", coin = "BTC", '
            "steps = [{ lots = 1, spread_ratio = 0 }] }]",
            r"\$\.providers\[0\]\.account",
        ),
        ('backstop = { account = "NAME", notional_max = 1 }', r"\$\.backstop\.account"),
    ],
)
@pytest.mark.parametrize("name", ["market", "insurance_fund", "ring", "suspense", "shortfall"])
def test_no_rule_names_an_account_that_cannot_trade(section: str, path: str, name: str) -> None:
    with pytest.raises(RulebookError, match=f"{name}.* is no account that can trade.*{path}"):
        read(RULES.replace("CAP", "").replace("SIZE", " }") + RING + section.replace("NAME", name))


def test_what_a_fund_holds_is_nobodys_collateral() -> None:
    """The users have 111,000 dollars; the cap is 111,001, whatever the ring has."""
    desk = Desk(RING, ", deposit_cap = 111_001")
    assert desk.deposit("ring", 500_000) == ()
    assert desk.deposit("bob", 1) == ()
    (refused,) = desk.deposit("bob", 1)
    assert refused.reason is Reason.COLLATERAL_CAP


# -- who is halted by name is left alone -----------------------------------------------------------


def test_a_halted_account_is_not_the_other_side_of_a_deleveraging() -> None:
    desk = Desk()
    desk.shut("bob", Mode.HALTED)
    assert not of(desk.tick(49_000), Deleveraged)
    assert desk.lots("bob") == -100


def test_one_that_may_only_reduce_is() -> None:
    desk = Desk()
    desk.shut("bob", Mode.REDUCE_ONLY)
    (closed,) = of(desk.tick(49_000), Deleveraged)
    assert (closed.counterparty, desk.lots("bob")) == (desk.engine.account("bob"), 0)


def test_a_halted_backstop_takes_nothing_over() -> None:
    desk = Desk(BACKSTOP)
    desk.shut("carol", Mode.HALTED)
    effects = desk.tick(49_000)
    assert not of(effects, TakenOver)
    assert of(effects, Deleveraged)


def test_a_halted_bidder_lodges_no_deposit() -> None:
    rule = 'exits.BTC = { exit = "sealed", commit_seconds = 9, reveal_seconds = 9, '
    desk = Desk(rule + "deposit_ratio = 0.01 }")
    desk.tick(52_000)
    desk.shut("carol", Mode.HALTED)
    carol = desk.engine.account("carol")
    event = AuctionCommitted(time_ms=NOW, auction=1, account=carol, digest=bytes(32))
    assert desk.send(event)[0].reason is Reason.HALTED
    assert desk.engine.ledger.balance(carol, 0) == 10**10


# -- a share of a whole account is noted as what it is ---------------------------------------------


def test_a_share_says_what_it_closed_and_trips_the_rate() -> None:
    """12.5 % are 12 lots of 52 dollars: 624. Twice that is more than 1,000."""
    desk = Desk(WHOLE)
    desk.tick(52_000)
    (sold,) = of(desk.share("carol", SHARE // 8, 10**14), ShareSold)
    assert sold.closed == ((0, 624 * ONE),)
    effects = desk.share("carol", SHARE // 8, 10**14)
    (changed,) = of(effects, BreakerChanged)
    assert (changed.breaker, changed.mode) == ("rate", Mode.REDUCE_ONLY)
    assert changed.observed > 1_000 * ONE
    assert not isinstance(desk.share("carol", SHARE // 100, 10**14)[0], Refused)  # It goes on.


def test_the_fee_of_a_whole_account_fills_the_funds_of_its_largest_market() -> None:
    """As in the auction's own test: a tenth of what the first share would cost, 6.622073."""
    desk = Desk(WHOLE + 'funds = [{ name = "wide" }, { name = "ring", markets = ["BTC"], '
                "fee_share = 1 }]\n")  # fmt: skip
    desk.tick(52_000)
    balance = desk.engine.ledger.balance
    assert balance(desk.engine.account("ring"), 0) == 6_622_073
    assert balance(desk.engine.account("wide"), 0) == 0


def test_what_a_bidder_is_paid_was_needed_and_came_from_the_funds_of_the_market() -> None:
    """Alice is worth −100 at 49,000: the ring, which stands behind BTC alone, pays it."""
    desk = Desk(WHOLE + RING)
    desk.deposit("ring", 500)
    desk.tick(49_000)
    effects = desk.share("carol", SHARE, -100 * ONE)
    (paid,) = of(effects, FundPaid)
    assert (paid.fund, paid.atoms) == (desk.engine.account("ring"), 100 * ONE)
    (done,) = of(effects, WaterfallDone)
    assert (done.needed, done.from_funds, done.uncovered) == (100 * ONE, 100 * ONE, 0)
    assert done.from_book == 4_900 * ONE
    assert waterfall_report(effects).book == 4_900 * ONE
    assert not of(effects, ExitFilled)


# -- what answers at once --------------------------------------------------------------------------

SMALL_STEPS = """
exits.BTC = { exit = "pool", fee_ratio = 0, slippage_max_ratio = 0.01 }
pools.BTC = { account = "carol", lots = 1_000_000_000 }
"""


def test_a_pool_takes_a_thousand_small_steps_in_one_event() -> None:
    """A thousandth of what is left at a time, from 100,000 lots to those that 200,000 carry:
    200,000 ÷ 5.2 = 38,461. (1 − 0.001)ⁿ = 0.385 from n = 955 on, each step rounded up to lots.
    """
    size = ', size = { size = "close_factor", share = 0.001, full_below = 0 } }'
    desk = Desk(SMALL_STEPS, size=size)
    desk.deposit("alice", 999_000)
    for name in ("bob", "carol"):
        desk.deposit(name, 10**11)
    alice, bob = map(desk.engine.account, ("alice", "bob"))
    desk.send(Traded(time_ms=NOW, instrument=0, buyer=alice, seller=bob, lots=99_900,
                     price=60_000 * ONE))  # fmt: skip
    fills = of(desk.tick(52_000, depth=0), ExitFilled)
    assert 900 < len(fills) < 956
    assert 38_461 - 2 * 39 < desk.lots("alice") <= 38_461  # The pool pays a little less.
