"""Standard margin of venues: parameter sets for `Standard`, each with its date and its source.

Only rates that the venue's own pages state; venues change them without notice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from seawall.margin.listed.rates import FutureRates, OptionRates, OptionTerms
from seawall.margin.standard import Standard


class Venue(NamedTuple):
    """A method with the parameters of one venue."""

    method: Standard
    as_of: str
    source: str
    note: str = ""  # What the venue's page leaves open, and what stands here instead.


def _rates(underlying: str, least: str, **others: str) -> OptionRates:
    more = {name: Decimal(text) for name, text in others.items()}
    return OptionRates(underlying=Decimal(underlying), least=Decimal(least), **more)


def _future(initial: str, maintenance: str, slope: str) -> FutureRates:
    return FutureRates(
        initial=Decimal(initial), maintenance=Decimal(maintenance), slope=Decimal(slope)
    )


_DERIBIT = OptionTerms(
    initial=_rates("0.15", "0.10"), maintenance=_rates("0.075", "0.075", premium_least="0.075")
)
_AEVO = OptionTerms(initial=_rates("0.15", "0.10"), maintenance=_rates("0.10", "0.10"))
_OKX = _rates("0.15", "0.10", put_least_of_premium="0.10")
_BYBIT = OptionTerms(
    initial=_rates("0.15", "0.10"),
    maintenance=_rates("0.03", "0.03", premium_least="0.03", fee="0.002"),
)
_PARADEX = OptionTerms(
    initial=_rates("0.15", "0.10", put_cap="0.5", long_premium="1", long_underlying="0.2"),
    maintenance=_rates("0.075", "0.05", put_cap="0.5", long_premium="0.5", long_underlying="0.1"),
)


def _both(terms: OptionTerms) -> dict[str, OptionTerms]:
    return {"BTC": terms, "ETH": terms}


VENUES = {
    "deribit": Venue(
        Standard(
            options=_both(_DERIBIT),
            futures={
                "BTC": _future("0.02", "0.01", "0.00005"),
                "ETH": _future("0.02", "0.01", "0.000004"),
                "SOL": _future("0.04", "0.02", "0.000005"),
            },
            underlying="forward",
        ),
        "2026-11",
        "support.deribit.com, Standard margin and article 25944738177565; docs.deribit.com",
        "The slope of ETH is remembered, not read again.",
    ),
    "okx": Venue(
        Standard(options=_both(OptionTerms(initial=_OKX, maintenance=_OKX)), underlying="forward"),
        "2026-11",
        "okx.com, Options margin in the single-currency and multi-currency modes",
        "Maintenance was not obtainable; the initial rates stand in for it.",
    ),
    "bybit": Venue(
        Standard(options=_both(_BYBIT)),
        "2025-02",
        "bybit.com help centre, Comparison of Spread Strategies in Cross and Portfolio Margin",
        "The venue takes the larger of entry price and mark; here the mark, as a table has no"
        " entry.",
    ),
    "paradex": Venue(
        Standard(options=_both(_PARADEX), premium="in_equity", long_options_count=True),
        "2026-11",
        "docs.paradex.trade, Perpetual options margin requirements (older page; a newer halves it)",
    ),
    "aevo": Venue(
        Standard(options=_both(_AEVO), underlying="forward"),
        "2026-11",
        "docs.aevo.xyz, Standard margin: as Deribit's, with a maintenance rate of 0.10",
    ),
    "bit": Venue(
        Standard(options=_both(_DERIBIT), underlying="forward"),
        "2022",
        "support.bit.com, Options margin: Deribit's terms with worked numbers",
    ),
}
