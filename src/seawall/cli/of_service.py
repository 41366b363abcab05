"""The commands of the service: their names, options and help; each imports what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter


def add_to(app: App) -> None:
    """Put the commands into the command line."""
    app.command(serve)
    app.command(mcp)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Guarding:
    """How a service is guarded: its certificate, what each sender may ask, what is kept."""

    tls_cert: Path | None = None
    """Certificate (PEM, with its chain); serves HTTPS together with --tls-key."""

    tls_key: Path | None = None
    """The certificate's key (PEM, not encrypted)."""

    reads_per_s: int | None = None
    """Questions that each API key may ask a second. Without it, nothing limits them."""

    commands_per_s: int | None = None
    """Commands that each API key may send a second. Without it, nothing limits them."""

    limit_addresses: Annotated[bool, Parameter(negative="")] = False
    """Limit requests without a key in the same way, by the address that they come from."""

    private_webhooks: Annotated[bool, Parameter(negative="")] = False
    """Let notices go to webhooks at addresses of a private network."""

    notices_days: int | None = None
    """Forget notices that are over so many days after their event. Without it they are kept."""


def serve(
    *,
    rules: Path | None = None,
    store: str = "sqlite:///venue.db",
    replay: Path | None = None,
    speed: str = "60x",
    accounts: int | None = None,
    host: str = "127.0.0.1",
    port: int = 8750,
    bootstrap: Annotated[bool, Parameter(negative="")] = False,
    log: Annotated[bool, Parameter(negative="")] = False,
    monitor: str | None = None,
    guarding: Guarding | None = None,
) -> int:
    """Run the margin engine as a service: HTTP API, live stream, notices and pages.

    Parameters
    ----------
    rules
        Rulebook (TOML) under which a new venue opens. Without it, the API opens the venue.
    store
        Where journal and keys are kept: a file or a database URL. It goes on where that ends.
    replay
        A scenario file whose ticks are played into the venue.
    speed
        Seconds of the scenario in one second, such as 60x.
    accounts
        Another number of accounts than the scenario's.
    host
        Address to listen on. Without API keys only loopback.
    port
        0 takes a free one.
    bootstrap
        Make the first API key and print it once; from then on every request needs a key.
    log
        Write a line of JSON for each request to stderr.
    monitor
        A file (TOML) of what the systemic monitor assumes, or `off`.
    guarding
        How it is guarded.
    """
    from seawall.cli.run_serve import run

    asked = guarding or Guarding()
    return run(rules, store, replay, speed, accounts, host, port, bootstrap, log, asked, monitor)


def mcp(*, url: str = "http://127.0.0.1:8750", key_file: Path | None = None) -> int:
    """Answer an assistant's questions about a running service, over standard input and output.

    Parameters
    ----------
    url
        Where the service is.
    key_file
        A file that holds an API key with the scope `read`; only where the service has keys.
    """
    from seawall.cli.run_mcp import run

    return run(url, key_file)
