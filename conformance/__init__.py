"""Checkers of vector files: each `check_*.py` maps files to functions in its `FILES`."""
