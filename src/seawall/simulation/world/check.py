"""What types alone do not see in a world: names that nobody has, shares that do not sum.

Each fault is (key path, reason), first things first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from seawall.engine.rules.rulebook import Rulebook, RulebookError
from seawall.engine.rules.rulebook import read as read_rulebook
from seawall.engine.state import SYSTEM_ACCOUNTS
from seawall.margin.tiered import Tiered
from seawall.simulation.world.rules import Chase
from seawall.simulation.world.scenario import (
    PEG,
    ArbitrageurChoice,
    BookChoice,
    BorrowerChoice,
    CoinChoice,
    TraderChoice,
    VenueChoice,
    WorldScenario,
)

Fault = tuple[str, str]
DOLLARS_MOST = Decimal(10**12)  # More does not fit beside its atoms in 63 bits.
COUNT_MOST = 1_000_000
PRICE_LEAST, PRICE_MOST = Decimal("0.000001"), Decimal(10**8)


def faults(world: WorldScenario) -> Iterator[Fault]:
    """Every fault, first things first; rulebooks are read here too."""
    yield from _least("$", world, steps=1, step_s=1, check_every=0)
    yield from _coins(world.coins)
    if not (world.books and world.venues):
        yield "$", "a world needs at least one book and one venue"
        return
    coins = {one.id for one in world.coins}
    yield from _twice("$.books", [one.id for one in world.books])
    for place, book in enumerate(world.books):
        yield from _book(f"$.books[{place}]", book, coins)
    yield from _twice("$.venues", [one.name for one in world.venues])
    rules: dict[str, Rulebook] = {}
    for place, venue in enumerate(world.venues):
        key = f"$.venues[{place}]"
        try:
            rules[venue.name] = read_rulebook(venue.rules, "rules")
        except RulebookError as error:
            yield f"{key}.rules", str(error).removeprefix("rules: ")
            return
        yield from _venue(key, venue, world, rules[venue.name])
    yield from _people(world, rules)
    yield from _names(world)
    yield from _others(world, rules)


def _coins(coins: Sequence[CoinChoice]) -> Iterator[Fault]:
    if not coins:
        yield "$.coins", "names no coin"
    yield from _twice("$.coins", [one.id for one in coins])
    known = {PEG}
    for place, coin in enumerate(coins):
        key = f"$.coins[{place}]"
        if not PRICE_LEAST <= coin.price <= PRICE_MOST:
            said = f"must lie in [{PRICE_LEAST}, {PRICE_MOST:,}], not {coin.price}"
            yield f"{key}.price", said
        yield from _shares(key, volatility=coin.volatility, reversion=coin.reversion)
        yield from _least(key, coin, rate=0)
        if coin.follows and coin.follows not in known:
            yield f"{key}.follows", f"{coin.follows} is neither USD nor a coin named before"
        for number, shock in enumerate(coin.shocks):
            here = f"{key}.shocks[{number}]"
            yield from _least(here, shock, step=1, over=1)
            if shock.size <= -1:
                yield f"{here}.size", "must be above -1"
        known.add(coin.id)


def _book(key: str, book: BookChoice, coins: set[str]) -> Iterator[Fault]:
    if book.coin not in coins:
        yield f"{key}.coin", f"there is no coin {book.coin}"
    if not book.makers:
        yield f"{key}.makers", "a book needs a maker"
    yield from _twice(f"{key}.makers", [one.name for one in book.makers])
    yield from _shares(
        key, permanent=book.permanent, passive=book.passive, volatility_decay=book.volatility_decay
    )
    yield from _positive(key, reach=book.reach, passive=book.passive)
    yield from _least(key, book, half_life_s=1)
    for place, maker in enumerate(book.makers):
        here = f"{key}.makers[{place}]"
        yield from _positive(here, calm=maker.calm)
        yield from _dollars(here, depth=maker.depth, capital=maker.capital)
        yield from _shares(here, unload=maker.unload)
        yield from _least(here, maker, spike=0, away_steps=0, inventory=0)


def _venue(key: str, venue: VenueChoice, world: WorldScenario, rules: Rulebook) -> Iterator[Fault]:
    listed = {coin.id for coin in rules.coins}
    courses, books = {one.id for one in world.coins}, {one.id: one.coin for one in world.books}
    for coin in sorted(listed - courses):
        yield f"{key}.rules", f"coin {coin} has no course in $.coins"
    yield from _method(f"{key}.maker_method", venue.maker_method, rules)
    yield from _twice(f"{key}.contracts", [one.id for one in venue.contracts])
    for place, one in enumerate(venue.contracts):
        here = f"{key}.contracts[{place}]"
        for name in ("base", "quote"):
            if getattr(one, name) not in listed:
                yield f"{here}.{name}", f"the rulebook has no coin {getattr(one, name)}"
        decimals = {coin.id: coin.decimals for coin in rules.coins}.get(one.base, 0)
        for name, digits in (("lot", decimals), ("tick", 10)):
            size = getattr(one, name)
            if size <= 0 or size > DOLLARS_MOST or size * 10**digits % 1:
                yield f"{here}.{name}", f"must be positive with at most {digits} decimals"
        if one.base not in venue.books:
            yield f"{here}.base", f"$.venues.books names no book of {one.base}"
    for coin, book in venue.books.items():
        if books.get(book) != coin:
            yield f"{key}.books.{coin}", f"there is no book {book} of {coin}"
    yield from _feeds(key, venue, listed, books)
    for coin, amount in venue.fund.items():
        if coin not in listed or not 0 <= amount <= DOLLARS_MOST:
            said = f"must be a coin of the rulebook, and lie in [0, {DOLLARS_MOST:,}]"
            yield f"{key}.fund.{coin}", said


def _feeds(
    key: str, venue: VenueChoice, listed: set[str], books: dict[str, str]
) -> Iterator[Fault]:
    for coin, feed in venue.feeds.items():
        here = f"{key}.feeds.{coin}"
        if coin not in listed:
            yield here, f"the rulebook has no coin {coin}"
        yield from _least(here, feed, heartbeat_steps=1, trigger=0)
        yield from _twice(f"{here}.sources", [one.id for one in feed.sources])
        for number, source in enumerate(feed.sources):
            there = f"{here}.sources[{number}]"
            yield from _least(there, source, average_steps=1, lag_steps=0)
            for name in source.books:
                if books.get(name) != coin:
                    yield f"{there}.books", f"there is no book {name} of {coin}"


def _people(world: WorldScenario, rules: dict[str, Rulebook]) -> Iterator[Fault]:
    groups: list[tuple[str, TraderChoice | BorrowerChoice]] = [
        (f"$.traders[{place}]", one) for place, one in enumerate(world.traders)
    ]
    groups += [(f"$.borrowers[{place}]", one) for place, one in enumerate(world.borrowers)]
    yield from _twice("$.traders", [one.name for _, one in groups])
    venues = {one.name: one for one in world.venues}
    for key, group in groups:
        if group.venue not in venues:
            yield f"{key}.venue", f"there is no venue {group.venue}"
            continue
        yield from _method(f"{key}.method", group.method, rules[group.venue])
        yield from _least(key, group, count=1, window_steps=1, reserve=0, cushion=0)
        yield from _positive(key, tail=group.tail)
        yield from _dollars(key, smallest=group.smallest, largest=group.largest)
        if group.count > COUNT_MOST:
            yield f"{key}.count", f"must be at most {COUNT_MOST:,}, not {group.count}"
        if not group.largest > group.smallest:
            yield f"{key}.largest", "must be above smallest"
        for place, rule in enumerate(group.rules):
            yield from _shares(f"{key}.rules[{place}]", chance=rule.chance)
        if isinstance(group, TraderChoice):
            yield from _trader(key, group, venues[group.venue], world, rules)
        else:
            yield from _borrower(key, group, venues[group.venue])


def _trader(
    key: str,
    group: TraderChoice,
    venue: VenueChoice,
    world: WorldScenario,
    rules: dict[str, Rulebook],
) -> Iterator[Fault]:
    listed = {one.id: one.type for one in venue.contracts}
    if listed.get(group.contract) != "perpetual":
        yield f"{key}.contract", f"{group.contract} is no perpetual of {venue.name}"
    coins = {coin.id for coin in rules[venue.name].coins}
    if group.collateral and group.collateral not in coins:
        yield f"{key}.collateral", f"the rulebook has no coin {group.collateral}"
    yield from _weights(f"{key}.leverage", group.leverage)
    yield from _shares(key, long_share=group.long_share)
    if not group.backed_by:
        return
    backing = next((one for one in world.borrowers if one.name == group.backed_by), None)
    if backing is None or backing.count != group.count:
        yield f"{key}.backed_by", f"there are no {group.count} borrowers {group.backed_by}"
    elif backing.collateral not in coins:
        yield f"{key}.backed_by", f"{venue.name} does not take {backing.collateral}"


def _borrower(key: str, group: BorrowerChoice, venue: VenueChoice) -> Iterator[Fault]:
    spot = [one.base for one in venue.contracts if one.type == "spot"]
    if group.collateral not in spot:
        yield f"{key}.collateral", f"{venue.name} lists no spot of {group.collateral}"
    for place, rule in enumerate(group.rules):
        if isinstance(rule, Chase):
            yield f"{key}.rules[{place}].rule", "chase is of traders; nobody borrows more here"
    yield from _weights(f"{key}.loan_to_value", group.loan_to_value)


def _others(world: WorldScenario, rules: dict[str, Rulebook]) -> Iterator[Fault]:
    venues = {one.name: one for one in world.venues}
    for place, arbitrageur in enumerate(world.arbitrageurs):
        yield from _arbitrageur(f"$.arbitrageurs[{place}]", arbitrageur, venues, rules)
    for place, attacker in enumerate(world.attackers):
        key = f"$.attackers[{place}]"
        venue = venues.get(attacker.venue)
        feed = venue.feeds.get(attacker.coin) if venue else None
        if feed is None or attacker.source not in {one.id for one in feed.sources}:
            yield f"{key}.source", f"no feed of {attacker.coin} there hears {attacker.source}"
        yield from _positive(key, factor=attacker.factor)
        yield from _least(key, attacker, step=1, steps=1, pool=0)
    for place, keeper in enumerate(world.keepers):
        key = f"$.keepers[{place}]"
        if keeper.venue not in venues:
            yield f"{key}.venue", f"there is no venue {keeper.venue}"
        else:
            yield from _method(f"{key}.method", keeper.method, rules[keeper.venue])
        yield from _dollars(key, capital=keeper.capital)
        yield from _shares(key, unload=keeper.unload, discount=keeper.discount)
        yield from _least(key, keeper, latency_steps=0, gas_gwei_max=1, profit_least=0)
    for place, policy in enumerate(world.dynamic_margin):
        key = f"$.dynamic_margin[{place}]"
        book = rules.get(policy.venue)
        scaled = book.margin.get(policy.method) if book else None
        if not isinstance(scaled, Tiered) or policy.coin not in scaled.brackets:
            yield f"{key}.method", f"there are no brackets of {policy.coin} in {policy.method}"
        elif policy.coin not in venues[policy.venue].books:
            yield f"{key}.coin", f"{policy.venue} has no book of {policy.coin}"
        yield from _least(key, policy, every_steps=1, multiple=0, floor=0)
        yield from _shares(key, decay=policy.decay, most=policy.most)


def _arbitrageur(
    key: str,
    arbitrageur: ArbitrageurChoice,
    venues: dict[str, VenueChoice],
    rules: dict[str, Rulebook],
) -> Iterator[Fault]:
    yield from _least(key, arbitrageur, delay_steps=0, threshold=0)
    yield from _shares(key, share=arbitrageur.share)
    yield from _dollars(key, capital=arbitrageur.capital, position_max=arbitrageur.position_max)
    for number, leg in enumerate(arbitrageur.legs):
        venue = venues.get(leg.venue)
        if venue is None or leg.contract not in {one.id for one in venue.contracts}:
            yield f"{key}.legs[{number}]", f"{leg.venue} does not list {leg.contract}"
        else:
            method = arbitrageur.methods[number]
            yield from _method(f"{key}.methods[{number}]", method, rules[leg.venue])
    if arbitrageur.legs[0].venue == arbitrageur.legs[1].venue:
        yield f"{key}.legs[1].venue", "must be another venue than the first"


def _names(world: WorldScenario) -> Iterator[Fault]:
    """Accounts that two would share: a maker may quote on many books, the others stand alone."""
    makers = {maker.name for book in world.books for maker in book.makers}
    groups = [one.name for one in (*world.traders, *world.borrowers)]
    taken = {*SYSTEM_ACCOUNTS, *makers}
    strangers = [(f"$.arbitrageurs[{n}]", one.name) for n, one in enumerate(world.arbitrageurs)]
    strangers += [(f"$.keepers[{n}]", one.name) for n, one in enumerate(world.keepers)]
    for key, name in strangers:
        if name in taken:
            yield f"{key}.name", f"the name {name} is taken"
        taken.add(name)
    for name in sorted(taken):
        group, _, number = name.rpartition(" ")
        if group in groups and number.isdecimal():
            yield "$", f"the name {name} is one of the people of {group}"
    for name in sorted(makers & set(SYSTEM_ACCOUNTS)):
        yield "$.books", f"the maker's name {name} is taken"


def _method(key: str, name: str, rules: Rulebook) -> Iterator[Fault]:
    if name not in rules.margin:
        yield key, f"the rulebook has no margin method {name}"


def _twice(key: str, names: Sequence[str]) -> Iterator[Fault]:
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield key, f"{name} is named twice"


def _least(key: str, part: object, **least: int) -> Iterator[Fault]:
    for name, low in least.items():
        if getattr(part, name) < low:
            yield f"{key}.{name}", f"must be at least {low}, not {getattr(part, name)}"


def _positive(key: str, **numbers: Decimal) -> Iterator[Fault]:
    for name, number in numbers.items():
        if number <= 0:
            yield f"{key}.{name}", f"must be positive, not {number}"


def _dollars(key: str, **amounts: Decimal) -> Iterator[Fault]:
    for name, amount in amounts.items():
        if not 1 <= amount <= DOLLARS_MOST:
            yield f"{key}.{name}", f"must lie in [1, {DOLLARS_MOST:,}] dollars, not {amount}"


def _shares(key: str, **numbers: Decimal) -> Iterator[Fault]:
    for name, number in numbers.items():
        if not 0 <= number <= 1:
            yield f"{key}.{name}", f"must lie in [0, 1], not {number}"


def _weights(key: str, rows: Sequence[tuple[Decimal, Decimal]]) -> Iterator[Fault]:
    if any(weight < 0 or value <= 0 for value, weight in rows):
        yield key, "values must be positive and shares not negative"
    elif sum(weight for _, weight in rows) != 1:
        yield key, "shares must sum to 1"
