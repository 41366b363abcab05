"""What a method of the backtest is called: a tail, maybe a number, maybe tools against swings.

Knows names and which of them go together; computes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TAILS = {
    "fhs_es": "filtered historical simulation, expected shortfall",
    "fhs_var": "filtered historical simulation, value at risk",
    "historical_es": "plain historical simulation, expected shortfall",
    "historical_var": "plain historical simulation, value at risk",
    "evt_es": "filtered losses with a generalised Pareto tail, expected shortfall",
    "evt_var": "filtered losses with a generalised Pareto tail, value at risk",
    "ewma": "a number of EWMA volatilities, 3 unless given: ewma:4",
    "fixed": "one share of the notional for ever: fixed:0.16",
}
TOOLS = {
    "half": "half filtering (fhs only)",
    "stress": "25 % weight on stressed dates, EMIR Article 28(1)(b)",
    "floor": "not below the plain margin of ten years, EMIR Article 28(1)(c)",
    "buffer": "25 % on top, used up when the margin rises, EMIR Article 28(1)(a)",
}
EWMA_MULTIPLE = 3.0


class BacktestError(ValueError):
    """A method, an option or a file of prices is wrong; one line says which and why."""


@dataclass(frozen=True, slots=True)
class Method:
    """One margin method, as written on the command line: tail[:number][+tool...]."""

    name: str
    tail: str
    number: float = 0.0
    tools: frozenset[str] = frozenset()

    @property
    def forecasts_tail(self) -> bool:
        """Whether it says what lies beyond it, so that an expected-shortfall test has a meaning."""
        return self.tail not in {"ewma", "fixed"}

    @property
    def charges_shortfall(self) -> bool:
        """Whether the margin is the expected shortfall and not the value at risk."""
        return self.tail.endswith("_es")


def parse_method(name: str) -> Method:
    """Read a method's name, or refuse it with the names that there are.

    >>> parse_method("fixed:0.16").number, sorted(parse_method("fhs_es+half+buffer").tools)
    (0.16, ['buffer', 'half'])
    """
    head, *tools = name.split("+")
    tail, colon, text = head.partition(":")
    if tail not in TAILS:
        raise BacktestError(f"{name}: no such method; there are {', '.join(TAILS)}")
    for tool in tools:
        if tool not in TOOLS:
            raise BacktestError(f"{name}: +{tool}: no such tool; there are {', '.join(TOOLS)}")
    method = Method(name, tail, _number(name, tail, colon, text), frozenset(tools))
    _check_tools(method)
    return method


def _number(name: str, tail: str, colon: str, text: str) -> float:
    if tail not in {"ewma", "fixed"}:
        if colon:
            raise BacktestError(f"{name}: {tail} takes no number")
        return 0.0
    if not colon and tail == "ewma":
        return EWMA_MULTIPLE
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise BacktestError(f"{name}: give a positive number, such as {tail}:0.16")
    return number


def _check_tools(method: Method) -> None:
    if "half" in method.tools and not method.tail.startswith("fhs"):
        raise BacktestError(f"{method.name}: +half: only filtered historical simulation has it")
    if method.tools & {"stress", "floor"} and not method.forecasts_tail:
        raise BacktestError(f"{method.name}: +stress and +floor need a method with scenarios")
    if method.tools and method.tail == "fixed":
        raise BacktestError(f"{method.name}: a fixed margin does not swing and takes no tool")
