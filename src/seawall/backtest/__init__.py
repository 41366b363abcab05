"""Backtests of margin methods: coverage, tails beyond the record, and swings."""

from seawall.backtest.method import BacktestError, Method, parse_method
from seawall.backtest.prices import Prices, read_prices
from seawall.backtest.run import Backtest, Judgement, Setting, backtest

__all__ = [
    "Backtest",
    "BacktestError",
    "Judgement",
    "Method",
    "Prices",
    "Setting",
    "backtest",
    "parse_method",
    "read_prices",
]
