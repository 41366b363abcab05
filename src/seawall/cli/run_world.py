"""`seawall world`: one world twice, as it is and with the same draws and no impact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seawall.cli.output import (
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
    progress,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.simulation.world import VenueReport, WorldReport
    from seawall.simulation.world.laws import UnderLaw

DECIMALS = 10  # Of the numeraire, and of prices.


def run(scenario: Path, seed: int | None, as_json: bool) -> int:
    """Run both worlds and say how they differ."""
    from seawall.simulation.bars import ScenarioError
    from seawall.simulation.world import Comparison, World, load
    from seawall.simulation.world.laws import sensitivity

    if not scenario.is_file():
        raise Failure(WRONG_INPUT, f"{scenario}: no such file")
    try:
        read = load(scenario)
    except ScenarioError as error:
        raise wrong_input(error) from None
    reports: list[WorldReport] = []
    for label, impact in (("with impact", True), ("without", False)):
        with progress(label, "steps", as_json) as tell:
            reports.append(World(seed, read, impact=impact).run(tell))
    with progress("other laws", "runs", as_json):
        laws = sensitivity(read, seed, Comparison(*reports))
    if as_json:
        told = {"with_impact": _json(reports[0]), "without_impact": _json(reports[1])}
        told["under_laws"] = {name: one._asdict() for name, one in laws.items()}
        print_json({"world": read.name, "seed": reports[0].seed, **told})
    else:
        _print(*reports)
        _print_laws(laws)
    return DONE


def _print(live: WorldReport, still: WorldReport) -> None:
    title = f"{live.name}, seed {live.seed}: {live.steps:,} steps of {live.step_s} s"
    columns = (
        *("venue", "called", "liquidated", "bankrupt", "forced", "without impact"),
        *("bad debt", "fund at the end", "closed against others"),
    )
    rows = [
        (
            name,
            f"{one.called:,}",
            f"{one.liquidated:,}",
            f"{one.bankrupt:,}",
            _whole(sum(one.forced)),
            _whole(sum(still.venues[name].forced)),
            _whole(one.bad_debt),
            _whole(one.fund[-1]),
            _whole(sum(one.absorbed)),
        )
        for name, one in live.venues.items()
    ]
    print_table(columns, rows, title, numbers=range(1, len(columns)))
    print_line("")
    prices = [
        (name, *(_cents(one) for one in (path[0], path[-1], min(path), min(still.prices[name]))))
        for name, path in live.prices.items()
    ]
    of_books = ("book", "first", "last", "low", "low without impact")
    print_table(of_books, prices, numbers=range(1, len(of_books)))
    print_line(f"\nevery engine checked itself {live.checks + still.checks:,} times")
    print_line(f"state hash {live.state_hash}, without impact {still.state_hash}")


def _print_laws(laws: dict[str, UnderLaw]) -> None:
    books = list(next(iter(laws.values())).low)
    columns = ("law", "forced", "÷ without impact", "bad debt", *(f"low, {one}" for one in books))
    rows = [
        (
            name,
            f"{int(one.forced):,}",
            "" if one.amplification is None else f"{one.amplification:.2f}",
            f"{int(one.bad_debt):,}",
            *(f"{low:,.2f}" for low in one.low.values()),
        )
        for name, one in laws.items()
    ]
    print_line("")
    print_table(columns, rows, numbers=range(1, len(columns)))
    print_line("laws go through one point, what moves a book by 1 %; what they disagree about is")
    print_line("not known, and without impact nothing feeds itself")


def _whole(atoms: int) -> str:
    return grouped(str(atoms // 10**DECIMALS))


def _cents(atoms: int) -> str:
    whole, cents = divmod(atoms // 10 ** (DECIMALS - 2), 100)
    return f"{whole:,}.{cents:02d}"


def _json(report: WorldReport) -> dict[str, Any]:
    from seawall.money import format_atoms

    def money(atoms: int) -> str:
        return format_atoms(atoms, DECIMALS)

    return {
        "prices": {name: [money(one) for one in path] for name, path in report.prices.items()},
        "forced_by_minute": [money(one) for one in report.forced_by_minute()],
        "venues": {name: _venue_json(one) for name, one in report.venues.items()},
        "acts": report.acts,
        "arbitrage": {
            name: {"trades": trades, "steps_cut_off": cut_off}
            for name, (trades, cut_off) in report.arbitrage.items()
        },
        "keepers": {
            name: {"taken": taken, "gas_peak_wei": peak, "failures": failures}
            for name, (taken, peak, failures) in report.keepers.items()
        },
        "attack_costs": report.attacks,
        "checks": report.checks,
        "state_hash": report.state_hash,
    }


def _venue_json(one: VenueReport) -> dict[str, Any]:
    from seawall.money import format_atoms, format_ratio

    def money(atoms: int) -> str:
        return format_atoms(atoms, DECIMALS)

    return {
        "called": one.called,
        "liquidated": one.liquidated,
        "bankrupt": one.bankrupt,
        "forced": money(sum(one.forced)),
        "off_book": money(sum(one.absorbed)),
        "bad_debt": money(one.bad_debt),
        "paid_by_funds": money(sum(atoms for _, atoms in one.waterfall.funds)),
        "shared": money(one.waterfall.shared),
        "deleveraged": one.deleveraged,
        "fund": [money(atoms) for atoms in one.fund],
        "margin_rate": [format_ratio(rate) for rate in one.margin_rate],
        "breaker_changes": one.breakers,
        "effects": one.counts,
        "refused": one.refused,
        "state_hash": one.state_hash,
    }
