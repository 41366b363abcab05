"""What the monitor is told because no venue says it; every view repeats it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec


class AssumptionError(ValueError):
    """An assumption that makes no sense; the message names its key."""


class Assumptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the live reading. Ratios are of the price; money is in the numeraire."""

    law: str = "linear"  # Under which the headline is read; every law stands beside it.
    within: float = 0.01  # Move after which the depth that the venue tells of is used up.
    notional: float = 10_000_000.0  # Depth within that move where the venue tells of none.
    book_share: float = 1.0  # Share of forced units that reaches the market.
    width: float = 0.01  # Over which R0 is read.
    shock: float = 0.1  # Of the shock that is shown, both ways.
    volatility_day: float = 0.05  # Of normal shocks for what is at risk in a day.
    confidence: float = 0.95
    tolerance: float = 0.0005  # A liquidation price that moved by less is kept.
    step: float = 0.02  # Between two prices at which margin methods are asked.
    fall_most: float = 0.6  # How far they are asked.
    rise_most: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what no reading could stand on."""
        inside = {
            "within": 1.0,
            "book_share": 1.0,
            "width": 0.5,
            "shock": 0.95,
            "volatility_day": 1.0,
            "confidence": 1.0,
            "step": 0.5,
            "fall_most": 0.95,
            "rise_most": 3.0,
        }
        for key, most in inside.items():
            if not 0.0 < getattr(self, key) <= most:
                raise AssumptionError(f"{key}: must lie in (0, {most}], not {getattr(self, key)}")
        if not self.notional > 0.0:
            raise AssumptionError(f"notional: must be above 0, not {self.notional}")
        if not self.tolerance >= 0.0:
            raise AssumptionError(f"tolerance: must be at least 0, not {self.tolerance}")
        if self.law not in ("linear", "exponential", "sqrt", "constant_product"):
            raise AssumptionError(f"law: is none that goes through one measured depth: {self.law}")


def read_assumptions(file: Path) -> Assumptions:
    """Read them from a TOML file; a key that is left out has its default."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Assumptions)
    except OSError as error:
        raise AssumptionError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise AssumptionError(f"{file}: {error}") from None
