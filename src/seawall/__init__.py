"""Seawall: a margin and liquidation engine for crypto derivatives.

The floors, from the bottom: `money`, `market` and `ledger` (exact integers), `pricing` and `margin`
(float64 columns, pure), `liquidation` (pure plans, exact amounts), `engine` (one event in, effects
out), `simulation` (drivers) and `cli`. A floor imports only floors below it.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("seawall")
except PackageNotFoundError:  # A source tree that was never installed.
    __version__ = "0+unknown"

__all__ = ["__version__"]
