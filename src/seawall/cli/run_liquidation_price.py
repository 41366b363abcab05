"""`seawall liquidation-price`: how far one account is from its lines, in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.margin_json import day, percent
from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
)
from seawall.money import RATIO_ONE, format_atoms

if TYPE_CHECKING:
    from seawall.portfolio import Account, Crossing, LiquidationPrices

_DAY_MS = 86_400_000


def run(
    file: Path,
    rules: Path | None,
    market: Path | None,
    method: str | None,
    volatilities: Sequence[str],
    as_json: bool,
) -> int:
    """Read the account, find every crossing and print them, line by line."""
    from seawall.cli.portfolio import account_of
    from seawall.portfolio import liquidation_price

    account = account_of(file, rules, market, method)
    told = liquidation_price(account, _volatilities(account, volatilities))
    if as_json:
        print_json(_json(account, told))
        return DONE
    print_line(f"{told.name}, method {told.method}")
    if told.beyond:
        print_line(f"beyond already: {', '.join(told.beyond)}; what is printed is the way back")
    pairs = {(c.measure, c.of): None for c in told.crossings}
    rows = []
    for measure, of in pairs:
        for direction in ("down", "up"):
            here = {
                c.line: _said(account, c)
                for c in told.crossings
                if (c.measure, c.of, c.direction) == (measure, of, direction)
            }
            if here:
                label = "time, if nothing moves" if measure == "time" else f"{measure} of {of}"
                way = "" if measure == "time" else direction
                rows.append((label, way, here["initial"], here["called"], here["liquidated"]))
    columns = ("", "", "below initial margin", "called", "liquidated")
    print_table(columns, rows, numbers=(2, 3, 4))
    for coin, annual in told.sigma.items():
        print_line(
            f"one daily sigma of {coin}: {100 * annual / 365**0.5:.2f} % ({annual:.4f} a year)"
        )
    for note in told.notes:
        print_line(note)
    return DONE


def _volatilities(account: Account, texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        coin, _, number = text.partition("=")
        try:
            account.venue.catalogue.coin(coin)
            found[coin] = float(number)
        except ValueError as error:
            raise Failure(WRONG_INPUT, f"--volatility: {text}: {error}") from None
        if not 0.0 < found[coin] < 100.0:
            raise Failure(WRONG_INPUT, f"--volatility: {text}: must lie above 0 and below 100")
    return found


def _said(account: Account, crossing: Crossing) -> str:
    at = crossing.at
    if at is None:
        return "none"
    snapshot, catalogue = account.venue.snapshot, account.venue.catalogue
    if crossing.measure == "price":
        now = snapshot.price[catalogue.coin(crossing.of)]
        change = f"{100 * (at / now - 1):+.2f} %"
        return f"{grouped(format_atoms(at, catalogue.numeraire.decimals))} ({change})"
    if crossing.measure == "sigma":
        return f"{at / 1e6:+.3f}"
    if crossing.measure == "volatility":
        return percent(at - RATIO_ONE)
    return f"{day(at)} ({(at - snapshot.time_ms) / _DAY_MS:.2f} days)"


def _json(account: Account, told: LiquidationPrices) -> dict[str, Any]:
    from seawall.cli.margin_json import requirement_json

    numeraire = account.venue.catalogue.numeraire
    return {
        "name": told.name,
        "method": told.method,
        "fingerprint": account.fingerprint,
        "time_ms": account.venue.snapshot.time_ms,
        "numeraire": numeraire.id,
        "now": requirement_json(told.now, numeraire.decimals),
        "beyond": list(told.beyond),
        "crossings": [
            {
                "measure": c.measure,
                "of": c.of,
                "line": c.line,
                "direction": c.direction,
                "at": _value(c, numeraire.decimals),
                "standing": (
                    None if c.standing is None else requirement_json(c.standing, numeraire.decimals)
                ),
            }
            for c in told.crossings
        ],
        "sigma": told.sigma,
        "notes": list(told.notes),
    }


def _value(crossing: Crossing, decimals: int) -> str | None:
    """Price in the quote, sigmas, relative move of volatility, or a moment, as text."""
    at = crossing.at
    if at is None:
        return None
    if crossing.measure == "price":
        return format_atoms(at, decimals)
    if crossing.measure == "sigma":
        return format_atoms(at, 6)
    return format_atoms(at - RATIO_ONE, 9) if crossing.measure == "volatility" else day(at)
