"""Whole worlds: every example runs, keeps its books, and shows what it was written to show."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
import pytest

from seawall.engine import State
from seawall.engine.effect import ExitFilled
from seawall.engine.event import Deposited
from seawall.simulation.world import World, WorldReport, WorldScenario, compared, load, told
from seawall.simulation.world.scenario import DynamicMarginChoice, FeedChoice, SourceChoice
from seawall.simulation.world.small import small_world

EXAMPLES = Path(__file__).parents[2] / "examples" / "world"
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.toml"))
replace = msgspec.structs.replace


@cache
def example(name: str) -> WorldScenario:
    return load(EXAMPLES / f"{name}.toml")


@cache
def live(name: str) -> WorldReport:
    return World(None, example(name)).run()


def with_rules(scenario: WorldScenario, venue: str, old: str, new: str) -> WorldScenario:
    """The same world with other rules at one venue."""
    venues = []
    for one in scenario.venues:
        if one.name == venue:
            assert old in one.rules
            one = replace(one, rules=one.rules.replace(old, new))  # noqa: PLW2901
        venues.append(one)
    return replace(scenario, venues=tuple(venues))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_keeps_its_books_and_comes_to_the_same_hash_again(name: str) -> None:
    report = live(name)
    assert report.checks == report.steps + 2
    assert World(None, example(name)).run() == report
    assert told(report).endswith(report.state_hash)
    for venue in report.venues.values():
        assert len(venue.forced) == len(venue.fund) == report.steps + 1
        assert sum(venue.forced) == venue.waterfall.book
        assert sum(venue.absorbed) == venue.waterfall.deleveraged + venue.waterfall.backstop
        assert sum(report.forced_by_minute()) == report.forced


@pytest.mark.parametrize("name", NAMES)
def test_without_impact_an_examples_prices_are_its_courses(name: str) -> None:
    both = compared(example(name))
    assert both.still.prices == both.still.outside == both.live.outside
    assert both.live == live(name)
    for book in both.live.prices:
        assert both.extra_fall(book) >= 0


def test_another_process_comes_to_the_same_hashes() -> None:
    """The richest of them: people, two venues, carried collateral, a depeg."""
    program = (
        "import sys; from pathlib import Path\n"
        "from seawall.simulation.world import World, load\n"
        "print(World(None, load(Path(sys.argv[1]))).run().state_hash)"
    )
    file = str(EXAMPLES / "shared_collateral.toml")
    ran = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == live("shared_collateral").state_hash


def test_other_seeds_are_other_worlds() -> None:
    assert World(2, example("cascade")).run().state_hash != live("cascade").state_hash


def test_canary_an_atom_from_nowhere_is_noticed() -> None:
    world = small_world(3)
    world.step()
    ledger = world.doors["perps"].engine.ledger
    account = int(world.crowds[0].account[0])
    asset, atoms = ledger.rows(account)[0]
    ledger._regions.put(account, asset, atoms + 1)
    with pytest.raises(AssertionError):
        world.step()


# -- the cascade -----------------------------------------------------------------------------------


def test_forced_sales_deepen_the_fall_and_makers_withdraw_from_it() -> None:
    both = compared(example("cascade"))
    assert both.extra_fall("main") > 10_000_000  # More than 1 %.
    amplified = both.amplification()
    assert amplified is not None
    assert amplified > 1
    depth = both.live.depth["main"]
    assert min(depth) < depth[0] // 4
    assert set(both.live.acts["retail"]) == {"TopUp", "Panic"}
    assert set(both.live.acts["momentum"]) == {"Chase", "Panic"}


def test_what_no_fund_pays_others_do() -> None:
    """Three seeds: with 50 million nobody else pays; with nothing, winners do in some way."""
    owed = elsewhere = 0
    for seed in range(3):
        without, with_it = (
            World(seed, with_fund(example("cascade"), dollars)).run().venues["perps"].waterfall
            for dollars in (0, 50_000_000)
        )
        assert (with_it.shared, with_it.deleveraged, with_it.uncovered) == (0, 0, ())
        owed += sum(atoms for _, atoms in with_it.funds)
        elsewhere += without.shared + without.deleveraged
    assert owed > 0
    assert elsewhere > 0


def with_fund(scenario: WorldScenario, dollars: int) -> WorldScenario:
    venues = tuple(replace(one, fund={"USDC": Decimal(dollars)}) for one in scenario.venues)
    return replace(scenario, venues=venues)


def test_margin_that_follows_volatility_rises_in_the_fall_and_not_before() -> None:
    """Six deviations of a step, at most 20 %: before the shock the static 2 % stands."""
    rule = DynamicMarginChoice(
        venue="perps", method="cross", coin="BTC", multiple=Decimal(6), most=Decimal("0.2"),
        every_steps=5,
    )  # fmt: skip
    scenario = replace(example("cascade"), dynamic_margin=(rule,))
    world = World(None, scenario)
    fingerprint = world.doors["perps"].engine.fingerprint
    report = world.run()
    rates = report.venues["perps"].margin_rate
    assert len(rates) == report.steps
    assert set(rates[:95]) == {20_000_000}
    assert max(rates) > 25_000_000
    assert world.policies[0].changes > 2
    assert world.doors["perps"].engine.fingerprint != fingerprint
    # Procyclical: it calls people who were well margined under the rule of before.
    calls = [
        sum(World(seed, one).run().venues["perps"].called for seed in range(3))
        for one in (scenario, example("cascade"))
    ]
    assert calls[0] > calls[1]


# -- two venues ------------------------------------------------------------------------------------


def without_breaker() -> WorldScenario:
    old = "notional_max = 1_500_000"
    return with_rules(example("two_venues"), "first", old, "notional_max = 10_000_000_000")


def gap(report: WorldReport) -> float:
    """Mean distance of the two books, as a share of the price."""
    pairs = list(zip(*report.prices.values(), strict=True))
    return sum(abs(a - b) / a for a, b in pairs) / len(pairs)


def test_an_arbitrageur_pulls_two_books_together_and_the_sooner_the_more() -> None:
    """Without the breaker, three seeds."""
    open_ = without_breaker()
    (bridge,) = open_.arbitrageurs

    def mean(scenario: WorldScenario) -> float:
        return sum(gap(World(seed, scenario).run()) for seed in range(3)) / 3

    alone = mean(replace(open_, arbitrageurs=()))
    late, soon = (
        mean(replace(open_, arbitrageurs=(replace(bridge, delay_steps=steps),))) for steps in (2, 0)
    )
    assert soon < late < alone


def test_a_halt_stops_the_taking_and_cuts_the_arbitrageur_off() -> None:
    report = live("two_venues")
    trades, cut_off = report.arbitrage["bridge"]
    assert trades > 0
    assert cut_off > 0
    assert report.venues["first"].breakers >= 2  # Shut, and open again.
    unhindered = World(None, without_breaker()).run()
    assert unhindered.arbitrage["bridge"][1] == 0
    shut = next(i for i, n in enumerate(report.venues["first"].forced) if n) + 1
    halted = report.venues["first"].forced[shut : shut + 240]
    free = unhindered.venues["first"].forced
    quiet = longest_run_of_zeros(halted)
    assert quiet >= 14  # Fifteen minutes from the last moment beyond the limit.
    assert sum(free) > 0
    # A halt postpones and does not forgive: what stood breached goes at once when it opens.
    assert max(halted) > max(free)


def longest_run_of_zeros(column: tuple[int, ...]) -> int:
    """In the middle of a column, not at its end."""
    longest = run = 0
    for one in column:
        longest, run = (max(longest, run), 0) if one else (longest, run + 1)
    return longest


# -- feeds and attackers ---------------------------------------------------------------------------


def test_a_spoofed_average_takes_nobody_by_a_median_and_many_alone() -> None:
    scenario = example("spoofed_feed")
    assert live("spoofed_feed").venues["perps"].liquidated == 0
    assert Decimal(live("spoofed_feed").attacks["spoofer"]) > 100_000
    (venue,) = scenario.venues
    pool = SourceChoice(id="pool", average_steps=10)
    heard = replace(venue.feeds["YFI"], sources=(pool,))
    alone = replace(scenario, venues=(replace(venue, feeds={"YFI": heard}),))
    harmed = World(None, alone).run()
    assert harmed.venues["perps"].liquidated > 5
    calm = World(None, replace(alone, attackers=())).run()
    assert calm.venues["perps"].liquidated == 0


def test_a_late_feed_takes_later() -> None:
    """Ten minutes late: nobody is taken in the first ten minutes of the fall."""
    scenario = small_world(1).scenario
    (venue,) = scenario.venues
    late = replace(
        venue, marks="index",
        feeds={"BTC": FeedChoice(sources=(SourceChoice(id="x", lag_steps=10),))},
    )  # fmt: skip
    now = World(1, scenario).run().venues["perps"].forced
    then = World(1, replace(scenario, venues=(late,))).run().venues["perps"].forced
    first_now, first_then = (next(i for i, n in enumerate(one) if n) for one in (now, then))
    assert first_then >= first_now + 5


# -- shared collateral, pegs -----------------------------------------------------------------------


def test_carried_collateral_saves_one_venue_and_burdens_the_other() -> None:
    scenario = example("shared_collateral")
    apart = replace(scenario, traders=tuple(replace(one, backed_by="") for one in scenario.traders))
    carried, alone = (World(None, one).run() for one in (scenario, apart))
    assert carried.acts["leveraged stakers"]["Carried"] > 10
    assert "leveraged stakers" not in alone.acts or not alone.acts["leveraged stakers"]
    assert carried.venues["perps"].liquidated < alone.venues["perps"].liquidated
    assert carried.venues["lending"].liquidated > alone.venues["lending"].liquidated


def test_a_lost_peg_takes_those_whose_margin_it_is() -> None:
    scenario = example("shared_collateral")
    coins = tuple(replace(one, shocks=()) if one.id == "USDe" else one for one in scenario.coins)
    firm = World(None, replace(scenario, coins=coins)).run()
    assert live("shared_collateral").venues["perps"].liquidated > firm.venues["perps"].liquidated


# -- keepers ---------------------------------------------------------------------------------------


def test_keepers_take_auctions_when_gas_lets_them() -> None:
    report = live("auctions")
    taken, peak, failures = report.keepers["perps"]
    assert taken == report.venues["perps"].counts["exit_filled"] > 0
    assert peak > 5 * 20 * 10**9  # Five times what gas usually costs.
    assert failures["not_profitable"] > 0
    nobody = World(None, replace(example("auctions"), keepers=())).run().venues["perps"]
    assert "exit_filled" not in nobody.counts
    assert nobody.counts["liquidated"] > report.venues["perps"].counts.get("liquidated", 0)


def test_who_races_an_auction_takes_what_others_would_have_taken() -> None:
    """A racer waits only where another's transaction waits, and offers the builder more for it."""
    scenario = example("auctions")
    bold = scenario.keepers[1]
    racer = replace(bold, name="racer", capital=Decimal(2_000_000), races=True)
    world = World(None, replace(scenario, keepers=(*scenario.keepers, racer)))
    takers: Counter[int] = Counter()
    door = world.doors["perps"]
    original = door.engine.apply

    def listen(event):  # type: ignore[no-untyped-def]
        effects = original(event)
        for effect in effects:
            if isinstance(effect, ExitFilled):
                takers[effect.taker] += 1
        return effects

    door.engine.apply = listen  # type: ignore[method-assign]
    raced = world.run()
    own = takers.pop(door.engine.account("racer"))
    alone = live("auctions").keepers["perps"]
    assert own > 0
    assert sum(takers.values()) < alone[0]  # What he took, others did not.
    refused = raced.keepers["perps"][2]
    assert refused.get("unknown_auction", 0) > alone[2].get("unknown_auction", 0)
    only = World(None, replace(scenario, keepers=(racer,))).run()
    assert only.keepers["perps"][0] == 0  # Nobody to run ahead of.


# -- people ----------------------------------------------------------------------------------------


def test_a_reserve_is_spent_and_never_more_than_it_was() -> None:
    world = World(None, example("cascade"))
    retail = world.crowds[0]
    before = list(retail.reserve)
    deposits: dict[int, int] = {}
    door = retail.door
    original = door.engine.apply

    def listen(event):  # type: ignore[no-untyped-def]
        effects = original(event)
        if isinstance(event, Deposited) and not effects:
            deposits[event.account] = deposits.get(event.account, 0) + event.atoms
        return effects

    door.engine.apply = listen  # type: ignore[method-assign]
    world.run()
    spent = 0
    for account, first, left in zip(retail.account.tolist(), before, retail.reserve, strict=True):
        assert 0 <= left <= first
        spent += first - left
        if left < first and account in deposits:
            assert deposits[account] * 10**4 <= (first - left) * 1001 // 1000 + 10**4
    assert spent > 0


def test_everything_goes_through_the_one_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of what was sent brings another engine to the same hash."""
    from seawall.engine import Engine

    events: list[object] = []
    original = Engine.apply

    def record(self, event):  # type: ignore[no-untyped-def]
        events.append(event)
        return original(self, event)

    monkeypatch.setattr(Engine, "apply", record)
    world = World(None, example("cascade"))
    world.run()
    monkeypatch.undo()
    again = Engine()
    for event in events:
        again.apply(event)  # type: ignore[arg-type]
    assert again.state_hash() == world.doors["perps"].engine.state_hash()


def test_borrowers_who_panic_sell_their_collateral_and_owe_less() -> None:
    from seawall.simulation.world.rules import Panic

    scenario = example("shared_collateral")
    (stakers,) = scenario.borrowers
    rule = Panic(below=Decimal("1.15"), share=Decimal("0.3"), chance=Decimal("0.5"))
    afraid = replace(scenario, borrowers=(replace(stakers, rules=(rule,)),))
    world = World(None, afraid)
    door = world.doors["lending"]
    cash, coin = door.catalogue.coin("USDC"), door.catalogue.coin("wstETH")
    ledger = door.engine.ledger
    accounts = world.crowds[-1].account.tolist()
    before = [(ledger.balance(one, cash), ledger.balance(one, coin)) for one in accounts]
    report = world.run()
    assert report.acts["stakers"]["Panic"] > 0
    changed = 0
    for account, (owed, posted) in zip(accounts, before, strict=True):
        if door.state(account) == State.HEALTHY and ledger.balance(account, coin) < posted:
            changed += ledger.balance(account, cash) > owed
    assert changed > 0


# -- the page --------------------------------------------------------------------------------------


def test_the_pages_table_is_what_its_script_prints() -> None:
    """Its first row; the others are the same script on the same seeds."""
    place = EXAMPLES / "policies.py"
    spec = importlib.util.spec_from_file_location("world_policies", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (EXAMPLES.parents[1] / "docs" / "worlds.md").read_text()
    rows = module.run(range(10), ("as it is: 2 %",))
    assert len(rows) == 1
    for name, row in rows.items():
        assert module.line(name, row) in page
