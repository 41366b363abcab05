"""An engine calls by Derive's standard rule, by the sixteen scenarios and by OKX's risk units."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from seawall.engine import Engine
from seawall.engine.effect import Called
from seawall.engine.event import Deposited, Listed, Opened, Priced, Started, Traded
from seawall.engine.rules.presets import preset
from seawall.engine.rules.rulebook import RulebookError, decode, read
from seawall.market import Instrument

DOLLAR, NOW = 10**10, 1_722_816_000_000
RULES = """
format = 1
name = "venue"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }, { id = "BTC", decimals = 8 }]
[margin.pm]
method = "sixteen"
others = { price_range = 0.1 }
[liquidation]
order = "largest_notional_first"
slippage_ratio = 0.01
fee_ratio = 0.005
"""


def of_listed_coins(name: str):
    """A preset without the coins that the rulebook does not list, which it would refuse."""
    method = preset(name).method
    tables = [key for key in method.__struct_fields__ if type(getattr(method, key)) is dict]
    kept = {key: {c: t for c, t in getattr(method, key).items() if c == "BTC"} for key in tables}
    return msgspec.structs.replace(method, **kept)


@pytest.mark.parametrize(
    ("name", "safe", "price", "wanting"),
    [
        # 0.1 coin bought at 60,000 with 1,100 dollars: equity is 0.1 · price − 4,900.
        # 6.5 % of 5,241 is 340.665 of 341, of 5,240 it is 340.60 of 340; 10 % are 524.
        ("derive_standard", 52_410, 52_400, "184"),
        # 12 % of 5,569 is 668.28 of 669, of 5,568 it is 668.16 of 668; times 1.1 are 734.976.
        ("sixteen_example", 55_690, 55_680, "66.976"),
        # 12.2 % of 5,581 is 680.882 of 681, of 5,580 it is 680.76 of 680; times 1.3 are 884.988.
        ("okx_pm", 55_810, 55_800, "204.988"),
    ],
)
def test_an_engine_calls_by_the_method(name: str, safe: int, price: int, wanting: str) -> None:
    rulebook = msgspec.structs.replace(read(RULES), margin={"pm": of_listed_coins(name)})
    assert decode(rulebook.canonical()) == rulebook
    perpetual = Instrument(
        id="BTC/USDC:USDC", type="perpetual", base="BTC", quote="USDC", settle="USDC", lot=10**5,
        tick=1,
    )  # fmt: skip
    engine = Engine()
    engine.apply(Started(time_ms=NOW, rulebook=rulebook.canonical()))
    engine.apply(Listed(time_ms=NOW, instruments=(perpetual,)))
    engine.apply(Opened(time_ms=NOW, names=("alice", "bob"), methods=("pm", "pm")))
    alice, bob = engine.account("alice"), engine.account("bob")

    def calls(dollars: int) -> list[Called]:
        prices, depth = ((0, DOLLAR), (1, dollars * DOLLAR)), ((0, 10_000, 10_000),)
        mark = ((0, dollars * DOLLAR),)
        effects = engine.apply(Priced(time_ms=NOW, price=prices, mark=mark, depth=depth))
        return [effect for effect in effects if isinstance(effect, Called)]

    calls(60_000)
    for account, dollars in ((alice, 1_100), (bob, 100_000)):
        engine.apply(Deposited(time_ms=NOW, account=account, coin=0, atoms=dollars * 10**6))
    engine.apply(
        Traded(time_ms=NOW, instrument=0, buyer=alice, seller=bob, lots=100, price=60_000 * DOLLAR)
    )
    assert calls(safe) == []
    (called,) = calls(price)
    assert (called.account, Decimal(called.amount) / DOLLAR) == (alice, Decimal(wanting))


def test_a_rulebook_names_what_is_wrong_with_a_range() -> None:
    with pytest.raises(RulebookError, match=r"margin.pm.others"):
        read(RULES.replace("price_range = 0.1", "price_range = 1"))
