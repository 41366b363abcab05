"""`python -m seawall.cli` is the same as `seawall`."""

from seawall.cli import main

main()
