"""The listing of a scenario: contracts and option chains as exact instruments."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

from seawall.market import Instrument
from seawall.money import AmountError, parse_atoms
from seawall.simulation.bars import ScenarioError, milliseconds
from seawall.simulation.scenario import Chain, Contract, Scenario

PRICE_DECIMALS = 10  # Of the numeraire; prices are integers of 10^-10 of it.


def instruments(
    scenario: Scenario, decimals: dict[str, int], listed_ms: int
) -> tuple[Instrument, ...]:
    """The listing in exact units: contracts in file order, then chains by expiry, strike, right."""
    found: list[Instrument] = []
    parts: list[tuple[str, Contract | Chain]] = [
        *((f"$.contracts[{place}]", one) for place, one in enumerate(scenario.contracts)),
        *((f"$.chains[{place}]", one) for place, one in enumerate(scenario.chains)),
    ]
    for key, part in parts:
        for coin in (part.base, part.settle):
            if coin not in decimals:
                raise ScenarioError(f"{scenario.name}: {key}: the rulebook has no coin {coin}")
        try:
            if isinstance(part, Contract):
                found.append(_contract(part, decimals, listed_ms))
            else:
                found.extend(_options(part, decimals, listed_ms))
        except AmountError as error:
            raise ScenarioError(f"{scenario.name}: {key}: {error}") from None
    return tuple(found)


def strikes(chain: Chain) -> tuple[Decimal, ...]:
    """Strikes of a chain: the list, or the range with its step."""
    if chain.strike_range is None:
        return chain.strikes
    first, last, step = chain.strike_range
    return tuple(first + index * step for index in range(int((last - first) / step) + 1))


def _contract(one: Contract, decimals: dict[str, int], listed_ms: int) -> Instrument:
    unit = PRICE_DECIMALS if one.inverse else decimals[one.base]
    return Instrument(
        id=one.id,
        type=one.type,
        base=one.base,
        quote=one.quote,
        settle=one.settle,
        lot=parse_atoms(one.lot, unit),
        tick=parse_atoms(one.tick, PRICE_DECIMALS),
        inverse=one.inverse,
        premium="paid" if one.type == "spot" else "margined",
        listed_ms=listed_ms,
    )


def _options(chain: Chain, decimals: dict[str, int], listed_ms: int) -> list[Instrument]:
    found = []
    for expires in chain.expires:
        day = expires.astimezone(UTC)
        for strike in strikes(chain):
            for right in ("call", "put"):
                name = f"{chain.base}/{chain.quote}:{chain.settle}"
                found.append(
                    Instrument(
                        id=f"{name}-{day:%y%m%d}-{strike.normalize():f}-{right[0].upper()}",
                        type="option",
                        base=chain.base,
                        quote=chain.quote,
                        settle=chain.settle,
                        lot=parse_atoms(chain.lot, decimals[chain.base]),
                        tick=parse_atoms(chain.tick, PRICE_DECIMALS),
                        premium=chain.premium,
                        listed_ms=listed_ms,
                        expires_ms=milliseconds(day),
                        strike=parse_atoms(strike, PRICE_DECIMALS),
                        right="call" if right == "call" else "put",
                    )
                )
    return found
