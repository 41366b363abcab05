"""`seawall explain`: the state at one event, rebuilt, and why an account stood as it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from seawall.cli.output import (
    DIFFERENCE,
    DONE,
    WRONG_INPUT,
    Failure,
    grouped,
    print_json,
    print_line,
    print_table,
    wrong_input,
)

if TYPE_CHECKING:
    from seawall.engine import AccountExplanation, Engine
    from seawall.engine.effect import Effects
    from seawall.engine.event import Event, Events
    from seawall.engine.history.journal import Journal


class Witness:
    """An engine that is replayed, and what happened to everybody meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.first = engine.sequence
        self.seen: dict[int, list[tuple[int, int, Effects]]] = {}

    @property
    def sequence(self) -> int:
        return self.engine.sequence

    @property
    def chain(self) -> bytes:
        return self.engine.chain

    def state_hash(self) -> str:
        return self.engine.state_hash()

    def apply(self, event: Event) -> tuple[Effects, ...]:
        """Let an event happen and note what it did to whom."""
        effects = self.engine.apply(cast("Events", event))
        for effect in effects:
            account = getattr(effect, "account", -1)
            row = (event.time_ms, self.engine.sequence, effect)
            self.seen.setdefault(account, []).append(row)
        return effects


def run(account: str, at: int | None, where: str, history: bool, as_json: bool) -> int:
    """Rebuild the state after event `at` and explain one account in it."""
    from seawall.cli.run_journal import opened
    from seawall.engine.history.journal import DamagedError, JournalError
    from seawall.engine.history.replay import ReplayError

    with opened(where) as journal:
        last = journal.last_sequence()
        at = last if at is None else at
        if not 1 <= at <= last:
            raise Failure(WRONG_INPUT, f"{where}: --at: there is no event {at}; the last is {last}")
        try:
            witness = _rebuilt(journal, at, history)
        except (DamagedError, ReplayError) as error:
            raise Failure(DIFFERENCE, str(error)) from None
        except JournalError as error:
            raise wrong_input(error) from None
    number = _number(witness.engine, account, where)
    told = witness.engine.explain(number)
    if as_json:
        print_json(_as_json(witness, told))
    else:
        _print(witness, told)
    return DONE


def _rebuilt(journal: Journal, at: int, history: bool) -> Witness:
    from seawall.engine import Engine
    from seawall.engine.history.replay import replayed

    checkpoint = None if history else journal.latest_checkpoint(at)
    engine = Engine() if checkpoint is None else Engine.restore(checkpoint.blob)
    return replayed(journal, Witness(engine), at)


def _number(engine: Engine, account: str, where: str) -> int:
    try:
        number = engine.account(account)
    except KeyError:
        number = int(account) if account.isdecimal() else -1
    if not 0 <= number < len(engine.names):
        reason = f"no account {account} after event {engine.sequence}"
        raise Failure(WRONG_INPUT, f"{where}: ACCOUNT: {reason}")
    if engine.venue.method[number] < 0:
        name = engine.names[number]
        raise Failure(WRONG_INPUT, f"{where}: ACCOUNT: {name} is a system account, never margined")
    if not engine.venue.tables.ready:
        reason = f"nothing was priced yet after event {engine.sequence}"
        raise Failure(WRONG_INPUT, f"{where}: --at: {reason}")
    return number


def _steps(witness: Witness, number: int) -> list[tuple[int, int, str]]:
    from seawall.simulation.telling import steps_of

    rows = witness.seen.get(number, [])
    return [(time_ms, seq, said) for time_ms, seq, _, said in steps_of(witness.engine, rows)]


def verdict(told: AccountExplanation) -> str:
    """Say in one sentence where the account stands and why."""
    need = told.requirement
    if need.margin_equity < need.maintenance:
        return "below maintenance: it is liquidated, or called if it has grace"
    if need.margin_equity < need.initial:
        return "above maintenance, below initial: it may reduce but not take on risk"
    return "above initial margin"


def _as_json(witness: Witness, told: AccountExplanation) -> dict[str, Any]:
    from seawall.cli.margin_json import requirement_json, terms_json

    decimals = witness.engine.catalogue.numeraire.decimals
    return {
        "account": told.account,
        "name": told.name,
        "sequence": told.sequence,
        "time_ms": told.time_ms,
        "fingerprint": told.fingerprint,
        "numeraire": witness.engine.catalogue.numeraire.id,
        "method": told.method,
        "state": told.state,
        "deadline_ms": told.deadline_ms,
        "verdict": verdict(told),
        "binding": told.binding,
        **requirement_json(told.requirement, decimals),
        "terms": terms_json(told.terms, told.quantities, decimals),
        "prices": told.prices,
        "restores": told.restores,
        "steps": [
            {"time_ms": time_ms, "sequence": sequence, "text": text}
            for time_ms, sequence, text in _steps(witness, told.account)
        ],
        "steps_since": witness.first + 1,
    }


def _print(witness: Witness, told: AccountExplanation) -> None:
    from seawall.cli.run_margin import print_requirement, print_terms
    from seawall.simulation.report_page import moment

    numeraire = witness.engine.catalogue.numeraire
    print_line(
        f"{told.name} (account {told.account}) after event {told.sequence:,}, "
        f"{moment(told.time_ms)}: {told.state}"
    )
    print_line(f"{verdict(told)}\n")
    print_requirement(told.requirement, numeraire.decimals, numeraire.id)
    print_terms(told.terms, told.quantities, numeraire.decimals, numeraire.id)
    print_line(f"binding: {told.binding}")
    if told.restores:
        sums = " or ".join(f"{grouped(amount)} {coin}" for coin, amount in told.restores.items())
        print_line(f"a deposit of {sums} restores the initial margin")
    prices = ", ".join(f"{name} {grouped(price)}" for name, price in told.prices.items())
    print_line(f"prices: {prices or 'nothing held'}")
    print_line(f"method {told.method}, rulebook fingerprint {told.fingerprint}\n")
    steps = _steps(witness, told.account)
    if steps:
        rows = [(f"{seq:,}", moment(time_ms), text) for time_ms, seq, text in steps]
        print_table(("event", "time", "what happened"), rows, numbers=(0,))
    if witness.first:
        print_line(f"steps since the checkpoint after event {witness.first:,}; --history tells all")
