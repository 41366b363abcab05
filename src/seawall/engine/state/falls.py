"""What each stage of the waterfall gave for an account, from its liquidation's begin to its end.

Read from effects as they happen, so no stage has to tell of itself. Knows no rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING

from seawall.engine.effect import (
    Deleveraged,
    Effects,
    ExitFilled,
    FundPaid,
    Liquidated,
    LossShared,
    ShareSold,
    State,
    StateChanged,
    TakenOver,
    WaterfallDone,
)

if TYPE_CHECKING:
    from seawall.market import Catalogue

FallRow = tuple[int, tuple[str, ...], list[tuple[int, str]]]


@dataclass(slots=True)
class Fall:
    """One liquidation so far. [numeraire atoms]"""

    from_account: int = 0
    needed: int = 0
    from_book: int = 0
    from_backstop: int = 0
    from_funds: int = 0
    deleveraged_needed: int = 0
    deleveraged_taken: int = 0
    shared: int = 0


@dataclass(slots=True)
class Falls:
    """All liquidations that have not been told, while the rules ask for it."""

    open: dict[int, Fall] = field(default_factory=dict)
    closed_in: dict[int, dict[int, int]] = field(default_factory=dict)  # Notional by base coin.
    read: int = 0  # Effects of this event that were read.
    # (fund, coin) → (what it had, what it paid), of this event.
    drawn: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def begin(self) -> None:
        """Another event happens."""
        self.read = 0
        self.drawn.clear()

    def see(self, effects: Sequence[Effects], catalogue: Catalogue) -> None:
        """Read what was not read yet."""
        while self.read < len(effects):
            self._see(effects[self.read], catalogue)
            self.read += 1

    def _see(self, effect: Effects, catalogue: Catalogue) -> None:
        match effect:
            case StateChanged(account=account, after=State.LIQUIDATING):
                self.open[account] = Fall(from_account=max(0, effect.equity))
                self.closed_in.pop(account, None)
            case Liquidated() | ExitFilled():
                self._closed(effect.account, effect.instrument, effect.notional, catalogue)
                self._of(effect.account).from_book += effect.notional
            case ShareSold():
                for instrument, notional in effect.closed:
                    self._closed(effect.account, instrument, notional, catalogue)
                    self._of(effect.account).from_book += notional
            case TakenOver():
                self._closed(effect.account, effect.instrument, effect.notional, catalogue)
                self._of(effect.account).from_backstop += effect.notional
            case Deleveraged():
                self._closed(effect.account, effect.instrument, effect.notional, catalogue)
                fall = self._of(effect.account)
                fall.deleveraged_needed += effect.needed
                fall.deleveraged_taken += effect.taken
            case FundPaid():
                self._of(effect.account).from_funds += effect.atoms
            case LossShared():
                self._of(effect.account).shared += effect.atoms

    def owes(self, account: int, worth: int) -> None:
        """Nothing is left to sell, and so much is owed."""
        self._of(account).needed += worth

    def settled(self, account: int, coin: int, notional: int) -> None:
        """A contract expired in the account's hands."""
        if account in self.open:
            markets = self.closed_in.setdefault(account, {})
            markets[coin] = markets.get(coin, 0) + notional

    def market(self, account: int) -> int | None:
        """Base coin in which most of the account's notional was closed; None: in no contract."""
        markets = self.closed_in.get(account)
        return min(markets, key=lambda coin: (-markets[coin], coin)) if markets else None

    def told(self, account: int) -> WaterfallDone | None:
        """Forget an account whose liquidation is over; None where nobody else gave anything."""
        self.closed_in.pop(account, None)
        fall = self.open.pop(account)
        if not (fall.needed or fall.from_backstop or fall.deleveraged_taken):
            return None
        return WaterfallDone(
            account=account,
            needed=fall.needed,
            from_account=fall.from_account,
            from_book=fall.from_book,
            from_backstop=fall.from_backstop,
            from_funds=fall.from_funds,
            deleveraged_needed=fall.deleveraged_needed,
            deleveraged_taken=fall.deleveraged_taken,
            shared=fall.shared,
            uncovered=fall.needed - fall.from_funds - fall.shared,
        )

    def _of(self, account: int) -> Fall:
        return self.open.setdefault(account, Fall())

    def _closed(self, account: int, instrument: int, notional: int, catalogue: Catalogue) -> None:
        coin = catalogue.coin(catalogue.instruments[instrument].base)
        markets = self.closed_in.setdefault(account, {})
        markets[coin] = markets.get(coin, 0) + notional


def remembered(falls: Falls) -> list[FallRow]:
    """Rows in canonical order; amounts as text, for they may pass 64 bits."""
    return [
        (
            account,
            tuple(map(str, astuple(fall))),
            [(coin, str(n)) for coin, n in sorted(falls.closed_in.get(account, {}).items())],
        )
        for account, fall in sorted(falls.open.items())
    ]


def recalled(rows: Sequence[FallRow]) -> Falls:
    """The state that was remembered."""
    falls = Falls()
    for account, amounts, markets in rows:
        falls.open[account] = Fall(*map(int, amounts))
        if markets:
            falls.closed_in[account] = {coin: int(atoms) for coin, atoms in markets}
    return falls
