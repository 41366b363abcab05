"""What collateral rules make of a deposit, through the whole engine.

100 SHARE at 2,000 dollars are 200,000 dollars. A lot of 0.001 BTC at 60,000 is 60 dollars and asks
for an initial margin of 6, maintenance 3: so 200,000 dollars would carry 33,333 lots.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from seawall.engine import Engine, State
from seawall.engine.effect import Reason, Refused, StateChanged
from seawall.engine.event import (
    CollateralObserved,
    Deposited,
    Listed,
    Opened,
    Priced,
    Started,
    Traded,
    Withdrawn,
)
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.engine.state import INSURANCE_FUND
from seawall.margin import Term
from seawall.market import Instrument

RULES = """
format = 1
name = "collateral"
version = "2026-01-01.1"
cash = "USDC"
numeraire = {{ id = "USD", decimals = 10 }}

[[coins]]
id = "USDC"
decimals = 6

[[coins]]
id = "BTC"
decimals = 8

[[coins]]
id = "SHARE"
decimals = 8
{share}

[margin.cross]
method = "tiered"
brackets.BTC = [{{ above = 0, initial = 0.10, maintenance = 0.05 }}]

[margin.scan]
method = "scan"
moves = [-0.05, 0.05]
initial_factor = 2
coins_inside = true

[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""
ONE = 10**10
NOW = 1_767_225_600_000
USDC, BTC, SHARE = range(3)
YEAR_S = 365 * 86_400
PERPETUAL = Instrument(
    id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
    tick=ONE // 10,
)  # fmt: skip
BY_SIZE = """[[coins.collateral]]
rule = "by_size"
tiers = [{ above = 0, haircut = 0.05 }, { above = 100_000, haircut = 0.15 }]
"""
WRONG_WAY = """[[coins.collateral]]
rule = "wrong_way"
coins = ["BTC", "SHARE"]
haircut = 0.2
"""
YIELD = """[[coins.collateral]]
rule = "yield_bearing"
snapshot = 1.2
growth_bps = 500
"""
DEPEG = """[[coins.collateral]]
rule = "depeg"
threshold = 2000
factor = 0.001
"""
POOL = '[[coins.collateral]]\nrule = "pool_share"\n'


class Desk:
    """A venue on which `alice` has 100 SHARE and `bob` a million dollars."""

    def __init__(self, share: str, price: int = 2_000, method: str = "cross") -> None:
        self.engine = Engine()
        self.price = price
        rules = read(RULES.format(share=share)).canonical()
        self.send(Started(time_ms=NOW, rulebook=rules))
        self.send(Listed(time_ms=NOW, instruments=(PERPETUAL,)))
        self.send(Opened(time_ms=NOW, names=("alice", "bob"), methods=(method, "cross")))
        self.tick(price)
        self.alice, self.bob = map(self.engine.account, ("alice", "bob"))
        self.send(Deposited(time_ms=NOW, account=self.bob, coin=USDC, atoms=10**12))
        self.send(Deposited(time_ms=NOW, account=self.alice, coin=SHARE, atoms=100 * 10**8))

    def send(self, event):
        effects = self.engine.apply(event)
        self.engine.check()
        return effects

    def tick(self, share: int | str, btc: int = 60_000):
        price = ((USDC, ONE), (BTC, btc * ONE), (SHARE, int(Decimal(share) * ONE)))
        return self.send(Priced(time_ms=NOW, price=price, depth=((0, 10**6, 10**6),)))

    def observe(self, **feeds):
        return self.send(CollateralObserved(time_ms=NOW, coin=SHARE, **feeds))

    def buy(self, lots: int, price: int = 60_000):
        buyer, seller = (self.alice, self.bob) if lots > 0 else (self.bob, self.alice)
        trade = Traded(
            time_ms=NOW, instrument=0, buyer=buyer, seller=seller, lots=abs(lots),
            price=price * ONE,
        )  # fmt: skip
        return self.send(trade)

    def counted(self) -> Decimal:
        return Decimal(self.engine.explain(self.alice).requirement.margin_equity) / ONE


FLAT = '[[coins.collateral]]\nrule = "flat"\nhaircut = {}\n'
CAPPED = '[[coins.collateral]]\nrule = "capped"\nmost = {}\n'


@pytest.mark.parametrize(
    ("share", "price", "feeds", "counted"),
    [
        (FLAT.format("0.05"), 2_000, {}, 190_000),
        (BY_SIZE, 2_000, {}, 95_000 + 85_000),
        (CAPPED.format(150_000), 2_000, {}, 150_000),
        # 60 dollars under the threshold, 0.1 % each: 194,000 less 6 %.
        (DEPEG, 1_940, {}, 182_360),
        (DEPEG, 2_100, {}, 210_000),
        # After a year at most 1.26; the feed says 1.4: 200,000 × 1.26 ÷ 1.4.
        (YIELD, 2_000, {"rate": 1_400_000_000, "elapsed_s": YEAR_S}, 180_000),
        (YIELD, 2_000, {"rate": 1_250_000_000, "elapsed_s": YEAR_S}, 200_000),
        (YIELD, 2_000, {}, 0),  # Nobody said the rate.
        (POOL, 2_000, {"fair_price": 1_600 * ONE}, 160_000),
        (POOL, 2_000, {"fair_price": 2_500 * ONE}, 200_000),
        (POOL, 2_000, {}, 0),
        # 2 × 0.8 × √0.01 year = 16 %, and 1 % of cost.
        (
            '[[coins.collateral]]\nrule = "bridged"\nz = 2\nvolatility = 0.8\nhours = 87.6\n'
            "cost = 0.01\n",
            2_000,
            {},
            166_000,
        ),
        # Rate first: 180,000; 95 % of 100,000 and 85 % of 80,000; then 4 % off 163,000.
        (
            YIELD + BY_SIZE + FLAT.format("0.04"),
            2_000,
            {"rate": 1_400_000_000, "elapsed_s": YEAR_S},
            156_480,
        ),
        # The order matters: 5 % off and then the cap, or the cap and then 5 % off.
        (FLAT.format("0.05") + CAPPED.format(150_000), 2_000, {}, 150_000),
        (CAPPED.format(150_000) + FLAT.format("0.05"), 2_000, {}, 142_500),
    ],
)
def test_a_deposit_carries_what_it_counts_for(
    share: str, price: int, feeds: dict[str, int], counted: int
) -> None:
    desk = Desk(share, price)
    if feeds:
        assert desk.observe(**feeds) == ()
    assert desk.counted() == counted
    lots = counted // 6
    refused = (Refused(reason=Reason.INSUFFICIENT_MARGIN, account=-1),)
    assert desk.buy(lots + 1) == refused
    assert not lots or desk.buy(lots) == ()


def test_collateral_that_falls_with_the_position_counts_less() -> None:
    desk = Desk(WRONG_WAY)
    desk.buy(1_000)  # 1 BTC, 60,000 dollars: 200,000 − 20 % × 60,000.
    assert desk.counted() == 188_000
    desk.buy(-2_000)  # Short 1 BTC: a hedge.
    assert desk.counted() == 200_000
    desk.buy(1_000 + 4_000)  # 4 BTC are 240,000, more than the collateral: 20 % of all of it.
    assert desk.counted() == 160_000
    # At 54,000 the exposure is 216,000; 24,000 dollars were lost: 160,000 − 24,000.
    desk.tick(2_000, btc=54_000)
    assert desk.counted() == 136_000


def test_a_debt_in_the_group_is_a_hedge_and_one_outside_is_not() -> None:
    desk = Desk(WRONG_WAY)
    desk.buy(1_000)
    venue = desk.engine.venue
    method, table = venue.methods[0], venue.tables.exact(0)
    rows = venue.ledger.rows(desk.alice)
    # Half a BTC owed: exposure 30,000, and 30,000 less to count. The same owed in USDC: no hedge.
    owing = sorted([*rows, (BTC, -5 * 10**7)])
    owed = method.requirement_exact(owing, table).margin_equity
    assert owed == (200_000 - 6_000 - 30_000) * ONE
    cash = method.requirement_exact([(USDC, -30_000 * 10**6), *rows], table).margin_equity
    assert cash == (200_000 - 12_000 - 30_000) * ONE


def test_an_explanation_has_a_term_for_each_rule_that_takes_something() -> None:
    desk = Desk(FLAT.format("0.01") + BY_SIZE + CAPPED.format(170_000))
    told = desk.engine.explain(desk.alice)
    # 198,000 → 95,000 + 83,300 = 178,300 → 170,000.
    assert told.terms == (
        Term("SHARE", 100 * 10**8, 200_000 * ONE, 198_000 * ONE, 0),
        Term("SHARE: by_size", 0, 0, -19_700 * ONE, 0),
        Term("SHARE: capped", 0, 0, -8_300 * ONE, 0),
    )
    assert told.counted == {"SHARE": "170000"}


def test_a_fair_price_that_falls_liquidates_without_a_tick() -> None:
    desk = Desk(POOL)
    desk.observe(fair_price=2_000 * ONE)
    desk.buy(20_000)  # 1.2 m dollars: initial 120,000, maintenance 60,000.
    # 100 × 700 = 70,000 is warned (under 72,000); 100 × 599 is too little.
    (warned,) = desk.observe(fair_price=700 * ONE)
    assert warned.after is State.WARNED
    effects = desk.observe(fair_price=599 * ONE)
    moved = [effect for effect in effects if isinstance(effect, StateChanged)]
    assert [(one.after, one.margin_equity) for one in moved] == [(State.LIQUIDATING, 59_900 * ONE)]


def test_a_capped_account_sells_the_least_that_restores_it() -> None:
    desk = Desk(CAPPED.format(100_000))
    desk.buy(16_000)  # 16 BTC: initial 96,000.
    effects = desk.tick(2_000, btc=56_000)  # Lost 64,000: 36,000 against a maintenance of 44,800.
    (wanted,) = [effect for effect in effects if type(effect).__name__ == "OrderWanted"]
    # Closing n lots at 1.5 % of 56 costs 0.84 each and frees 5.6: 36,000 − 0.84 n ≥ 89,600 − 5.6 n
    # from n = 53,600 ÷ 4.76 = 11,260.5 on.
    assert wanted.lots == -11_261


def test_the_venue_takes_no_more_than_its_cap() -> None:
    # 300,000 dollars of SHARE for the venue: alice has 200,000.
    desk = Desk("deposit_cap = 300_000")
    more = Deposited(time_ms=NOW, account=desk.bob, coin=SHARE, atoms=50 * 10**8 + 1)
    assert desk.send(more) == (Refused(reason=Reason.COLLATERAL_CAP, account=desk.bob),)
    fund = Deposited(time_ms=NOW, account=INSURANCE_FUND, coin=SHARE, atoms=10**10)
    assert desk.send(fund) == ()  # The fund is nobody's collateral.
    exact = Deposited(time_ms=NOW, account=desk.bob, coin=SHARE, atoms=50 * 10**8)
    assert desk.send(exact) == ()
    desk.tick(4_000)  # Worth 600,000 now: they keep it, but nothing more comes in.
    one = Deposited(time_ms=NOW, account=desk.bob, coin=SHARE, atoms=1)
    assert desk.send(one) == (Refused(reason=Reason.COLLATERAL_CAP, account=desk.bob),)
    desk.tick(2_000)
    desk.send(Withdrawn(time_ms=NOW, account=desk.alice, coin=SHARE, atoms=10**8))
    again = Deposited(time_ms=NOW, account=desk.bob, coin=SHARE, atoms=10**8)
    assert desk.send(again) == ()
    assert desk.send(one) == (Refused(reason=Reason.COLLATERAL_CAP, account=desk.bob),)


def test_a_cap_needs_a_price() -> None:
    engine = Engine()
    rules = read(RULES.format(share="deposit_cap = 5")).canonical()
    engine.apply(Started(time_ms=NOW, rulebook=rules))
    engine.apply(Opened(time_ms=NOW, names=("alice",), methods=("cross",)))
    assert engine.apply(
        Deposited(time_ms=NOW, account=engine.account("alice"), coin=SHARE, atoms=1)
    ) == (Refused(reason=Reason.NO_PRICE, account=engine.account("alice")),)


@pytest.mark.parametrize(("share", "maintenance"), [("", 10_000), ("inside_scenarios = false", 0)])
def test_a_coin_stands_inside_or_outside_the_scenarios(share: str, maintenance: int) -> None:
    desk = Desk(share, method="scan")  # A move of 5 % on 200,000 dollars.
    told = desk.engine.explain(desk.alice).requirement
    assert (told.maintenance, told.initial) == (maintenance * ONE, 2 * maintenance * ONE)
    desk.tick(2_000, btc=50_000)  # And after a tick that does not touch it.
    assert desk.engine.explain(desk.alice).requirement == told


@pytest.mark.parametrize(
    ("coin", "feeds", "reason"),
    [
        (3, {}, Reason.UNKNOWN_INSTRUMENT),
        (-1, {}, Reason.UNKNOWN_INSTRUMENT),
        (SHARE, {"rate": -1}, Reason.PRICE_NOT_POSITIVE),
        (SHARE, {"elapsed_s": -1}, Reason.PRICE_NOT_POSITIVE),
        (SHARE, {"fair_price": -1}, Reason.PRICE_NOT_POSITIVE),
    ],
)
def test_a_feed_that_cannot_be_is_refused(coin: int, feeds: dict, reason: Reason) -> None:
    desk = Desk(POOL)
    before = desk.engine.venue.observed.copy()
    event = CollateralObserved(time_ms=NOW, coin=coin, **feeds)
    assert desk.send(event) == (Refused(reason=reason),)
    assert desk.engine.venue.observed == before


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (
            "haircut = 0.1\n" + POOL,
            "not both - at `$.coins[2].haircut`",
        ),
        (BY_SIZE + YIELD, "by_size, capped and wrong_way - at `$.coins[2].collateral[1].rule`"),
        (
            '[[coins.collateral]]\nrule = "wrong_way"\ncoins = ["SHARE", "ETH"]\nhaircut = 0.1',
            "coin ETH is not listed - at `$.coins[2].collateral[0].coins[1]`",
        ),
        (
            FLAT.format("0.1") + BY_SIZE.replace("0.15", "0.01"),
            "cannot have a lower haircut - at `$.coins[2].collateral[1].tiers[1].haircut`",
        ),
        (FLAT.format("1.1"), "must lie in 0 … 1, not 1.1 - at `$.coins[2].collateral[0].haircut`"),
        ('[[coins.collateral]]\nrule = "round"', "'round' - at `$.coins[2].collateral[0].rule`"),
        ("deposit_cap = -1", "must not be negative, not -1 - at `$.coins[2].deposit_cap`"),
    ],
)  # fmt: skip
def test_a_wrong_rule_names_its_key(share: str, says: str) -> None:
    with pytest.raises(RulebookError) as told:
        read(RULES.format(share=share))
    assert str(told.value).endswith(says)


def test_rules_are_read_back_from_their_canonical_text_and_absent_ones_leave_no_trace() -> None:
    rulebook = read(RULES.format(share=YIELD + BY_SIZE + WRONG_WAY + FLAT.format("0.10")))
    assert decode(rulebook.canonical()) == rulebook
    assert read(RULES.format(share=YIELD)).fingerprint != rulebook.fingerprint
    plain = read(RULES.format(share="haircut = 0.1"))
    assert '{"decimals":8,"haircut":"0.1","id":"SHARE"}' in plain.canonical()
