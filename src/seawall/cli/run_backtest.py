"""`seawall backtest`: margin methods against years of prices, each judged on the same days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    DONE,
    cannot_write,
    print_json,
    print_line,
    print_table,
    progress,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.backtest import Backtest, Judgement, Setting
    from seawall.backtest.coverage import LikelihoodRatio


def run(
    methods: Sequence[str],
    prices: Path,
    setting: Setting,
    close: str,
    symbol: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Read the prices, judge the methods, print the table and write the page."""
    from seawall.backtest import BacktestError, backtest, read_prices
    from seawall.backtest.picture import page
    from seawall.simulation.report_file import replace_file

    try:
        bars = read_prices(prices, close, symbol)
        with progress("backtest", "margins", quiet=as_json) as show:
            result = backtest(bars, methods, setting, show)
    except BacktestError as error:
        raise wrong_input(error) from None
    columns, rows = _columns(result), [_row(result, one) for one in result.judgements]
    title = f"Margins backtested on {prices.stem}"
    place = out / "backtest.html"
    html = page(result, title, columns, rows, _notes(result))
    try:
        replace_file(place, html.encode())
    except OSError as error:
        raise cannot_write(error, place) from None
    if as_json:
        print_json(_json(result, prices, place))
        return DONE
    print_line(f"{title}: {_period(result)}\n")
    print_table(columns, rows, numbers=tuple(range(1, len(columns))))
    print_line("")
    for note in _notes(result):
        print_line(note)
    print_line(f"picture: {place}")
    return DONE


def _period(result: Backtest) -> str:
    from seawall.backtest.run import day

    gaps = f", {result.gaps:,} gaps in the bars" if result.gaps else ""
    return (
        f"{result.loss.size:,} judged losses of a {result.setting.side} position, "
        f"{day(int(result.time_ms[0]))} to {day(int(result.time_ms[-1]))}{gaps}"
    )


def _columns(result: Backtest) -> list[str]:
    return [
        "method",
        "exceeded",
        "expected",
        "Kupiec p",
        "Christoffersen p",
        "both p",
        "zone",
        "ES test Z2",
        "ES p",
        "beyond margin",
        "worst by",
        "average",
        "peak ÷ trough",
        f"{result.setting.rise_days}-day rise",
    ]


def _row(result: Backtest, judged: Judgement) -> list[str]:
    size = judged.shortfall
    return [
        judged.method,
        f"{judged.exceedances:,}",
        f"{result.expected:,.1f}",
        f"{judged.kupiec.p_value:.3f}",
        f"{judged.independence.p_value:.3f}",
        f"{judged.conditional.p_value:.3f}",
        judged.zone,
        "—" if size is None else f"{size.unconditional:+.2f}",
        "—" if size is None else f"{size.p_value:.3f}",
        f"{judged.beyond_margin:,}",
        f"{judged.largest_shortfall:.1%}",
        f"{judged.average_margin:.2%}",
        f"{judged.peak_to_trough:.2f}",
        f"{judged.largest_rise:.2f}",
    ]


def _notes(result: Backtest) -> list[str]:
    setting = result.setting
    return [
        f"Confidence {setting.confidence:.2%}, horizon in bars {setting.horizon}, window "
        f"{setting.window:,} bars, decay {setting.decay}. Exceeded, the coverage tests and the "
        "zone judge the value at risk; beyond margin, worst by and all to the right judge what is "
        "collected.",
        "A p below 0.05 says that the forecast is wrong; Z2 below zero says that losses beyond "
        "the value at risk were more or larger than forecast.",
    ]


def _ratio(ratio: LikelihoodRatio | None) -> dict[str, float] | None:
    return None if ratio is None else {"statistic": ratio.statistic, "p": ratio.p_value}


def _json(result: Backtest, prices: Path, place: Path) -> dict[str, Any]:
    import msgspec

    from seawall.backtest.run import day

    return {
        "prices": prices.name,
        "from": day(int(result.time_ms[0])),
        "to": day(int(result.time_ms[-1])),
        "setting": msgspec.to_builtins(result.setting),
        "judged": result.loss.size,
        "expected_exceedances": result.expected,
        "gaps": result.gaps,
        "picture": str(place),
        "methods": [_judgement_json(judged) for judged in result.judgements],
    }


def _judgement_json(judged: Judgement) -> dict[str, Any]:
    size = judged.shortfall
    return {
        "method": judged.method,
        "exceedances": judged.exceedances,
        "kupiec": _ratio(judged.kupiec),
        "christoffersen": _ratio(judged.independence),
        "conditional_coverage": _ratio(judged.conditional),
        "durations": _ratio(judged.durations),
        "exact_binomial_p": judged.exact_p,
        "true_share_95": list(judged.true_share),
        "basel_zone": judged.zone,
        "expected_shortfall_test": None
        if size is None
        else {"z1": size.conditional, "z2": size.unconditional, "p": size.p_value},
        "beyond_margin": judged.beyond_margin,
        "largest_shortfall": judged.largest_shortfall,
        "average_margin": judged.average_margin,
        "peak_to_trough": judged.peak_to_trough,
        "largest_rise": judged.largest_rise,
    }
