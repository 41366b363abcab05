"""What comes out of the waterfall below the book.

Amounts are numeraire atoms unless a coin is named.
"""

from __future__ import annotations

from seawall.engine.effects.effect_base import Effect


class FundPaid(Effect, frozen=True, tag="fund_paid"):
    """An insurance fund paid what an account could not."""

    account: int
    atoms: int  # Numeraire atoms.
    fund: int = 3  # Its account.


class Deleveraged(Effect, frozen=True, tag="deleveraged"):
    """A profitable counterparty was closed against a bankrupt position."""

    account: int
    counterparty: int
    instrument: int
    lots: int  # Of the bankrupt account: positive was long.
    price: int
    notional: int
    needed: int = 0  # What the position lacked against the mark, where the waterfall is told.
    taken: int = 0  # What the counterparty gave up against the mark.


class LossShared(Effect, frozen=True, tag="loss_shared"):
    """What was left after the fund and deleveraging, paid pro rata by those who gained."""

    account: int
    atoms: int
    bearers: int


class Uncovered(Effect, frozen=True, tag="uncovered"):
    """What not even the gains could bear: the venue owes this much more than it holds."""

    account: int
    coin: int
    atoms: int  # Of the coin; they stay as the account's debt, in sight.


class TakenOver(Effect, frozen=True, tag="taken_over"):
    """The backstop took a position over at its bankruptcy price."""

    account: int
    backstop: int
    instrument: int
    lots: int  # Of the account: positive was long.
    price: int
    notional: int
    given_up: int = 0  # What the backstop paid beyond the mark; negative: gained.


class Redistributed(Effect, frozen=True, tag="redistributed"):
    """What a closed account owed, and what it still had, went to the others by stake."""

    account: int
    coin: int
    debt: int  # Atoms of the coin.
    collateral: tuple[tuple[int, int], ...] = ()  # (coin, atoms)


class Withheld(Effect, frozen=True, tag="withheld"):
    """A part of a withdrawal stayed with the venue, which is short of the coin."""

    account: int
    coin: int
    atoms: int  # Of the coin.


class WaterfallDone(Effect, frozen=True, tag="waterfall_done"):
    """A liquidation is over: who gave how much, stage after stage.

    Positions leave by `from_book`, `from_backstop` and deleveraging, in notional. Money comes from
    `from_account`, and what it lacks is needed = from_funds + shared + uncovered. Deleveraging
    stands between: for what its positions lacked against the mark it needed so much from
    counterparties, and took so much.
    """

    account: int
    needed: int  # Owed when nothing was left to sell.
    from_account: int  # Its equity when the liquidation began.
    from_book: int  # Notional.
    from_backstop: int  # Notional.
    from_funds: int
    deleveraged_needed: int
    deleveraged_taken: int
    shared: int
    uncovered: int
