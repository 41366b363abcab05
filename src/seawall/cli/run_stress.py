"""`seawall stress`: how far one shock would spread through a book, and how sure that is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    cannot_write,
    print_json,
    print_line,
    print_table,
    progress,
    wrong_input,
)
from seawall.cli.stress_json import amplified, json_of

if TYPE_CHECKING:
    from seawall.engine.state import Venue
    from seawall.simulation.stress import DepthFile, Stress, StressBook
    from seawall.simulation.stress.depth import Law

FRAMES = (".parquet", ".csv")
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


class Options(NamedTuple):
    """The command line, as it was written."""

    depth: Path
    shock: str
    law: Law
    runs: int
    seed: int
    beta: Sequence[str]
    fund: float | None
    confidence: float
    rules: Path | None
    market: Path | None
    method: str | None
    ticks: int


def run(file: Path, options: Options, out: Path, as_json: bool) -> int:
    """Read book and depth, run the falls, print the tables and write the page."""
    from seawall.portfolio import PortfolioError
    from seawall.simulation.report_file import replace_file
    from seawall.simulation.stress import Asked, StressError, stress
    from seawall.simulation.stress.page import page

    coin, shock = _move(options.shock, "--shock")
    beta = dict(_beta(said) for said in options.beta)
    book = _book(file, options)
    depth = _depth(book, options)
    began = time.perf_counter()
    asked = Asked(
        coin=coin,
        shock=shock,
        law=options.law,
        runs=options.runs,
        seed=options.seed,
        beta=beta,
        confidence=options.confidence,
        ticks=options.ticks,
    )
    try:
        with progress("stress", "steps", quiet=as_json) as show:
            result = stress(book, depth, asked, show)
    except StressError as error:
        where = options.depth if "$.coins" in str(error) else None
        raise wrong_input(error if where else f"seawall: --{error}", where) from None
    except PortfolioError as error:
        raise wrong_input(error, file) from None
    title, tables = f"{file.stem}: {coin} {shock:+.1%}", _tables(result)
    place = out / "stress.html"
    try:
        replace_file(place, page(result, title, _lede(result), tables, _notes(result)).encode())
    except OSError as error:
        raise cannot_write(error, place) from None
    if as_json:
        print_json(json_of(result, file, options.depth, place))
        return DONE
    print_line(f"{title}: {_lede(result)}\n")
    for name, (columns, rows) in tables.items():
        print_table(columns, rows, TITLES[name], numbers=tuple(range(1, len(columns))))
        print_line("")
    for note in _notes(result):
        print_line(note)
    accounts, took = result.found.equity.size, time.perf_counter() - began
    print_line(f"{accounts:,} accounts and 2 × {asked.runs:,} runs in {took:.1f} s")
    print_line(f"picture: {place}")
    return DONE


TITLES = {
    "laws": "The named shock under each law",
    "risk": "Over all runs",
    "losses": "What closed accounts lost, and who bears it",
    "shares": "Who pays, by the coin that is owed",
    "swings": "One parameter at a time",
    "worst": "Who adds most",
    "ladders": "Forced notional if one coin alone moves",
    "elsewhere": "Sold in other coins",
}


def _book(file: Path, options: Options) -> StressBook:
    from seawall.cli.portfolio import account_of
    from seawall.portfolio import PortfolioError
    from seawall.simulation.stress import StressError, book_of_account, book_of_frame

    if file.suffix not in FRAMES:
        return book_of_account(account_of(file, options.rules, options.market, options.method))
    venue = _venue(file, options)
    try:
        return book_of_frame(file, venue, options.method)
    except (StressError, PortfolioError) as error:
        raise wrong_input(error, file) from None


def _depth(book: StressBook, options: Options) -> DepthFile:
    import msgspec

    from seawall.simulation.stress import StressError, read_depth_file

    coins = tuple(terms.id for terms in book.venue.catalogue.coins)
    prices = {name: book.price(name) for name in coins}
    try:
        depth = read_depth_file(options.depth, coins, prices)
    except StressError as error:
        raise wrong_input(error, options.depth) from None
    if options.fund is None:
        return depth
    if not options.fund >= 0.0:
        raise Failure(WRONG_INPUT, f"seawall: --fund: must be at least 0, not {options.fund}")
    return msgspec.structs.replace(depth, fund=options.fund)


def _venue(file: Path, options: Options) -> Venue:
    from seawall.cli.run_rules import read as read_rules
    from seawall.portfolio import Market, PortfolioError, read, venue_at

    for key in ("rules", "market"):
        if getattr(options, key) is None:
            raise Failure(WRONG_INPUT, f"{file}: a table of accounts needs --{key}")
    assert options.rules is not None
    assert options.market is not None
    rulebook = read_rules(options.rules)
    try:
        return venue_at(rulebook, read(options.market, Market), options.market)
    except PortfolioError as error:
        raise wrong_input(error, options.market) from None


def _move(said: str, option: str) -> tuple[str, float]:
    """COIN=-20% or COIN=-0.2."""
    coin, _, number = said.partition("=")
    try:
        share = float(number.removesuffix("%")) / (100.0 if number.endswith("%") else 1.0)
    except ValueError:
        raise Failure(WRONG_INPUT, f"seawall: {option}: {said} is not COIN=-20%") from None
    return coin, share


def _beta(said: str) -> tuple[str, float]:
    coin, share = _move(said, "--beta")
    if said.endswith("%") or not abs(share) <= 10.0:
        raise Failure(WRONG_INPUT, f"seawall: --beta: {said} is not COIN=1.2")
    return coin, share


def _lede(result: Stress) -> str:
    fallen, asked, price = result.fallen, result.asked, result.found.price
    whole = float(fallen.final[0]) / price - 1.0
    said = f"a shock of {asked.shock:.1%} becomes {whole:.1%} under law {asked.law}"
    return (
        f"{said}: {int(fallen.accounts[0]):,} of {result.found.equity.size:,} accounts taken from, "
        f"{float(fallen.notional[0]):,.0f} forced, "
        f"{float(fallen.bad_debt[0]):,.0f} owed by nobody, fund {result.fund:,.0f}"
    )


def _tables(result: Stress) -> dict[str, Table]:
    tables = {
        "laws": _laws(result),
        "risk": _risk(result),
        "losses": _losses(result),
        "swings": _swings(result),
        "worst": _worst(result),
        "ladders": _ladders(result),
    }
    if any(share.owed for share in result.shares):
        tables["shares"] = _shares(result)
    if result.elsewhere:
        tables["elsewhere"] = _elsewhere(result)
    return tables


def _laws(result: Stress) -> Table:
    columns = ["law", "final price", "move ÷ shock", "accounts", "notional", "bad debt",
               "fund left", "largest R0", "shock to R0 ≥ 1", "gap that empties fund"]  # fmt: skip
    rows = []
    for name, under in result.under.items():
        fallen, reading = under.fallen, under.reading
        rows.append(
            [
                name,
                f"{float(fallen.final[0]):,.2f}",
                f"{amplified(result, float(fallen.final[0])):.2f}",
                f"{int(fallen.accounts[0]):,}",
                f"{float(fallen.notional[0]):,.0f}",
                f"{float(fallen.bad_debt[0]):,.0f}",
                f"{float(result.left(fallen)[0]):,.0f}",
                f"{reading.largest_gain:.2f}",
                "none" if reading.to_cascade is None else f"{reading.to_cascade:.1%}",
                "none" if reading.to_empty_fund is None else f"{reading.to_empty_fund:.1%}",
            ]
        )
    return columns, rows


def _risk(result: Stress) -> Table:
    sure = f"at {result.asked.confidence:.0%}"
    columns = [f"{result.asked.runs:,} runs", "with feedback", "without"]
    rows = []
    for said, key in (
        (f"bad debt, VaR {sure}", "value"),
        (f"bad debt, expected shortfall {sure}", "expected_shortfall"),
        (f"bad debt beyond the fund, VaR {sure}", "uncovered"),
        (f"notional liquidated (LaR) {sure}", "liquidation"),
        (f"margin of accounts taken from {sure}", "margin"),
        (f"fund left {sure}", "fund_left"),
    ):
        numbers = (getattr(risk, key) for risk in (result.risk, result.quiet_risk))
        rows.append([said, *(f"{number:,.0f}" for number in numbers)])
    pair = (result.risk, result.quiet_risk)
    rows.append(
        [f"whole move {sure}", *(f"{result.ladder.sign * -risk.fall:+.1%}" for risk in pair)]
    )
    rows.append(
        ["runs that empty the fund", *(f"{r.emptied:.1%} ± {r.emptied_error:.1%}" for r in pair)]
    )
    return columns, rows


def _losses(result: Stress) -> Table:
    told = result.losses
    rows = [
        ["lost to the price", told.price],
        ["lost selling into the book", told.book],
        ["fees", told.fees],
        ["borne by these accounts", told.accounts],
        ["borne by the fund", told.fund],
        ["borne by deleveraged winners", told.deleveraged],
        ["borne by everybody", told.shared],
        ["uncovered", told.uncovered],
    ]
    return ["", "numeraire"], [[str(said), f"{number:,.0f}"] for said, number in rows]


def _shares(result: Stress) -> Table:
    rows = [
        [one.coin, *(f"{number:,.0f}" for number in one[1:])]
        for one in result.shares
    ]  # fmt: skip
    return ["coin", "owed", "fund", "it pays", "winners", "left"], rows


def _swings(result: Stress) -> Table:
    columns = ["parameter", "from", "to", "final price", "", "notional", "", "bad debt", ""]
    rows = [
        [
            swing.parameter,
            swing.low,
            swing.high,
            *(f"{number:,.2f}" for number in swing.final),
            *(f"{number:,.0f}" for number in (*swing.notional, *swing.bad_debt)),
        ]
        for swing in result.swings
    ]
    return columns, rows


def _worst(result: Stress) -> Table:
    names = result.book.names
    rows = [
        [names[one.account], f"{one.units:,.4f}", f"{one.price:,.2f}", f"{one.notional:,.0f}",
         f"{one.impact:,.2f}"]
        for one in result.worst
    ]  # fmt: skip
    columns = ["account", result.asked.coin, "sold at", "forced in all", "adds to the move"]
    return columns, rows


def _ladders(result: Stress) -> Table:
    from seawall.simulation.stress.stress import WITHIN

    rows = [
        [f"{one.coin}, {'falling' if one.side == 'long' else 'rising'}",
         *(f"{notional:,.0f} ({accounts:,})" for accounts, notional in one.within)]
        for one in result.ladders
    ]  # fmt: skip
    return ["coin", *(f"{move:.0%}" for move in WITHIN)], rows


def _elsewhere(result: Stress) -> Table:
    rows = [
        [one.coin, f"{one.units:,.4f}", f"{one.notional:,.0f}",
         "not known" if one.move is None else f"{one.move:+.2%}", f"{one.final:,.2f}"]
        for one in result.elsewhere
    ]  # fmt: skip
    return ["coin", "sold", "notional", "moves it by", "final price"], rows


def _notes(result: Stress) -> list[str]:
    from seawall.simulation.stress.judging import followed

    asked = result.asked
    beta = ", ".join(f"{coin} {share:g}" for coin, share in asked.beta.items())
    others = f"others move with beta {beta}" if beta else "other coins stay where they are"
    size = followed(result.book.venue)
    silent = [one.coin for one in result.elsewhere if one.move is None]
    still = (
        f" Nothing is known of the depth of {', '.join(silent)}: sales there move no price."
        if silent
        else ""
    )
    return [
        "Each account is judged by its own margin method, and what is taken follows the rulebook: "
        f"{size}. In the law table, R0 and the two distances are of full closes; {others}. "
        f"The shock comes in {asked.ticks} ticks. "
        f"Seed {asked.seed}. Shock, depth and resilience are drawn with fat tails around what is "
        f"named.{still}",
        *_of_groups(result),
        "The depth is what the depth file says, and the law decides whether there is a tipping "
        "point: read all lines, and the one without impact first.",
    ]


def _of_groups(result: Stress) -> list[str]:
    """How the draws' book differs from the whole one, where it does."""
    accounts = result.found.equity.size
    if result.groups == accounts:
        return []
    price, whole, merged = result.found.price, result.fallen, result.grouped
    ends = [float(one.final[0]) / price - 1.0 for one in (merged, whole)]
    debts = [float(one.bad_debt[0]) for one in (merged, whole)]
    return [
        f"Runs and ranges merge {accounts:,} accounts into {result.groups:,} that are alike. The "
        f"named fall on those ends at {ends[0]:+.2%} and owes {debts[0]:,.0f}; on the whole book "
        f"it is {ends[1]:+.2%} and {debts[1]:,.0f}."
    ]
