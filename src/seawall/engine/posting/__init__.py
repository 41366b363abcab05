"""The verbs that move value between accounts: trades, deposits, funding, orders, conversions."""
