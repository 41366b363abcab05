"""What the pages of one account show: its picture before and after a supposition, and its curves.

Runs on a still copy of a moment, so that the writer goes on meanwhile. Every number is the exact
twin's, except the sensitivities, which are the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from seawall.engine import Engine
from seawall.margin import ExactRequirement
from seawall.market import Snapshot
from seawall.money import AmountError, format_atoms, format_ratio
from seawall.portfolio import MarginReport
from seawall.portfolio import margin as reported
from seawall.portfolio.account import Account, Trials, Turn, moved, with_fitted_years, with_prices
from seawall.portfolio.freshness import STALE_AFTER_S
from seawall.portfolio.liquidation_price import settled, underlyings
from seawall.portfolio.read import PortfolioError
from seawall.portfolio.what_if import Change, changed, read_change
from seawall.pricing import PricingError
from seawall.service.shown import views
from seawall.service.turns import Turns
from seawall.service.words.amounts import (
    asset_text,
    coin_number,
    instrument_number,
    money,
)
from seawall.service.words.problem import Problem, wrong
from seawall.service.words.wire import CurvesAsked, PictureAsked, Supposed

Told = dict[str, Any]
COINS_MOST = 8  # Curves of so many coins in one answer.
PARTS = ("equity", "margin_equity", "initial", "maintenance")


class Seen(NamedTuple):
    """One account at one moment; later events leave it as it is."""

    account: Account
    sequence: int
    time_ms: int
    now_ms: int  # The venue's clock, by which prices age.
    status: str
    deadline_ms: int | None


def see(engine: Engine, name: str, now_ms: int) -> Seen:
    """Take what the pages of an account need out of the engine."""
    kept = views.still(engine, name)
    venue = engine.venue
    number = venue.number[name]
    status, deadline_ms = views.status_of(venue, number), venue.deadline.get(number)
    return Seen(kept.account, kept.sequence, engine.time_ms, now_ms, status, deadline_ms)


def read_supposed(account: Account, supposed: Supposed) -> Change:
    """Read what is supposed; a name or a number that is wrong is a `Problem`."""
    for one in supposed.trades:
        instrument_number(account.venue.catalogue, one.instrument)
    try:
        return read_change(
            account,
            trades=[
                f"{one.instrument}={one.quantity}" + (f"@{one.price}" if one.price else "")
                for one in supposed.trades
            ],
            deposits=[f"{coin}={amount}" for coin, amount in supposed.deposits.items()],
            moves=[f"{coin}={part}" for coin, part in supposed.moves.items()],
            volatility=supposed.volatility,
        )
    except (PortfolioError, AmountError) as error:
        raise wrong(f"{error} - at `$.change`", "bad_change") from None


def later(account: Account, after_s: int) -> Account:
    """The same account after so many seconds in which nothing moves: options decay and settle."""
    if not after_s:
        return account
    at = account.venue.snapshot.time_ms + after_s * 1000
    rows = tuple(settled(account, at))
    snapshot = replace(with_fitted_years(account.venue.snapshot), time_ms=at)
    return replace(moved(account, snapshot), rows=rows)


def picture(of: Seen, asked: PictureAsked, turns: Turns) -> Told:
    """An account in full, before and after what is supposed."""
    try:
        with turns.other():
            change = read_supposed(of.account, asked.change)
            is_changed = asked.after_s or change != Change()
            after = later(changed(of.account, change), asked.after_s) if is_changed else None
        with turns.other():
            before_told = _side(of.account)
        with turns.other():
            after_told = None if after is None else _side(after)
    except (PortfolioError, AmountError) as error:
        raise wrong(f"{error} - at `$.change`", "bad_change") from None
    except PricingError as error:
        raise Problem(422, "cannot_be_priced", str(error)) from None
    return {
        "account": of.account.name,
        "method": of.account.method,
        "numeraire": of.account.venue.catalogue.numeraire.id,
        "status": of.status,
        "sequence": of.sequence,
        "time_ms": of.time_ms,
        "now_ms": of.now_ms,
        "deadline_ms": of.deadline_ms,
        "stale_after_ms": STALE_AFTER_S * 1000,
        "coins": [_coin(of, coin) for coin in underlyings(of.account)],
        "before": before_told,
        "after": after_told,
    }


def _coin(of: Seen, coin: int) -> Told:
    venue = of.account.venue
    return {
        "coin": venue.catalogue.coins[coin].id,
        "price": format_atoms(venue.snapshot.price[coin], venue.catalogue.numeraire.decimals),
        "priced_ms": venue.snapshot.priced_ms[coin],
        "confidence": format_ratio(venue.snapshot.confidence[coin]),
    }


def _side(account: Account) -> Told:
    report = reported(account)
    venue = account.venue
    rows = _rows(account, report)
    total = sum(held * account.table.value[asset] for asset, held in account.rows)
    need = report.requirement
    return {
        "verdict": views.verdict(venue, need),
        "state": report.state,
        "binding": report.told.binding,
        "rows": rows,
        "sum": money(venue, total),
        "sums_to_equity": total == need.equity,
        "terms": [
            {
                "label": term.label,
                "quantity": report.quantities.get(term.label, str(term.quantity)),
                "equity": money(venue, term.equity),
                "margin_equity": money(venue, term.margin_equity),
                "maintenance": money(venue, term.maintenance),
            }
            for term in report.told.terms
        ],
        "scenarios": _scenarios(account, report),
        "sensitivities": [
            {
                "coin": one.coin,
                "expires_ms": one.expires_ms or None,
                "delta": one.delta,
                "gamma": one.gamma,
                "vega": one.vega,
                "theta": one.theta,
            }
            for one in report.exposures
        ],
        "left_out": list(report.refused),
    }


def _rows(account: Account, report: MarginReport) -> list[Told]:
    """What is held, each with its value, its price and how old that is."""
    venue = account.venue
    catalogue, snapshot, value = venue.catalogue, venue.snapshot, account.table.value
    doubtful = {doubt.asset: doubt for doubt in report.doubts}
    refused, told = set(report.refused), []
    for asset, held in account.rows:
        listed = catalogue.assets[asset]
        is_contract = catalogue.is_contract[asset]
        price = venue.mark(listed.instrument) if is_contract else snapshot.price[listed.coin]
        coins = {listed.coin, listed.currency}
        doubt = doubtful.get(asset)
        told.append(
            {
                "asset": listed.id,
                "kind": listed.kind.name.lower(),
                "instrument": (
                    catalogue.instruments[listed.instrument].id if listed.instrument >= 0 else None
                ),
                "quantity": asset_text(catalogue, asset, held),
                "price": format_atoms(price, catalogue.numeraire.decimals),
                "is_modelled": is_contract and not snapshot.mark[listed.instrument],
                "value": money(venue, held * value[asset]),
                "oldest_ms": min(snapshot.priced_ms[coin] for coin in coins),
                "is_stale": doubt is not None and doubt.is_stale,
                "is_unsure": doubt is not None and doubt.is_unsure,
                "is_left_out": listed.id in refused,
            }
        )
    return told


def _scenarios(account: Account, report: MarginReport) -> Told | None:
    """The method's grid, cell by cell; None of a method without scenarios."""
    if not report.cells:
        return None
    venue = account.venue
    return {
        "coins": list(report.coins),
        "binding": report.worst(),
        "binding_of": [report.worst(coin) for coin in range(len(report.coins))],
        "cells": [
            {
                "move": format_ratio(cell.move),
                "volatility": format_ratio(cell.volatility),
                "weight": format_ratio(cell.weight),
                "tilt": cell.tilt,
                "moves": [format_ratio(parts) for parts in cell.moves],
                "volatilities": [format_ratio(parts) for parts in cell.volatilities],
                "profit": [money(venue, profit) for profit in cell.profit],
                "total": money(venue, cell.total),
            }
            for cell in report.cells
        ],
    }


class _Series(NamedTuple):
    """One line of a picture: some rows in one market that one coin moves."""

    name: str
    rows: Any
    snapshot: Snapshot


class Curves:
    """Margin against the price of each coin, a point at a time, so that others may go between."""

    def __init__(self, of: Seen, asked: CurvesAsked) -> None:
        """Read what is asked; the prices of options are made when the points are."""
        self._of, self._asked = of, asked
        account = of.account
        catalogue = account.venue.catalogue
        self._change = read_supposed(account, asked.change)
        chosen = underlyings(account)
        if asked.coin is not None:
            chosen = [coin_number(catalogue, asked.coin)]
        elif traded := {
            catalogue.coin(catalogue.instruments[t.instrument].base) for t in self._change.trades
        }:
            chosen = sorted({*chosen, *traded})
        self._coins = chosen[:COINS_MOST]
        self._left_out = [catalogue.coins[coin].id for coin in chosen[COINS_MOST:]]

    def told(self, turn: Turn) -> Told:
        """All curves, each point in a turn of its own."""
        of, asked = self._of, self._asked
        try:
            with turn():
                series = self._series()
            trials = Trials(of.account, turn)
            told = [self._coin(trials, coin, series) for coin in self._coins]
        except (PortfolioError, AmountError) as error:
            raise wrong(f"{error} - at `$.change`", "bad_change") from None
        except PricingError as error:
            raise Problem(422, "cannot_be_priced", str(error)) from None
        return {
            "account": of.account.name,
            "method": of.account.method,
            "numeraire": of.account.venue.catalogue.numeraire.id,
            "sequence": of.sequence,
            "time_ms": of.time_ms,
            "after_s": asked.after_s,
            "series": [one.name for one in series],
            "curves": told,
            "not_shown": self._left_out,
        }

    def _series(self) -> list[_Series]:
        account, after_s = self._of.account, self._asked.after_s
        series = [_Series("now", account.rows, account.venue.snapshot)]
        if after_s:
            then = later(account, after_s)
            series.append(_Series("later", then.rows, then.venue.snapshot))
        if self._change != Change():
            after = changed(account, self._change)
            series.append(_Series("changed", after.rows, after.venue.snapshot))
            if after_s:
                then = later(after, after_s)
                series.append(_Series("changed_later", then.rows, then.venue.snapshot))
        return series

    def _coin(self, trials: Trials, coin: int, series: list[_Series]) -> Told:
        venue = self._of.account.venue
        catalogue, decimals = venue.catalogue, venue.catalogue.numeraire.decimals
        now = venue.snapshot.price[coin]
        points = list(_points(now, self._asked))
        curves: dict[str, dict[str, list[str]]] = {}
        for one in series:
            lines: dict[str, list[str]] = {part: [] for part in PARTS}
            for price in points:
                shown = with_prices(catalogue, one.snapshot, {coin: price})
                _write(lines, trials.judge(shown, one.rows), decimals)
            curves[one.name] = lines
        return {
            "coin": catalogue.coins[coin].id,
            "price": format_atoms(now, decimals),
            "prices": [format_atoms(price, decimals) for price in points],
            **curves,
        }


def _write(lines: dict[str, list[str]], need: ExactRequirement, decimals: int) -> None:
    for part in PARTS:
        lines[part].append(format_atoms(getattr(need, part), decimals))


def _points(now: int, asked: CurvesAsked) -> Iterator[int]:
    """Prices from low to high per cent of now, evenly, and today's among them."""
    low, high = now * asked.low_percent // 100, now * asked.high_percent // 100
    steps = asked.points - 1
    even = {max(low + (high - low) * step // steps, 1) for step in range(asked.points)}
    yield from sorted(even | {now} if low <= now <= high else even)
