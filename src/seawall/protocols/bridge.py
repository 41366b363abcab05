"""When a message from another chain is believed, and what bridged collateral is worth meanwhile.

A bridged coin is only as real as its weakest verifier: on 18 April 2026 one forged packet, accepted
by the single verifier that was asked, released 116,500 rsETH that nothing stood behind.

Sources: ICS-4 (IBC packets), LayerZero v2 (verifier sets of a pathway), CCTP v2 (finality
thresholds 1,000 and 2,000), from their public documentation.
"""

from __future__ import annotations

from collections.abc import Collection

from seawall.money import RATIO_ONE, Rounding, divide, square_root


def packet_expired(height: int, time: int, timeout_height: int = 0, timeout_time: int = 0) -> bool:
    """Whether an IBC packet has passed a limit of the receiving chain; a limit of 0 is none.

    A packet at its limit has passed it. Only an expired packet without a receipt can be proved to
    have timed out, so never both: received and refunded.

    >>> packet_expired(99, 1000, timeout_height=100), packet_expired(100, 10, 100, 1000)
    (False, True)
    """
    late = timeout_height != 0 and height >= timeout_height
    return late or (timeout_time != 0 and time >= timeout_time)


def packet_verified(
    required: Collection[str],
    optional: Collection[str],
    optional_threshold: int,
    attested: Collection[str],
    confirmed: bool = True,
) -> bool:
    """Whether a LayerZero packet is verified.

    All required verifiers, at least `optional_threshold` of the optional ones, and the block
    confirmations. A pathway that asks nobody verifies nothing.

    >>> packet_verified(["A"], ["B", "C"], 1, ["A", "C"])
    True
    """
    if not required and optional_threshold <= 0:
        return False
    attesting = set(attested)
    optionals = len(attesting & set(optional))
    return confirmed and attesting >= set(required) and optionals >= optional_threshold


def mint_accepted(
    nonce: int, used_nonces: Collection[int], finality: int, finality_least: int
) -> bool:
    """Whether a CCTP message may mint: a nonce not used before and the finality that is asked for.

    >>> mint_accepted(7, [1, 2], 2000, 2000), mint_accepted(7, [7], 2000, 2000)
    (True, False)
    """
    return nonce not in used_nonces and finality >= finality_least


def latency_haircut(z: int, volatility: int, years: int, cost: int) -> int:
    """Haircut of a bridged coin while it cannot be moved: z · σ · √τ + cost, at most 1, rounded up.

    All in parts per billion; `volatility` is annual, `years` is the time to bring it home, `cost`
    what that takes. It is a quantile z of the loss over the wait if moves are close to normal.

    >>> latency_haircut(2 * RATIO_ONE, 800_000_000, 10_000_000, 5_000_000)  # 2 · 0.8 · √0.01
    165000000
    """
    square = divide((z * volatility) ** 2 * years, RATIO_ONE**3, Rounding.UP)
    return min(square_root(square, Rounding.UP) + cost, RATIO_ONE)
