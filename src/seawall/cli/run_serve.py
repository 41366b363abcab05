"""`seawall serve`: the service, with a journal of its own and, if asked, a replay as its feed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.cli.output import CANNOT_WRITE, DONE, WRONG_INPUT, Failure, print_line, wrong_input

if TYPE_CHECKING:
    from seawall.cli.of_service import Guarding
    from seawall.service.monitor import Assumptions
    from seawall.service.replay_feed import ReplayFeed


def run(
    rules: Path | None,
    store: str,
    replay: Path | None,
    speed: str,
    accounts: int | None,
    host: str,
    port: int,
    bootstrap: bool,
    log: bool,
    guarding: Guarding,
    monitor: str | None = None,
) -> int:
    """Serve until a signal."""
    try:
        from seawall.service.guarding.limits import Rates
        from seawall.service.serve import ServeError, Settings, serve
    except ModuleNotFoundError as error:
        said = f"serve needs {error.name}; install seawall[service]"
        raise Failure(WRONG_INPUT, said) from None
    if rules is not None and replay is not None:
        raise Failure(WRONG_INPUT, "--rules: a replay brings its own rulebook")
    if not 0 <= port < 65_536:
        raise Failure(WRONG_INPUT, f"--port: {port} is no port")
    for flag, rate in (
        ("reads", guarding.reads_per_s),
        ("commands", guarding.commands_per_s),
    ):
        if rate is not None and not 1 <= rate <= 1_000_000:
            raise Failure(WRONG_INPUT, f"--{flag}-per-s: {rate} is not 1 to 1,000,000")
    if guarding.notices_days is not None and not 1 <= guarding.notices_days <= 36_500:
        raise Failure(WRONG_INPUT, f"--notices-days: {guarding.notices_days} is not 1 to 36,500")
    feed = None if replay is None else _feed(replay, speed, accounts)
    from seawall.cli.run_rules import read

    settings = Settings(
        store=_url(store),
        host=host,
        port=port,
        rules=None if rules is None else read(rules),
        feed=feed,
        clock="wall" if feed is None else feed.name,
        bootstrap=bootstrap,
        log=log,
        tls_cert=guarding.tls_cert,
        tls_key=guarding.tls_key,
        rates=Rates(guarding.reads_per_s, guarding.commands_per_s),
        limit_addresses=guarding.limit_addresses,
        notices_private=guarding.private_webhooks,
        notices_kept_days=guarding.notices_days,
        monitor=_assumptions(monitor),
    )
    try:
        serve(settings, print_at_once)
    except ServeError as error:
        raise Failure(CANNOT_WRITE, str(error)) from None
    return DONE


def print_at_once(text: str) -> None:
    """Print a line that a program may wait for."""
    print_line(text)
    import sys

    sys.stdout.flush()


def read_speed(text: str) -> float:
    """Seconds of a scenario in one second.

    >>> read_speed("60x"), read_speed("2.5")
    (60.0, 2.5)
    """
    found = re.fullmatch(r"(\d{1,7}(?:\.\d{1,6})?)x?", text)
    if found is None or float(found[1]) <= 0:
        raise Failure(WRONG_INPUT, f"--speed: {text} is not written like 60x")
    return float(found[1])


def _feed(scenario: Path, speed: str, accounts: int | None) -> ReplayFeed:
    from seawall.engine.rules.rulebook import RulebookError
    from seawall.service.replay_feed import ReplayFeed
    from seawall.simulation.bars import ScenarioError

    if not scenario.is_file():
        raise Failure(WRONG_INPUT, f"{scenario}: no such file")
    if accounts is not None and accounts <= 0:
        raise Failure(WRONG_INPUT, f"--accounts: {accounts} is not positive")
    try:
        return ReplayFeed(scenario, read_speed(speed), accounts=accounts)
    except (RulebookError, ScenarioError) as error:
        raise wrong_input(error) from None


def _assumptions(told: str | None) -> Assumptions | None:
    """What the systemic monitor assumes; None where it is not wanted."""
    from seawall.service.monitor import AssumptionError, Assumptions, read_assumptions

    if told == "off":
        return None
    try:
        return Assumptions() if told is None else read_assumptions(Path(told))
    except AssumptionError as error:
        raise wrong_input(error) from None


def _url(store: str) -> str:
    """A path is a SQLite file; its folder must be there."""
    url = store if "://" in store else f"sqlite:///{store}"
    if url.startswith("sqlite:///"):
        folder = Path(url.removeprefix("sqlite:///")).absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise Failure(CANNOT_WRITE, f"{folder}: the folder is missing or cannot be written")
    return url
