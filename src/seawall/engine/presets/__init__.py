"""Margin methods with the parameters of a venue, each with its date and its source.

Knows the data files beside it and how a method is read. Venues change parameters without notice:
a preset is what its source said when it was read, and not what holds today.
"""

from __future__ import annotations

import functools
import tomllib
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from seawall.margin import METHODS
from seawall.margin.tiered_by_size import TieredBySize

_SUFFIX = ".toml"


class PresetError(ValueError):
    """A preset that is not there."""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A method as a venue parametrised it."""

    as_of: str  # Date of the source, or "undated".
    source: str  # Where the numbers stand.
    notes: str  # What they leave out.
    method: METHODS | TieredBySize


@functools.cache
def names() -> tuple[str, ...]:
    """Every preset, in alphabetical order.

    >>> "binance_usdm" in names()
    True
    """
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX)))


@functools.cache
def preset(name: str) -> Preset:
    """Read a preset; a name that is not there is refused with those that are.

    >>> preset("hyperliquid").method.brackets["BTC"][0].initial
    Decimal('0.025')
    """
    if name not in names():
        raise PresetError(f"{name}: no such preset; there are {', '.join(names())}")
    text = resources.files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    tree: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    return msgspec.convert(tree, Preset)
