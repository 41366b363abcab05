"""A portfolio as the text of a file that `read` reads back, digit for digit."""

from __future__ import annotations

import json

from seawall.portfolio.read import Portfolio


def portfolio_toml(portfolio: Portfolio) -> str:
    """Write a portfolio as TOML; keys that say nothing are left away.

    >>> from decimal import Decimal
    >>> from seawall.portfolio import Holding
    >>> held = (Holding(id="BTC", quantity=Decimal("0.50")),)
    >>> print(portfolio_toml(Portfolio(name="desk", holdings=held)), end="")
    name = "desk"
    <BLANKLINE>
    [[holdings]]
    id = "BTC"
    quantity = 0.50
    """
    lines = [f"name = {_text(portfolio.name)}"]
    for key in ("rules", "market", "method"):
        said = getattr(portfolio, key)
        if said is not None:
            lines.append(f"{key} = {_text(said)}")
    if portfolio.left_out:
        lines.append("left_out = [")
        lines += [f"    {_text(entry)}," for entry in portfolio.left_out]
        lines.append("]")
    if not portfolio.holdings:
        lines.append("holdings = []")
    for holding in portfolio.holdings:
        lines += ["", "[[holdings]]", f"id = {_text(holding.id)}"]
        lines.append(f"quantity = {holding.quantity:f}")
        if holding.price is not None:
            lines.append(f"price = {holding.price:f}")
    return "\n".join(lines) + "\n"


def _text(said: str) -> str:
    """A basic string of TOML: that of JSON, but for one control character."""
    return json.dumps(said, ensure_ascii=False).replace("\x7f", "\\u007f")
