"""The compiled search for implied volatilities."""
