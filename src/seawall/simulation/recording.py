"""What a replay leaves behind for a reader: the numbers of the report, in whole atoms.

Knows no engine and no page. The replay fills it, `report` draws it, and a file or a test may build
one by hand. Money is an int in numeraire atoms, times are milliseconds UTC, ratios are parts per
billion.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happened to an account, told in one sentence."""

    time_ms: int
    sequence: int
    text: str
    effect: str = ""  # Tag of the effect that it tells; the page colours the step by it.


class WorstAccount(msgspec.Struct, frozen=True):
    """An account that lost most, and why at every step."""

    name: str
    method: str
    steps: tuple[Step, ...]
    lost: int = 0  # Its own equity that is gone, from first step to last; numeraire atoms.
    unpaid: int = 0  # What others paid for it; numeraire atoms.


class LiquidationPoint(msgspec.Struct, frozen=True, array_like=True):
    """One fill of a liquidation order."""

    time_ms: int
    account: str
    instrument: str
    side: Literal["long", "short"]  # Of the position that was taken, not of the order.
    notional: int  # Numeraire atoms.
    lots: int  # Unsigned.
    price: int  # Price atoms.
    full: bool  # Whether the position in this instrument is gone.
    coin: str = ""  # Whose price it is drawn on; the part of `instrument` before "/" if empty.


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The run in one row. Money in numeraire atoms, the rest counts."""

    ticks: int
    events: int
    accounts: int
    calls: int
    warned: int
    liquidations_partial: int
    liquidations_full: int
    notional: int
    fees: int
    bad_debt: int
    fund_start: int
    fund_low: int
    fund_end: int
    deleveraged_notional: int
    deleveraged_count: int
    shared_loss: int
    bankrupt: int
    seconds: float = 0.0  # Wall time of the run; the one number that may differ between runs.
    assets: int = 0  # Ledger assets whose balances were added up.
    zero_sum: bool = True  # Whether every asset's balances summed to zero at the end.
    retail: int = 0  # Accounts of the retail segment, where the book has segments.
    institutional: int = 0
    liquidated_accounts: int = 0
    top_ten_share: float = 0.0  # Of the liquidated notional, in the ten accounts that lost most.
    hill_index: float = 0.0  # Of liquidated notional by account; small is a heavy tail.
    long_share: float = 0.0  # Of the liquidated notional, on the long side.
    peak_minute_share: float = 0.0  # Of the liquidated notional, in the fullest minute.


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the report shows; series share `time_ms`, the heatmap has its own."""

    scenario: str
    seed: int
    fingerprint: str  # Of the rulebook that held at the end.
    state_hash: str  # Of the engine at the end; the same journal gives the same hash anywhere.
    chain: str = ""  # Hash over every event and effect.
    rulebook: str = ""  # Name of the rulebook.
    numeraire: str = "USD"
    decimals: int = 10  # Of the numeraire and of every price.

    time_ms: list[int]
    prices: dict[str, list[int]]  # coin -> [tick] price atoms per whole coin.
    fund: list[int]  # [tick] numeraire atoms in the insurance fund.
    calls: list[int] = []  # [tick] margin calls opened in this tick.

    ratio_edges: list[int]  # [edge] margin equity ÷ maintenance, parts per billion, rising.
    ratio_time_ms: list[int]  # [sample]
    ratio_counts: list[list[int]]  # [sample, bucket]: edge b ≤ ratio < edge b+1 or ∞.

    liquidations: list[LiquidationPoint]
    counts: dict[str, int] = {}  # What came out, by the effect's tag.
    worst: list[WorstAccount]
    summary: Summary
    sources: tuple[str, ...] = ()  # Where the scenario's data come from, with licence.
