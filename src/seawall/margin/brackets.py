"""Brackets and tiers from the tables that venues publish, as ccxt hands them on.

Pure: takes lists and tables that somebody else has read. Knows the two spellings of a tier of
dollars, ccxt's `fetchLeverageTiers` and the compact form of archives, and ccxt's of a tier of
contracts. Knows no venue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from seawall.margin.tiered import Bracket
from seawall.margin.tiered_by_count import CountTier
from seawall.money import RATIO_ONE, AmountError, Rounding, divide, format_ratio, parse_ratio

_FIELDS = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage")
_COMPACT = ("min_notional", "max_notional", "maintenance_margin_rate", "max_leverage")


class TierError(ValueError):
    """A tier table that cannot be read; the message begins with the path of the key."""


def brackets_from_ccxt(tiers: Sequence[Mapping[str, Any]]) -> tuple[Bracket, ...]:
    """Read the tiers of one symbol: ccxt's `fetchLeverageTiers` output, or the compact form.

    initial = 1 ÷ maxLeverage, rounded up to a part per billion: owed. Where the source states its
    maintenance amount (`info.cum` or `maintenance_amount`), it must be the one that keeps the
    maintenance margin continuous: amount_n = amount_{n−1} + floor_n · (rate_n − rate_{n−1}).
    Notional must be in dollars: the tiers of an inverse symbol count coins, and are not for this.

    >>> brackets_from_ccxt([
    ...     {"minNotional": 0, "maxNotional": 5000, "maintenanceMarginRate": 0.01,
    ...      "maxLeverage": 75, "info": {"cum": "0.0"}}])[0].initial
    Decimal('0.013333334')
    """
    if isinstance(tiers, str | Mapping) or not isinstance(tiers, Sequence):
        raise TierError("tiers: a list of tiers of one symbol is needed")
    if not tiers:
        raise TierError("tiers: at least one tier is needed")
    brackets: list[Bracket] = []
    amount = rate = ceiling = Fraction(0)
    for number, tier in enumerate(tiers):
        path = f"tiers[{number}]"
        if not isinstance(tier, Mapping):
            raise TierError(f"{path}: a table is needed, not {type(tier).__name__}")
        names = _COMPACT if _COMPACT[0] in tier else _FIELDS
        floor = _number(tier, names[0], path)
        maintenance = _number(tier, names[2], path)
        if floor != ceiling:
            raise TierError(f"{path}.{names[0]}: {floor} does not follow on {ceiling}")
        amount += floor * (maintenance - rate)
        _check_amount(tier, path, amount)
        if maintenance < rate:
            raise TierError(f"{path}.{names[2]}: a larger position cannot pay a lower rate")
        rate = maintenance
        initial = _initial(tier, names[3], path)
        if initial < maintenance or (brackets and initial < brackets[-1].initial):
            raise TierError(f"{path}.{names[3]}: too high beside the maintenance or the last tier")
        brackets.append(
            Bracket(
                above=Decimal(floor.numerator) / floor.denominator,
                initial=initial,
                maintenance=_ratio(maintenance, f"{path}.{names[2]}"),
            )
        )
        ceiling = _ceiling(tier, names[1], path, last=number == len(tiers) - 1)
        if ceiling <= floor and number < len(tiers) - 1:
            raise TierError(f"{path}.{names[1]}: {ceiling} is not above {floor}")
    return tuple(brackets)


def count_tiers_from_ccxt(
    tiers: Sequence[Mapping[str, Any]], contract_size: Decimal
) -> tuple[CountTier, ...]:
    """Read the tiers of one symbol that count contracts, as ccxt hands on OKX's.

    above_n = maxNotional_{n−1} · contract_size, in coins; minNotional and maxNotional are contracts
    there (`info.minSz`, `info.maxSz`, which must be present: a table of dollars is refused). A tier
    may begin a whole contract above the last one's end, as printed tables do. initial = `info.imr`,
    or where it is absent 1 ÷ maxLeverage, rounded up.

    >>> count_tiers_from_ccxt([
    ...     {"minNotional": 0, "maxNotional": 1000, "maintenanceMarginRate": 0.004,
    ...      "maxLeverage": 100, "info": {"maxSz": "1000", "imr": "0.01"}},
    ...     {"minNotional": 1001, "maxNotional": 2000, "maintenanceMarginRate": 0.005,
    ...      "maxLeverage": 75, "info": {"maxSz": "2000", "imr": "0.0133"}}], Decimal("0.01"))[1]
    CountTier(above=Decimal('10'), initial=Decimal('0.0133'), maintenance=Decimal('0.005'))
    """
    if isinstance(tiers, str | Mapping) or not isinstance(tiers, Sequence):
        raise TierError("tiers: a list of tiers of one symbol is needed")
    if not tiers:
        raise TierError("tiers: at least one tier is needed")
    if not (contract_size.is_finite() and contract_size > 0):
        raise TierError(f"contract_size: {contract_size} is not a number of coins above 0")
    counted: list[CountTier] = []
    ceiling = Fraction(0)
    for number, tier in enumerate(tiers):
        path = f"tiers[{number}]"
        if not isinstance(tier, Mapping):
            raise TierError(f"{path}: a table is needed, not {type(tier).__name__}")
        inner = tier.get("info")
        if not isinstance(inner, Mapping) or "maxSz" not in inner:
            raise TierError(f"{path}.info.maxSz: missing; a table of dollars counts no contracts")
        floor, end = _number(tier, "minNotional", path), _number(tier, "maxNotional", path)
        if not 0 <= floor - ceiling <= (1 if number else 0):
            raise TierError(f"{path}.minNotional: {floor} does not follow on {ceiling}")
        if end <= floor:
            raise TierError(f"{path}.maxNotional: {end} is not above {floor}")
        maintenance = _ratio(
            _number(tier, "maintenanceMarginRate", path), f"{path}.maintenanceMarginRate"
        )
        if inner.get("imr") is None:
            initial = _initial(tier, "maxLeverage", path)
        else:
            initial = _ratio(_number(inner, "imr", f"{path}.info"), f"{path}.info.imr")
        above = Decimal(ceiling.numerator) / ceiling.denominator * contract_size
        counted.append(CountTier(above.normalize() + 0, initial, maintenance))
        ceiling = end
        _check_rates(counted, path)
    return tuple(counted)


def _check_rates(counted: Sequence[CountTier], path: str) -> None:
    last, before = counted[-1], counted[-2] if len(counted) > 1 else None
    if not last.maintenance <= last.initial <= 1:
        raise TierError(f"{path}: maintenance <= initial <= 1 is needed")
    if before and (last.initial < before.initial or last.maintenance < before.maintenance):
        raise TierError(f"{path}: a larger position cannot pay a lower rate")


def _number(tier: Mapping[str, Any], name: str, path: str) -> Fraction:
    """A number of a tier. ccxt gives floats: the shortest text of one is what the venue wrote."""
    entry = tier.get(name)
    if entry is None:
        raise TierError(f"{path}.{name}: missing")
    try:
        number = Fraction(str(entry))
    except (ValueError, ZeroDivisionError):
        raise TierError(f"{path}.{name}: {entry!r} is not a number") from None
    if isinstance(entry, bool) or number < 0:
        raise TierError(f"{path}.{name}: {entry!r} is not a number from 0 up")
    return number


def _ceiling(tier: Mapping[str, Any], name: str, path: str, last: bool) -> Fraction:
    """Where the tier ends; the last one may be open."""
    if last and tier.get(name) is None:
        return Fraction(0)
    return _number(tier, name, path)


def _initial(tier: Mapping[str, Any], name: str, path: str) -> Decimal:
    leverage = _number(tier, name, path)
    if leverage < 1:
        raise TierError(f"{path}.{name}: {leverage} is below 1")
    parts = divide(RATIO_ONE * leverage.denominator, leverage.numerator, Rounding.UP)
    return Decimal(format_ratio(parts))


def _ratio(ratio: Fraction, path: str) -> Decimal:
    number = Decimal(ratio.numerator) / ratio.denominator
    try:
        parse_ratio(number)
    except AmountError as error:
        raise TierError(f"{path}: {error}") from None
    return number


def _check_amount(tier: Mapping[str, Any], path: str, amount: Fraction) -> None:
    inner = tier.get("info")
    if isinstance(inner, Mapping) and "maxSz" in inner:
        raise TierError(f"{path}.info.maxSz: this table counts contracts, not dollars")
    if tier.get("maintenance_amount") is not None:
        key, stated = f"{path}.maintenance_amount", _number(tier, "maintenance_amount", path)
    elif isinstance(inner, Mapping) and inner.get("cum") is not None:
        key, stated = f"{path}.info.cum", _number(inner, "cum", f"{path}.info")
    else:
        return
    if stated != amount:
        raise TierError(f"{key}: {float(stated):g} given, {float(amount):g} follows from the rates")
