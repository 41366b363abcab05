"""What the portfolio commands share: an account read from its files, or one line of failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import WRONG_INPUT, Failure, wrong_input

if TYPE_CHECKING:
    from seawall.engine.rulebook import Rulebook
    from seawall.portfolio import Account


def account_of(file: Path, rules: Path | None, market: Path | None, method: str | None) -> Account:
    """Read an account with its rules and its market; say in one line which file is wrong."""
    from seawall.cli.run_rules import read as read_rules
    from seawall.portfolio import (
        Account,
        Market,
        Portfolio,
        PortfolioError,
        read,
        rows_of,
        venue_at,
    )

    try:
        portfolio = read(file, Portfolio)
    except PortfolioError as error:
        raise wrong_input(error, file) from None
    rules = _place(file, rules, portfolio.rules, "rules")
    market = _place(file, market, portfolio.market, "market")
    rulebook = read_rules(rules)
    name = _method(rulebook, method or portfolio.method, file)
    try:
        venue = venue_at(rulebook, read(market, Market), market)
    except PortfolioError as error:
        raise wrong_input(error, market) from None
    try:
        return Account(portfolio.name, venue, tuple(rows_of(venue, portfolio, file)), name)
    except PortfolioError as error:
        raise wrong_input(error, file) from None


def methods_of(account: Account, said: Sequence[str], file: Path) -> list[str]:
    """Names of the methods that are asked for; `all` is every one of the rulebook."""
    rulebook = account.venue.rulebook
    if "all" in said:
        return list(rulebook.method_names)
    return [_method(rulebook, name, file) for name in dict.fromkeys(said)] or [account.method]


def _place(file: Path, given: Path | None, named: str | None, key: str) -> Path:
    if given is not None:
        return given
    if named is None:
        raise Failure(WRONG_INPUT, f"{file}: $.{key}: missing; name a file or give --{key}")
    return file.parent / named


def _method(rulebook: Rulebook, name: str | None, file: Path) -> str:
    names = rulebook.method_names
    if name is None and len(names) == 1:
        return names[0]
    if name in names:
        return str(name)
    said = "missing" if name is None else f"{name} is not in the rulebook"
    raise Failure(WRONG_INPUT, f"{file}: $.method: {said}; it has {', '.join(names)}")
