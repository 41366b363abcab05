"""The command about a simulated world: its name, options and help; it imports what it needs."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from seawall.cli.options import Json


def add_to(app: App) -> None:
    """Put the command into the command line."""
    app.command(world)


def world(
    scenario: Path,
    /,
    *,
    seed: int | None = None,
    json: Json = False,
) -> int:
    """Run a seeded world around the real engine, with the impact of its own sales and without.

    Parameters
    ----------
    scenario
        The world's file (TOML).
    seed
        Another seed than the file's.
    json
        Print one JSON object, money as text.
    """
    from seawall.cli.run_world import run

    return run(scenario, seed, json)
