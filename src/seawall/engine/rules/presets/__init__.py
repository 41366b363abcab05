"""Margin methods with the parameters of a venue, each with its date and its source.

Knows the data files beside it, how a method is read, and which scans and standard margins the floor
below has written down. Venues change parameters without notice: a preset is what its source said
when it was read, and not what holds today.
"""

from __future__ import annotations

import functools
import tomllib
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from seawall.margin import METHODS
from seawall.margin.grids import GRIDS
from seawall.margin.grids import Preset as _Grid
from seawall.margin.listed.venues import VENUES, Venue
from seawall.margin.tiered_by_size import TieredBySize

_SUFFIX = ".toml"
_SCANS = {"aevo_pm": "aevo_pm", "bit_pm": "bit_pm", "grvt_pm": "grvt", "paradex_pm": "paradex_pm"}


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
    read = {file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX)}
    return tuple(sorted(read | _written().keys()))


@functools.cache
def preset(name: str) -> Preset:
    """Read a preset; a name that is not there is refused with those that are.

    >>> preset("hyperliquid").method.brackets["BTC"][0].initial
    Decimal('0.025')
    """
    if name not in names():
        raise PresetError(f"{name}: no such preset; there are {', '.join(names())}")
    if (written := _written().get(name)) is not None:
        return written
    text = resources.files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    tree: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    return msgspec.convert(tree, Preset)


@functools.cache
def _written() -> dict[str, Preset]:
    """Scans and standard margins of venues, which stand beside their method."""
    found: dict[str, _Grid | Venue] = {name: GRIDS[key] for name, key in _SCANS.items()}
    found |= {f"{venue}_standard": one for venue, one in VENUES.items()}
    return {
        name: Preset(as_of=one.as_of, source=one.source, notes=one.note, method=one.method)
        for name, one in found.items()
    }
