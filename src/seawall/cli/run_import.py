"""`seawall import`: what a venue answered, as a portfolio file that every other command reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

from seawall.cli.output import DONE, WRONG_INPUT, Failure, cannot_write, wrong_input

Shape = Literal["deribit", "ccxt"]


def run(
    shape: Shape,
    positions: Path,
    balance: Path,
    output: Path | None,
    names: dict[str, str | None],
    profit_in_total: bool,
) -> int:
    """Read two payloads, and write a portfolio with everything in it that could be read."""
    import msgspec

    from seawall.portfolio import PortfolioError, from_ccxt, from_deribit, portfolio_toml

    if profit_in_total and shape != "ccxt":
        raise Failure(WRONG_INPUT, "--profit-in-total: is said of ccxt's balances alone")
    held, account = _payload(positions), _payload(balance)
    name = names["name"] or (positions if output is None else output).stem
    try:
        if shape == "deribit":
            portfolio, left_out = from_deribit(held, account, name)
        else:
            portfolio, left_out = from_ccxt(held, account, name, profit_in_total=profit_in_total)
    except PortfolioError as error:
        raise wrong_input(error, positions if "$.positions" in str(error) else balance) from None
    named = {key: names[key] for key in ("rules", "market", "method")}
    text = portfolio_toml(msgspec.structs.replace(portfolio, left_out=left_out, **named))
    for entry in left_out:
        print(f"left out: {entry}", file=sys.stderr)
    if output is None:
        print(text, end="")
        return DONE
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(error, output) from None
    print(f"{output}: {len(portfolio.holdings)} holdings, {len(left_out)} left out")
    return DONE


def _payload(file: Path) -> Any:
    """Read JSON with its digits; the envelope of an answer is taken off."""
    from decimal import Decimal

    import msgspec

    try:
        tree = msgspec.json.Decoder(float_hook=Decimal).decode(file.read_bytes())
    except OSError as error:
        raise Failure(WRONG_INPUT, f"{file}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong_input(error, file) from None
    return tree["result"] if isinstance(tree, dict) and "result" in tree else tree
