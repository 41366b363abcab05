"""Ethereum's base fee: what a unit of gas costs in the next block.

Fees in wei. Knows no tip and no mempool. Source: EIP-1559 (CC0).
"""

from __future__ import annotations

ELASTICITY = 2  # Gas limit ÷ target.
CHANGE_DIVISOR = 8  # A full or an empty block moves the fee by at most an eighth.


def next_base_fee(base_fee: int, gas_used: int, gas_limit: int) -> int:
    """Base fee of the next block, wei.

    fee ± ⌊⌊fee · |used − target| / target⌋ / 8⌋ with target = ⌊limit / 2⌋; a block above its target
    raises it by at least 1.

    >>> next_base_fee(1_000_000_000, 1_000_000, 1_000_000)
    1125000000
    """
    target = gas_limit // ELASTICITY
    change = base_fee * abs(gas_used - target) // target // CHANGE_DIVISOR
    if gas_used > target:
        return base_fee + max(1, change)
    return base_fee - change
