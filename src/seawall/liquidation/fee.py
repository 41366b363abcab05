"""What a liquidation costs its account beyond the market. Knows one notional and one equity."""

from __future__ import annotations

from seawall.money import RATIO_ONE, Rounding, multiply_ratio


def liquidation_fee(notional: int, ratio: int, equity: int) -> int:
    """Charge an account for being liquidated: min(notional · ratio, max(0, equity)).

    The fee pays those who stand ready to absorb the position and fills the insurance fund that
    covers accounts which could not pay; it also makes it dearer to be liquidated than to reduce in
    time. It is owed, so it is rounded up; but it never takes more than the account still has,
    because a fee that made its payer bankrupt would be paid by the fund that it is meant to fill.

    `notional` and `equity` in numeraire atoms, `ratio` in parts per billion.

    >>> liquidation_fee(1_000_001, 5_000_000, 10_000), liquidation_fee(1_000_001, 5_000_000, 7)
    (5001, 7)
    """
    assert notional >= 0, "a notional has no sign"
    assert ratio >= 0, "a fee ratio has no sign"
    return min(multiply_ratio(notional, ratio, Rounding.UP), max(0, equity))


def split_fee(fee: int, share: int) -> tuple[int, int]:
    """Divide a fee among those who stand ready for positions: (fund, keeper).

    The keeper's part is owned by a stranger, so it rounds down; the fund, which stands behind
    everybody, gets all the rest. `share` in parts per billion.

    >>> split_fee(1_001, 500_000_000)
    (501, 500)
    """
    assert fee >= 0, "a fee has no sign"
    assert 0 <= share <= RATIO_ONE, "a share is of the whole"
    keeper = multiply_ratio(fee, share, Rounding.DOWN)
    return fee - keeper, keeper
