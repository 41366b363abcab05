from pathlib import Path

import pytest

from seawall.simulation.bars import Bar, ScenarioError, read_bars

ROOT = Path(__file__).parents[2]
CRASH = ROOT / "examples" / "crash-2024-08-05" / "bars.csv"
HEAD = "bar_start_utc,BTC_low,BTC_high,BTC_close"
GOOD = ["2024-08-04T00:00Z,99.5,101,100", "2024-08-04T00:05Z,98,100,99.25"]


def write(folder: Path, lines: list[str], head: str = HEAD) -> Path:
    file = folder / "bars.csv"
    file.write_text("\n".join([head, *lines]) + "\n")
    return file


def test_the_crash_is_read_exactly() -> None:
    bars = read_bars(CRASH, ("BTC", "ETH"), 300)
    assert len(bars.bar) == 864
    # The first line of the file, in units of 10^-10 dollar.
    assert bars.bar[0] == (
        Bar(606398100000000, 607223500000000, 607214900000000),
        Bar(29012500000000, 29057600000000, 29052000000000),
    )
    assert min(row[0].low for row in bars.bar) == 49_000 * 10**10
    assert min(row[1].low for row in bars.bar) == 2_111 * 10**10
    assert bars.start_ms[0] == 1_722_729_600_000  # 2024-08-04T00:00Z
    assert bars.start_ms[-1] - bars.start_ms[0] == 863 * 300_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2024-08-04T00:05Z,-98,100,99", "bar 2: BTC_low: -98 is not positive"),
        ("2024-08-04T00:05Z,0,100,99", "bar 2: BTC_low: 0 is not positive"),
        ("2024-08-04T00:05Z,98,NaN,99", "bar 2: BTC_high: NaN is not a finite number"),
        ("2024-08-04T00:05Z,98,Infinity,99", "bar 2: BTC_high: Infinity is not a finite number"),
        ("2024-08-04T00:05Z,98,100,dear", "bar 2: BTC_close: 'dear' is not a number"),
        ("2024-08-04T00:05Z,98,100,", "bar 2: BTC_close: '' is not a number"),
        ("2024-08-04T00:05Z,98,100", "bar 2: BTC_close: missing"),
        ("2024-08-04T00:05Z,98,100,99.00000000001", "bar 2: BTC_close: 99.00000000001 has more"),
        ("2024-08-04T00:05Z,101,100,100", "bar 2: BTC_low: above BTC_high"),
        ("2024-08-04T00:05Z,98,100,97.99", "bar 2: BTC_close: outside low and high"),
        ("2024-08-04T00:05Z,98,100,100.01", "bar 2: BTC_close: outside low and high"),
        ("2024-08-04T00:00Z,98,100,99", "bar 2: bar_start_utc: the same time as the bar before"),
        ("2024-08-03T23:55Z,98,100,99", "bar 2: bar_start_utc: earlier than the bar before"),
        (
            "2024-08-04T00:10Z,98,100,99",
            "bar 2: bar_start_utc: 600 s after the bar before, not 300",
        ),
        ("2024-08-04T00:05,98,100,99", "bar 2: bar_start_utc: '2024-08-04T00:05' has no time zone"),
        ("yesterday,98,100,99", "bar 2: bar_start_utc: 'yesterday' is not a time"),
    ],
)
def test_a_bar_that_cannot_be_true_is_refused(tmp_path: Path, line: str, said: str) -> None:
    file = write(tmp_path, [GOOD[0], line])
    with pytest.raises(ScenarioError) as refused:
        read_bars(file, ("BTC",), 300)
    assert str(refused.value).startswith(f"bars.csv: {said}")
    assert "\n" not in str(refused.value)


def test_files_without_what_is_needed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"bars.csv: ETH_low: missing column"):
        read_bars(write(tmp_path, GOOD), ("BTC", "ETH"), 300)
    with pytest.raises(ScenarioError, match=r"bars.csv: no bars"):
        read_bars(write(tmp_path, []), ("BTC",), 300)
    with pytest.raises(ScenarioError, match=r"other.csv: no such file"):
        read_bars(tmp_path / "other.csv", ("BTC",), 300)


def test_more_columns_than_needed_are_allowed(tmp_path: Path) -> None:
    file = write(tmp_path, [f"{line},x" for line in GOOD], f"{HEAD},note")
    assert read_bars(file, ("BTC",), 300).bar[1] == (Bar(98 * 10**10, 100 * 10**10, 992500000000),)
