"""The effects that the union in `effect.py` takes from one room each."""
