"""What the portfolio commands share: an account read from its files, or one line of failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import WRONG_INPUT, Failure, wrong_input

if TYPE_CHECKING:
    from seawall.engine.rules.rulebook import Rulebook
    from seawall.engine.state import Venue
    from seawall.portfolio import Account


def account_of(
    file: Path,
    rules: Path | None,
    market: Path | None,
    method: str | None,
    stale_after_s: int | None = None,
    *,
    whichever: bool = False,
) -> Account:
    """Read an account with its rules and its market; say in one line which file is wrong.

    A method that the rulebook does not have may be a preset; `whichever` takes any.
    """
    from seawall.cli.run_rules import read as read_rules
    from seawall.portfolio import (
        Account,
        Market,
        Portfolio,
        PortfolioError,
        elsewhere,
        read,
        rows_of,
        venue_at,
        watch_of,
    )

    try:
        portfolio = read(file, Portfolio)
    except PortfolioError as error:
        raise wrong_input(error, file) from None
    rules = _place(file, rules, portfolio.rules, "rules")
    market = _place(file, market, portfolio.market, "market")
    rulebook = read_rules(rules)
    named = method or portfolio.method or (rulebook.method_names[0] if whichever else None)
    name = _method(rulebook, named, file)
    try:
        seen = read(market, Market)
        venue = venue_at(rulebook, seen, market)
        watch = watch_of(venue, seen, market, stale_after_s=stale_after_s)
    except PortfolioError as error:
        raise wrong_input(error, market) from None
    try:
        rows = tuple(rows_of(venue, portfolio, file))
        account = Account(portfolio.name, venue, rows, name, watch, portfolio.left_out)
        return elsewhere(account, [name])
    except PortfolioError as error:
        raise wrong_input(error, file) from None


def venue_of(book: Path, rules: Path | None, market: Path | None) -> Venue:
    """The venue of a table of accounts, which names neither its rules nor its market."""
    from seawall.cli.run_rules import read as read_rules
    from seawall.portfolio import Market, PortfolioError, read, venue_at

    market = _place(book, market, None, "market")
    rulebook = read_rules(_place(book, rules, None, "rules"))
    try:
        return venue_at(rulebook, read(market, Market), market)
    except PortfolioError as error:
        raise wrong_input(error, market) from None


def method_of(rulebook: Rulebook, named: str | None, file: Path) -> str:
    """The method or preset that is named, or the only one that there is."""
    return _method(rulebook, named, file)


def widened(
    account: Account, names: Sequence[str], file: Path, *, leave_out: bool
) -> tuple[Account, dict[str, str]]:
    """Add presets; where they may be left out, say which cannot judge here and why."""
    from seawall.portfolio import PortfolioError, elsewhere

    left: dict[str, str] = {}
    try:
        return elsewhere(account, names), left
    except PortfolioError as error:
        if not leave_out:
            raise wrong_input(error, file) from None
    for name in names:
        try:
            account = elsewhere(account, [name])
        except PortfolioError as error:
            left[name] = str(error)
    return account, left


def methods_of(account: Account, said: Sequence[str], file: Path) -> list[str]:
    """Names of the methods that are asked for; `all` is the rulebook's and every preset."""
    from seawall.portfolio import method_names

    rulebook = account.venue.rulebook
    if "all" in said:
        return list(method_names(rulebook))
    return [_method(rulebook, name, file) for name in dict.fromkeys(said)] or [account.method]


def _place(file: Path, given: Path | None, named: str | None, key: str) -> Path:
    if given is not None:
        return given
    if named is None:
        raise Failure(WRONG_INPUT, f"{file}: $.{key}: missing; name a file or give --{key}")
    return file.parent / named


def _method(rulebook: Rulebook, name: str | None, file: Path) -> str:
    from seawall.engine.rules.presets import names as presets

    own = rulebook.method_names
    if name is None and len(own) == 1:
        return own[0]
    if name in own or name in presets():
        return str(name)
    said = "missing" if name is None else f"{name} is not in the rulebook and no preset"
    there = f"methods are {', '.join(own)}, presets {', '.join(presets())}"
    raise Failure(WRONG_INPUT, f"{file}: $.method: {said}; {there}")
