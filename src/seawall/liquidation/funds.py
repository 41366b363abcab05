"""Several insurance funds: which of them stand behind a market, how much of each, who fills them.

One fund for all markets lets the smallest market empty it; one for each leaves most of the money
idle. So a venue ring-fences: each fund says for whom it stands, how much of it one event may take,
and which share of the fees it is filled with. Knows balances and rules; moves nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from seawall.liquidation.loss_sharing import share_pro_rata
from seawall.money import RATIO_ONE, parse_ratio


class Fund(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fund's place in the waterfall; funds pay in the order in which they are listed."""

    name: str
    markets: tuple[str, ...] = ()  # Underlying coins it stands behind; none named: all of them.
    event_cap: Decimal = Decimal(1)  # Most of its balance that one event may take.
    fee_share: Decimal = Decimal(0)  # Weight with which liquidation fees of its markets fill it.
    target: Decimal | None = None  # Dollars from which on it takes no more fees; none: no end.

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("name: a fund has a name")
        if not 0 < parse_ratio(self.event_cap) <= RATIO_ONE:
            raise ValueError(f"event_cap: must lie in (0, 1], not {self.event_cap}")
        if parse_ratio(self.fee_share) < 0:
            raise ValueError(f"fee_share: must not be negative, not {self.fee_share}")
        if self.target is not None and self.target < 0:
            raise ValueError(f"target: must not be negative, not {self.target}")

    def stands_behind(self, market: str) -> bool:
        """Whether a loss in a market may be paid from it."""
        return not self.markets or market in self.markets


class Drawn(NamedTuple):
    """deficit = Σ payments + remainder. [atoms of one coin]"""

    payments: tuple[tuple[str, int], ...]  # (fund, atoms > 0), in the order of the rules.
    remainder: int


def draw(deficit: int, market: str, funds: Sequence[Fund], balances: Mapping[str, int]) -> Drawn:
    """Take a deficit from the funds behind a market, each up to its cap for one event.

    A fund was filled by liquidated accounts for this purpose and pays before anybody who did
    nothing wrong. The cap keeps what one large position may take from those who come after it: the
    rest of the deficit goes on to the next stage while the fund still stands (dYdX lost 38 % of its
    fund to one YFI position in November 2023). `balances` are what each had when the event began.

    >>> funds = [Fund(name="yfi", markets=("YFI",)), Fund(name="all", event_cap=Decimal("0.25"))]
    >>> draw(100, "YFI", funds, {"yfi": 30, "all": 120})
    Drawn(payments=(('yfi', 30), ('all', 30)), remainder=40)
    """
    assert deficit >= 0, "a deficit has no sign"
    left, payments = deficit, []
    for fund in funds:
        if not fund.stands_behind(market):
            continue
        most = max(0, balances.get(fund.name, 0)) * parse_ratio(fund.event_cap) // RATIO_ONE
        paid = min(left, most)
        if paid:
            payments.append((fund.name, paid))
            left -= paid
    assert deficit == sum(atoms for _, atoms in payments) + left
    return Drawn(tuple(payments), left)


def replenish(fee: int, market: str, funds: Sequence[Fund], room: Mapping[str, int]) -> Drawn:
    """Split a liquidation fee over the funds behind a market, by weight, none beyond its room.

    `room` is what a fund lacks to its target, atoms; a fund that is not named has no end. What no
    fund takes is the remainder, for the venue.

    >>> funds = [Fund(name="a", fee_share=Decimal(3)), Fund(name="b", fee_share=Decimal(1))]
    >>> replenish(100, "BTC", funds, {"a": 60})
    Drawn(payments=(('a', 60), ('b', 40)), remainder=0)
    """
    assert fee >= 0, "a fee has no sign"
    behind = [fund for fund in funds if fund.stands_behind(market) and fund.fee_share > 0]
    gains = [
        (place, parse_ratio(fund.fee_share), max(0, min(fee, room.get(fund.name, fee))))
        for place, fund in enumerate(behind)
    ]
    shared, remainder = share_pro_rata(fee, gains)
    return Drawn(tuple((behind[place].name, atoms) for place, atoms in shared), remainder)
