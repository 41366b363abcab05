"""One process around one engine: an API over HTTP, keys, and a journal that loses nothing."""

from seawall.service.words.problem import Problem

__all__ = ["Problem"]
