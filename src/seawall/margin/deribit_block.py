"""The margin method `deribit_pm` from the block of parameters that the venue's API returns.

Knows the names of both. Does not know how a margin is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from seawall.margin.deribit import PairRates, SettlementRates, load_model_params
from seawall.margin.deribit_portfolio import DeribitPortfolio

_SHARED = ("short_term_vega_power", "long_term_vega_power", "min_volatility_for_shock_up")


def deribit_portfolio(
    block: dict[str, Any], dollar_coins: Sequence[str] = ("USDC",)
) -> DeribitPortfolio:
    """The method with the parameters of a `model_params` block as the venue's API returns it.

    Names become upper case; the block's `usd` currency stands for each of `dollar_coins` that has
    no entry of its own. Indices of one coin, and vega powers of all, must agree, because the cells
    of a coin are priced once; where they do not, the `ValueError` names the key.
    """
    model = load_model_params(block)
    found: dict[str, PairRates] = {}
    shared: dict[str, Decimal] = {}
    for key, pair in model.currency_pair.items():
        coin = key.split("_", maxsplit=1)[0].upper()
        rates = PairRates(**_decimals(pair, PairRates.__struct_fields__))
        if found.setdefault(coin, rates) != rates:
            raise ValueError(f"model_params.currency_pair.{key}: differs from {coin}'s other index")
        for name, number in _decimals(pair, _SHARED).items():
            if shared.setdefault(name, number) != number:
                raise ValueError(f"model_params.currency_pair.{key}.{name}: differs between coins")
    currencies = {
        key.upper(): SettlementRates(**_decimals(each, SettlementRates.__struct_fields__))
        for key, each in model.currency.items()
    }
    dollars = currencies.pop("USD", None)
    if dollars is not None:
        currencies = dict.fromkeys(dollar_coins, dollars) | currencies
    return DeribitPortfolio(
        pairs=found,
        currencies=currencies,
        mm_factor=Decimal(str(model.general.mm_factor)),
        buckets_count=model.general.buckets_count,
        **shared,
    )


def _decimals(rates: object, names: Sequence[str]) -> dict[str, Decimal]:
    """The venue's floats as the decimals that they were printed as."""
    return {name: Decimal(str(getattr(rates, name))) for name in names}
