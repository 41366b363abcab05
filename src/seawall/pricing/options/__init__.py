"""The options of a risk table, settled in cash or in their coin."""

from seawall.pricing.options.price import index_price, price_options

__all__ = ["index_price", "price_options"]
