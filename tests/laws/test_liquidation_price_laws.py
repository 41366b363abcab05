"""At a price that is named the account is over the line, and one price atom before it is not."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.portfolio import Trials, liquidation_price, load, with_prices
from seawall.portfolio.crossing import first_crossing, outward

EXAMPLE = Path(__file__).parents[2] / "examples" / "margin"
FUTURES = {m: load(EXAMPLE / "portfolio.toml", method=m) for m in ("cross", "portfolio")}
OPTIONS = load(EXAMPLE / "options.toml")


def below(account, line, verdict) -> bool:
    if line == "initial":
        return verdict.margin_equity < verdict.initial
    if line == "liquidated" and account.method == "portfolio":  # Close-out at a half.
        return 2 * verdict.margin_equity < verdict.maintenance
    return verdict.margin_equity < verdict.maintenance


def straddles(account, told) -> int:
    trials, venue = Trials(account), account.venue
    seen = 0
    for crossing in told.crossings:
        if crossing.measure != "price" or crossing.at is None:
            continue
        coin = venue.catalogue.coin(crossing.of)
        step = 1 if crossing.direction == "down" else -1  # Towards today's price.
        verdicts = [
            trials.judge(with_prices(venue.catalogue, venue.snapshot, {coin: at}))
            for at in (crossing.at, crossing.at + step)
        ]
        assert verdicts[0] == crossing.standing
        over, before = (below(account, crossing.line, verdict) for verdict in verdicts)
        assert over != before
        assert before == (crossing.line in told.beyond)
        seen += 1
    return seen


lots = st.lists(st.integers(-4_000, 4_000), min_size=2, max_size=2)


@settings(max_examples=25)
@given(st.sampled_from(["cross", "portfolio"]), st.integers(20_000, 400_000), lots)
def test_equity_straddles_the_line_within_one_price_atom(method, cash, held):
    account = FUTURES[method]
    catalogue, venue = account.venue.catalogue, account.venue
    rows = {0: cash * 10**6, 2: 3 * 10**8}
    for name, lots in zip(("BTC/USDC:USDC", "ETH/USDC:USDC"), held, strict=True):
        number = catalogue.instrument(name)
        rows[catalogue.lot_asset[number]] = lots
        rows[catalogue.cash_asset[number]] = -lots * venue.mark(number) // 10**7
    account = replace(account, rows=tuple(sorted((a, q) for a, q in rows.items() if q)))
    straddles(account, liquidation_price(account))


@pytest.mark.parametrize(
    "account", [*FUTURES.values(), OPTIONS], ids=lambda a: f"{a.name} {a.method}"
)
def test_the_examples_straddle_their_lines(account):
    assert straddles(account, liquidation_price(account)) >= 3


@given(st.integers(1, 10**15), st.integers(1, 10**15), st.integers(1, 10**15))
def test_the_first_crossing_of_one_step_is_the_step(start, end, step):
    found = first_crossing(start, outward(start, end), lambda point: point < step)
    low, high = min(start, end), max(start, end)
    if end >= start:
        assert found == (step if start < step <= high else None)
    else:
        assert found == (step - 1 if low < step <= start else None)
