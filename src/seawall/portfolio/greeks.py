"""How an account's worth moves, by underlying and expiry.

    delta   Σ lots · size · ∂price/∂forward     coins; a coin that is held is itself, one each
    gamma   change of delta for 1 % of price    coins
    vega    for one point of volatility         numeraire
    theta   for one day that passes             numeraire

Options: Black-76 with the forward, volatility and discount of the published table. The delta of an
option settled in its coin is Black's, not less its premium: that is coins which are held. A linear
contract is its coins. An inverse contract is the coins in its quote: its lots are dollars.
"""

from __future__ import annotations

import msgspec

from seawall.market import Kind
from seawall.portfolio.account import Account
from seawall.pricing import black_greeks

DAYS_A_YEAR = 365.0


class Exposure(msgspec.Struct, frozen=True):
    """Sensitivities of the rows of one coin and one expiry."""

    coin: str
    expires_ms: int  # 0: coins held and perpetuals.
    delta: float  # Coins.
    gamma: float  # Coins for 1 % of the price.
    vega: float  # Numeraire for one point of volatility.
    theta: float  # Numeraire a day.


def exposures(account: Account) -> tuple[Exposure, ...]:
    """Add up the Greeks of the rows by coin and expiry; the cash of the venue has none.

    >>> from seawall.portfolio import load
    >>> [(e.coin, e.delta) for e in exposures(load("examples/margin/portfolio.toml"))]
    [('BTC', 3.5), ('ETH', -14.75)]
    """
    catalogue = account.venue.catalogue
    cash = catalogue.coin(account.venue.rulebook.cash)
    risk = account.table.risk
    sums: dict[tuple[int, int], list[float]] = {}
    for asset, held in account.rows:
        listed = catalogue.assets[asset]
        coin, expires_ms = listed.coin, int(risk.expires_ms[asset])
        if listed.kind in (Kind.CURRENCY, Kind.QUOTE):
            if listed.kind == Kind.QUOTE:
                expires_ms = catalogue.instruments[listed.instrument].expires_ms or 0
            each = (held / 10**listed.decimals, 0.0, 0.0, 0.0)
        elif listed.kind == Kind.OPTION:
            each = _option(account, asset, held)
        else:
            each = (held * float(risk.quotes.size[asset]), 0.0, 0.0, 0.0)
        if coin == cash or listed.kind == Kind.INVERSE:
            continue
        row = sums.setdefault((coin, expires_ms), [0.0] * 4)
        for place, greek in enumerate(each):
            row[place] += greek
    return tuple(
        Exposure(risk.coins[coin], expires_ms, *row)
        for (coin, expires_ms), row in sorted(sums.items())
    )


def _option(account: Account, asset: int, held: int) -> tuple[float, float, float, float]:
    catalogue, risk = account.venue.catalogue, account.table.risk
    quotes = risk.quotes
    years, volatility = float(quotes.years[asset]), float(quotes.volatility[asset])
    if years <= 0.0 or volatility <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    forward = float(quotes.forward[asset])
    greeks = black_greeks(
        forward, float(risk.strike[asset]), volatility, years, float(quotes.discount[asset]),
        bool(risk.is_call[asset]),
    )  # fmt: skip
    coins = held * float(quotes.size[asset])
    one = float(catalogue.numeraire.one)
    settle = float(quotes.price[catalogue.assets[asset].currency])
    terms = catalogue.instruments[catalogue.assets[asset].instrument]
    # Numeraire for one atom of the Black price, which a coin-settled option divides by its forward.
    worth = coins * settle / one / (forward if terms.inverse else one)
    return (
        coins * float(greeks.delta),
        coins * float(greeks.gamma) * forward / 100.0,
        worth * float(greeks.vega) / 100.0,
        worth * float(greeks.theta) / DAYS_A_YEAR,
    )
