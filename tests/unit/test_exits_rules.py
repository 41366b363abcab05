"""Exits in a rulebook: read by tag, wrong parameters named by key path, turned into integers."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from seawall.engine.rules import rulebook
from seawall.liquidation.exits import (
    EXITS,
    ByHealthExit,
    DutchExponentialExit,
    DutchLinearExit,
    DutchStairExit,
    EnglishExit,
    ExitRuleError,
    OrderBookExit,
    PoolExit,
    QuoteRequestExit,
    SealedExit,
    Side,
    TwoPhaseExit,
    book,
    by_health,
    dutch,
    english,
    pool,
    quote_request,
    sealed,
    two_phase,
)
from seawall.liquidation.exits.quote_request import Quote, QuoteError, Step
from seawall.liquidation.exits.ranges import RangeError, concentrated
from seawall.liquidation.exits.sealed import Pricing
from seawall.protocols.derive_auction import Terms
from seawall.protocols.maker_curves import RAY, Exponential, Linear, Stair

DOLLAR = 10**10


def read(text: str) -> EXITS:
    """As the rulebook reads it; ratios are texts here, as JSON has no exact decimals."""
    return msgspec.json.decode(text, type=EXITS)


def test_each_kind_is_read_by_its_tag() -> None:
    stair = read(
        '{"exit":"dutch_stair","start_ratio":"1.1","duration_seconds":7200,'
        '"step_seconds":90,"factor":"0.99"}'
    )
    assert isinstance(stair, DutchStairExit)
    assert stair.factor == Decimal("0.99")
    assert isinstance(read('{"exit":"order_book"}'), OrderBookExit)
    tags = {kind.__struct_config__.tag for kind in EXITS.__args__}
    assert len(tags) == len(EXITS.__args__) == 11


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"exit":"batch","interval_seconds":0}', "interval_seconds: must be positive, not 0"),
        ('{"exit":"batch"}', "missing required field `interval_seconds`"),
        ('{"exit":"auction"}', "Invalid value 'auction' - at `$.exit`"),
        ('{"exit":"order_book","tip":1}', "unknown field `tip`"),
        (
            '{"exit":"pool","fee_ratio":"1","slippage_max_ratio":"0"}',
            "fee_ratio: must be below 1, not 1",
        ),
        (
            '{"exit":"quote_request","spread_max_ratio":"-0.1"}',
            "spread_max_ratio: must not be negative, not -0.1",
        ),
        (
            '{"exit":"quote_request","spread_max_ratio":"0.0000000001"}',
            "spread_max_ratio: 1E-10 has more than 9 decimals",
        ),
        (
            '{"exit":"by_health","discount_max_ratio":"0.00001"}',
            "discount_max_ratio: must be whole basis points, not 0.00001",
        ),
        (
            '{"exit":"two_phase","start_ratio":"0.6"}',
            "cutoff_ratio: must not exceed start_ratio, not 0.70",
        ),
        (
            '{"exit":"dutch_linear","start_ratio":"2.5","duration_seconds":1,'
            '"zero_after_seconds":1}',
            "start_ratio: must be below 2, not 2.5",
        ),
        ('{"exit":"english","reserve_ratio":"NaN"}', "reserve_ratio: NaN is not a finite number"),
    ],
)
def test_a_wrong_rule_is_refused_by_its_key(text: str, fault: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        read(text)
    assert fault in str(error.value)


RULES = """
format = 1
name = "page"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [
  { id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }, { id = "ETH", decimals = 8 },
]
margin.cross = { method = "tiered", brackets.BTC = [{above = 0, initial = 0.1, maintenance = 0.05}]}
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""


def test_the_examples_of_the_page_run() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exits.md").read_text()
    for program in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(program, {})
    rule, *sections = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert len(sections) == 2
    for section in sections:
        rulebook.read(RULES + section)
    told = msgspec.convert(tomllib.loads(rule, parse_float=Decimal), EXITS)
    assert isinstance(told, DutchStairExit)
    assert told.price_least_ratio == Decimal("0.45")


def test_a_rule_built_by_hand_is_checked_too() -> None:
    with pytest.raises(ExitRuleError, match="factor: must be positive"):
        DutchExponentialExit(start_ratio=Decimal("1.1"), duration_seconds=10, factor=Decimal(0))


def test_dutch_terms_are_the_rule_in_integers() -> None:
    """100 dollars, lots of a thousandth of a coin: 100 × 10¹⁰ × 1000 price atoms × lots."""
    rule = DutchStairExit(
        start_ratio=Decimal("1.1"),
        duration_seconds=7_200,
        step_seconds=90,
        factor=Decimal("0.99"),
        price_least_ratio=Decimal("0.45"),
        least_notional=Decimal(100),
    )
    terms = dutch.terms_of(rule, lot=10**5, coin_one=10**8)
    assert terms.curve == Stair(90, RAY * 99 // 100)
    assert (terms.duration_seconds, terms.price_least) == (7_200, 450_000_000)
    assert terms.least_notional == 100 * DOLLAR * 1_000
    assert dutch.open_dutch(rule, Side.SELL, 7, 200 * DOLLAR, 5).start == 220 * DOLLAR
    assert dutch.open_dutch(rule, Side.BUY, 7, 200 * DOLLAR, 5).start == 180 * DOLLAR
    linear = DutchLinearExit(start_ratio=Decimal(1), duration_seconds=10, zero_after_seconds=20)
    assert dutch.terms_of(linear, 1, 1).curve == Linear(20)
    exponential = DutchExponentialExit(
        start_ratio=Decimal(1), duration_seconds=10, factor=Decimal("0.999")
    )
    assert dutch.terms_of(exponential, 1, 1).curve == Exponential(RAY * 999 // 1000)


def test_the_other_rules_in_integers() -> None:
    assert two_phase.terms_of(TwoPhaseExit()) == Terms()
    assert by_health.discount_max_of(ByHealthExit(discount_max_ratio=Decimal("0.15"))) == 1_500
    rule = EnglishExit(reserve_ratio=Decimal("0.8"))
    assert english.open_english(rule, 3, 200 * DOLLAR, 1_000) == (
        (3, 160 * DOLLAR, 1_000 + 259_200_000, -1, 0, None)
    )
    assert english.terms_of(rule) == (105 * 10**16, 600_000, 259_200_000)
    hidden = SealedExit(
        commit_seconds=60, reveal_seconds=30, deposit_ratio=Decimal("0.1"), price="first"
    )
    assert sealed.open_sealed(hidden, 4, 5, 200 * DOLLAR, 1_000) == (
        (4, 5, 0, 100 * DOLLAR, Pricing.FIRST, 61_000, 91_000, ())
    )
    spread = QuoteRequestExit(spread_max_ratio=Decimal("0.02"))
    assert quote_request.worst_price(spread, 1_001, Side.SELL) == 981  # 980.98, up.
    assert quote_request.worst_price(spread, 1_001, Side.BUY) == 1_021  # 1021.02, down.
    slip = PoolExit(fee_ratio=Decimal("0.003"), slippage_max_ratio=Decimal("0.02"))
    assert pool.limit_of(slip, 1_001, Side.SELL) == 981
    assert book.order_of(OrderBookExit(), 1, Side.SELL, 5, 90) == book.Order(1, Side.SELL, 5, 90)
    kept = OrderBookExit(life="good_till_cancelled", self_match="cancel_older")
    assert book.order_of(kept, 1, Side.BUY, 5, 90)[4:] == (
        book.Life.GOOD_TILL_CANCELLED,
        book.SelfMatch.CANCEL_OLDER,
    )


@pytest.mark.parametrize(
    ("quotes", "fault"),
    [
        ([Quote(1, (), 9), Quote(1, (), 9)], r"at \$.quotes\[1\].provider: 1 quotes twice"),
        ([Quote(1, (Step(0, 0),), 9)], r"at \$.quotes\[0\].steps\[0\].lots: 0 is not positive"),
        ([Quote(1, (Step(1, 5), Step(1, 4)), 9)], r"at \$.quotes\[0\].steps\[1\].spread: 4 falls"),
        ([Quote(1, (Step(1, 10**9),), 9)], r"spread: 1000000000 falls, or takes everything"),
    ],
)
def test_a_wrong_quote_is_named_by_its_place(quotes: list[Quote], fault: str) -> None:
    with pytest.raises(QuoteError, match=fault):
        quote_request.check_quotes(quotes)


def test_ranges_that_overlap_or_hold_nothing_are_refused() -> None:
    with pytest.raises(RangeError, match=r"at \$.ranges\[1\]: begins below"):
        concentrated(1, 100, [(90, 110, 5), (105, 120, 5)], 0)
    with pytest.raises(RangeError, match=r"at \$.ranges\[0\]: empty"):
        concentrated(1, 100, [(90, 90, 5)], 0)
