"""What a calibration leaves for others: a depth file for stress tests, a book for worlds.

Each number carries the sentence that says where it came from. Knows TOML as text.
"""

from __future__ import annotations

from seawall.simulation.history.calibration import SQRT, Calibration, laws_of
from seawall.simulation.history.impact import MILLION

_WORLD_DEPTH = 100_000_000  # Dollars; any: the law's factor follows from it.


def depth_toml(found: Calibration, coin: str, source: str) -> str:
    """The depth file: the measured point, what comes back in a tick of a minute, and how sure."""
    fit = found.first
    back = fit.rebound
    wide = back.impact_error / back.impact if back.impact > 0.0 else 1.0
    return (
        f"# {coin} by {source}: {fit.minutes:,} minutes, judged on {found.second.minutes:,} later "
        f"ones.\n"
        f"# A tick is a minute.{_refuted(found)}\n\n"
        f"[coins.{coin}]\n"
        f"sold       = {fit.typical / fit.price:.0f} # Coins a minute at which the estimate looks: "
        f"{fit.typical / MILLION:.2f} million dollars.\n"
        f"drop       = {max(fit.drop, 1e-6):.6f} # By what the price takes back: "
        f"{back.impact * 1e4:.1f} ± {back.impact_error * 1e4:.1f} basis points a million.\n"
        f"resilience = {1.0 - 0.5 ** (1.0 / back.half_life_min):.4f} # Half life "
        f"{back.half_life_min:.1f} minutes.\n\n"
        "[spread]\n"
        f"depth      = {wide:.3f} # The estimate's own standard error.\n"
        f"withdrawal = {max(fit.withdrawal[0], 0.0):.3f} # Exponent of the quoted spread in "
        "volatility.\n"
    )


def book_toml(found: Calibration, coin: str, source: str) -> str:
    """A book of a world under the square root through the measured point."""
    fit = found.first
    law = next(one for one in laws_of(fit) if one.power == SQRT)
    factor = law.size * (_WORLD_DEPTH / MILLION) ** SQRT
    return (
        f"# {coin} by {source}.\n"
        "[[books]]\n"
        'id          = "main"\n'
        f'coin        = "{coin}"\n'
        "permanent   = 0 # What would stay is not seen by the estimate.\n"
        f"half_life_s = {fit.rebound.half_life_min * 60:.0f}\n"
        f'law         = {{ law = "sqrt", factor = {min(factor, 1.0):.6f} }}\n'
        f'makers      = [{{ name = "makers", depth = {_WORLD_DEPTH}, calm = {fit.calm:.6f} }}]\n'
    )


def _refuted(found: Calibration) -> str:
    ran = [one.law.name for one in found.judged if one.ran_away]
    return (
        f"\n# Refuted by the later minutes, in which it runs away: {'; '.join(ran)}." if ran else ""
    )
