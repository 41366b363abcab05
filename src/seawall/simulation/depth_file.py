"""The measured depth profile: a csv of how much stood within each distance of the mid."""

from __future__ import annotations

from pathlib import Path

from seawall.market import Catalogue
from seawall.money import AmountError, parse_atoms, parse_ratio
from seawall.simulation.bars import ScenarioError, read_table
from seawall.simulation.depth import Depth, OptionBook, Profile, Row, recovery_in_step, scaled
from seawall.simulation.scenario import Scenario

BASIS_POINT = 100_000  # Parts per billion.
COLUMNS = ("market", "within_bps_of_mid", "mean_bid_usd", "mean_ask_usd")


def read_depth(scenario: Scenario, folder: Path, catalogue: Catalogue, step_ms: int) -> Depth:
    """The book of every contract of a scenario, before anything was marked or taken."""
    depth = scenario.depth
    measured = read_profiles(folder / depth.file, catalogue.numeraire.decimals)
    profiles: dict[int, Profile] = {}
    for place, contract in enumerate(scenario.contracts):
        if contract.depth not in measured:
            raise ScenarioError(
                f"{scenario.name}: $.contracts[{place}].depth: {depth.file} has no {contract.depth}"
            )
        profile = measured[contract.depth]
        number = catalogue.instrument(contract.id)
        share = parse_ratio(depth.share * contract.depth_share)
        profiles[number] = Profile(scaled(profile.bid, share), scaled(profile.ask, share))
    book = OptionBook(
        parse_ratio(depth.option_spread_mark),
        parse_ratio(depth.option_spread_underlying),
        depth.option_lots,
    )
    base_one = tuple(catalogue.coins[catalogue.coin(i.base)].one for i in catalogue.instruments)
    recovery = recovery_in_step(depth.half_life_s * 1000, step_ms)
    return Depth(catalogue.instruments, base_one, profiles, book, recovery, {}, {}, {})


def read_profiles(path: Path, decimals: int = 10) -> dict[str, Profile]:
    """Cumulative depth by market; distance and depth must rise."""
    rows: dict[str, tuple[list[Row], list[Row]]] = {}
    for number, row in enumerate(read_table(path, COLUMNS), start=1):
        sides = rows.setdefault(row["market"], ([], []))
        for side, column in zip(sides, COLUMNS[2:], strict=True):
            try:
                away = parse_atoms(row[COLUMNS[1]], 5) * (BASIS_POINT // 10**5)
                size = parse_atoms(row[column], decimals)
            except AmountError as error:
                raise ScenarioError(f"{path.name}: row {number}: {column}: {error}") from None
            if size <= 0 or away <= 0:
                raise ScenarioError(f"{path.name}: row {number}: {column}: is not positive")
            if side and (away <= side[-1][0] or size < side[-1][1]):
                raise ScenarioError(f"{path.name}: row {number}: {column}: does not rise")
            side.append((away, size))
    return {name: Profile(tuple(bid), tuple(ask)) for name, (bid, ask) in rows.items()}
