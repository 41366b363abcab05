"""What a person asks of a portfolio: its margin, liquidation prices, what a trade would do."""
