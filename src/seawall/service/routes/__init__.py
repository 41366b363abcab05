"""The routes, and how one is declared."""
