"""What the page on stress tests says of its example is what the example says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from seawall.portfolio import load
from seawall.simulation.stress import Asked, Spread, book_of_frame, read_depth_file, stress
from seawall.simulation.stress.draws import SHOCK, deviations

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "stress.md").read_text()


def test_the_depth_file_of_the_page_is_read(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE, re.S)
    assert found is not None
    (tmp_path / "depth.toml").write_text(found[1])
    depth = read_depth_file(tmp_path / "depth.toml", ("BTC",), {"BTC": 50_000.0})
    assert depth.spread == Spread()
    assert depth.of("BTC").laws[0].price_after(100.0, 0.0) == 100.0


def test_the_numbers_of_the_example() -> None:
    venue = load(ROOT / "examples/margin/portfolio.toml").venue
    book = book_of_frame(ROOT / "examples/stress/book.csv", venue, None)
    prices = {"USDC": 1.0, "BTC": book.price("BTC"), "ETH": book.price("ETH")}
    depth = read_depth_file(ROOT / "examples/stress/depth.toml", tuple(prices), prices)
    told = stress(book, depth, Asked("BTC", -0.2, runs=20, beta={"ETH": 1.2}))
    gap, slow = next(s for s in told.swings if s.parameter == "ticks of the shock").bad_debt
    assert told.fallen.bad_debt[0] / 1e6 == pytest.approx(0.65, abs=0.005)
    assert gap / 1e6 == pytest.approx(18.0, abs=0.05)
    assert slow / 1e6 == pytest.approx(0.004, abs=0.0005)


def test_the_shares_of_the_draws() -> None:
    far = deviations(11, SHOCK, 200_000, 3.0)
    assert np.median(far) == pytest.approx(0.0, abs=0.005)
    assert (np.abs(far) < 0.26).mean() == pytest.approx(0.5, abs=0.005)
    assert (1.0 + 0.25 * far > 1.25).mean() == pytest.approx(1 / 16, rel=0.03)
    assert (1.0 + 0.25 * far > 2.0).mean() == pytest.approx(1 / 250, rel=0.1)
