"""The page that shows how to add a margin method is run, with the laws it promises."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from seawall.margin import ConformanceError
from seawall.pricing import RiskTable

PAGE = Path(__file__).parents[2] / "docs" / "add-a-margin-method.md"


def surroundings() -> dict:
    value = np.array([10_000.0, 7.0, 1e11])
    risk = RiskTable(
        value=value,
        collateral=np.floor(value * 0.9),
        change=np.zeros((3, 32)),
        bound=value,
        notional=np.array([1e4, 9e12, 1e11]),
        delta=np.zeros(3),
        coin=np.zeros(3, np.int32),
        kind=np.array([0, 4, 2], np.int8),
        expires_ms=np.zeros(3, np.int64),
        strike=np.zeros(3),
        is_call=np.zeros(3, np.int8),
        scenarios=0,
        coins=("BTC",),
    )
    accounts = [[(0, 5), (1, -3)], [(0, 10**9), (1, 10**15 + 1), (2, -(10**14) - 1)], []]
    return {"risk": risk, "accounts": accounts}


def test_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 2
    names = surroundings()
    for block in blocks:
        exec(block, names)


def test_the_page_would_notice_a_wrong_bound() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    wrong = blocks[0].replace("2.0**-53 * gross + 4", "2.0**-70 * gross")
    assert wrong != blocks[0]
    names = surroundings()
    exec(wrong, names)
    with pytest.raises(ConformanceError, match="within error_bound"):
        exec(blocks[1], names)
