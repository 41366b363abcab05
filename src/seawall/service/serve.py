"""One process: the journal opened or begun, the writer, the application, and a server around them.

Knows the disk, the clock and the network; a replay is handed in as a feed.
"""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from typing import Any

import uvicorn
from sqlalchemy.engine import make_url

from seawall.engine import Engine
from seawall.engine.event import Started
from seawall.engine.history.journal import Journal, JournalError
from seawall.engine.history.standby import Primary
from seawall.engine.rules.rulebook import Rulebook
from seawall.service.app import make_app
from seawall.service.beside import episodes, timeline
from seawall.service.beside.incidents import Recorder
from seawall.service.desk import Desk
from seawall.service.guarding.keys import Keys, now_ms
from seawall.service.guarding.limits import NO_RATES, Limits, Rates
from seawall.service.guarding.store import Store
from seawall.service.guarding.tls import CertificateError, context_of
from seawall.service.live.protocol import StreamProtocol
from seawall.service.metrics import Metrics
from seawall.service.monitor import Assumptions, Monitor
from seawall.service.notices.notices import Notices
from seawall.service.past import Past
from seawall.service.recent import Recent
from seawall.service.writer import Feed, Writer, wall_clock

CHECKPOINT_EVENTS = 10_000
MODELLED = Assumptions()
CLOCK = "clock"  # A journal's meta: whose time its events carry.


class ServeError(ValueError):
    """The service cannot start; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service is started."""

    store: str = "sqlite:///venue.db"
    host: str = "127.0.0.1"
    port: int = 8750
    rules: Rulebook | None = None
    feed: Feed | None = None
    clock: str = "wall"  # Or the name of the scenario that tells the time.
    bootstrap: bool = False  # Make the first admin key and print it once.
    queue_most: int = 1024
    checkpoint_events: int = CHECKPOINT_EVENTS
    log: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    rates: Rates = NO_RATES  # Of every key that has none of its own.
    limit_addresses: bool = False  # Also those who send no key, by where they come from.
    readers_most: int = 500  # Of the live stream.
    notices_private: bool = False  # Webhooks may be at addresses of a private network.
    notices_kept_days: int | None = None  # After which what is over is forgotten; None: never.
    monitor: Assumptions | None = MODELLED  # Of how far a fall would spread; None: it is not read.


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until a signal; raises `ServeError` where it cannot start."""
    try:
        tls = context_of(settings.tls_cert, settings.tls_key)
    except CertificateError as error:
        raise ServeError(str(error)) from None
    meta = prepare(settings)
    store = Store(settings.store)
    try:
        desk, dead = _desk(settings, store, meta[CLOCK])
        if settings.bootstrap:
            _bootstrap(desk.keys, say)
        if desk.keys.is_open and not is_loopback(settings.host):
            said = "without API keys only loopback is served; begin with --bootstrap"
            raise ServeError(f"--host {settings.host}: {said}")
        listening = _listening(settings)
        _logging(settings)
        store.note(now_ms(), "start", "service started", f"{settings.host}:{settings.port}")
        monitor = None if settings.monitor is None else Monitor(desk.writer, settings.monitor)
        desk.monitor = monitor
        if monitor is not None:
            desk.recent = Recent(monitor, desk.writer)
            monitor.listen(desk.recent.took)
        server = _server(desk, tls)
        dead.append(lambda: setattr(server, "should_exit", True))
        desk.writer.start()
        assert desk.notices is not None, "a service that is started has notices"
        desk.notices.start()
        if monitor is not None:
            monitor.start()
        host, port = listening.getsockname()[:2]
        if desk.keys.is_open:
            say("no API key yet: whoever reaches this address may do everything; loopback only")
        scheme = "http" if tls is None else "https"
        say(f"seawall serves {scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        for ending in (signal.SIGINT, signal.SIGTERM):
            # The server raises what ended it once more when it is done; that is no news here.
            signal.signal(ending, lambda number, frame: None)
        gc.freeze()  # What is loaded by now stays; looking through it stops everybody for 70 ms.
        try:
            server.run(sockets=[listening])
        finally:
            if monitor is not None:
                monitor.stop()
            desk.writer.stop()
            desk.notices.stop()
        if isinstance(died := dead[0], BaseException):
            raise ServeError(str(died)) from died
    finally:
        store.close()


def _server(desk: Desk, tls: SSLContext | None) -> uvicorn.Server:
    """The application in a server that is not started yet."""
    config = uvicorn.Config(
        make_app(desk),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        limit_concurrency=1000,
        http=_http(),
        ws=StreamProtocol,
        ws_max_size=16_384,
        ws_per_message_deflate=False,  # It would be paid for each reader, not once for all.
        timeout_graceful_shutdown=5,
    )
    if tls is not None:
        config.load()
        config.ssl = tls
    return uvicorn.Server(config)


def _http() -> Any:
    """The fast protocol where it is installed; else uvicorn's own, which bounds heads itself."""
    try:
        from seawall.service.guarding.http_protocol import BoundedHttp
    except ModuleNotFoundError:
        return "h11"
    return BoundedHttp


def prepare(settings: Settings) -> dict[str, str]:
    """Begin a journal where none is yet; what it says of itself."""
    where = settings.store
    try:
        if not _is_there(where):
            Journal.create(where, {CLOCK: settings.clock}).close()
        with Journal.open(where, read_only=True) as journal:
            meta = {CLOCK: "wall", **journal.meta}
            if journal.final_hash() is not None:
                raise ServeError(f"{journal.name}: this journal is finished; begin another one")
    except JournalError as error:
        raise ServeError(str(error)) from None
    if settings.feed is not None and meta[CLOCK] != settings.clock:
        said = f"its time is {meta[CLOCK]}'s, not {settings.clock}'s"
        raise ServeError(f"{where}: begun without this replay; {said}")
    return meta


def is_loopback(host: str) -> bool:
    """Whether an address reaches no farther than this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_there(where: str) -> bool:
    url = make_url(where)
    if url.get_backend_name() == "sqlite":
        return url.database is not None and Path(url.database).exists()
    try:
        Journal.open(where, read_only=True).close()
    except JournalError as error:
        if "not a Seawall journal" in str(error):
            return False
        raise
    return True


def _desk(settings: Settings, store: Store, clock: str) -> tuple[Desk, list[object]]:
    """Join the parts; the list holds why the writer died, then what to tell of it."""
    dead: list[object] = [None]

    def die(error: BaseException) -> None:
        dead[0] = error
        for tell in dead[1:]:
            assert callable(tell)
            tell()

    notices = Notices(
        settings.store,
        private=settings.notices_private,
        clock=clock,
        kept_days=settings.notices_kept_days,
    )

    def open_primary() -> Primary:
        primary = Primary.open(settings.store, checkpoint_events=settings.checkpoint_events)
        primary.beside = timeline.together(
            timeline.Keeper(primary.engine),
            Recorder(primary.engine),
            notices.begin(primary.engine),
            episodes.keep,
        )
        try:
            _begin(primary, settings, clock)
        except BaseException:
            primary.close()
            raise
        return primary

    metrics = Metrics()
    writer = Writer(
        open_primary,
        queue_most=settings.queue_most,
        now_ms=wall_clock if clock == "wall" else told_clock,
        feed=settings.feed,
        seen=metrics,
        at_death=die,
    )
    past = Past(settings.store, writer.turns, 2 * max(settings.checkpoint_events, 1))
    limits = Limits(settings.rates, addresses=settings.limit_addresses)
    desk = Desk(writer, store, Keys(store), past, metrics, limits, notices=notices)
    writer.follow(notices.happened)
    desk.readers.most = settings.readers_most
    return desk, dead


def told_clock(engine: Engine) -> int:
    """The time of the last event, where a scenario tells it."""
    return engine.time_ms


def _begin(primary: Primary, settings: Settings, clock: str) -> None:
    rules, engine = settings.rules, primary.engine
    if rules is None:
        return
    if not engine.sequence:
        time_ms = wall_clock(engine) if clock == "wall" else engine.time_ms
        primary.submit(Started(time_ms=time_ms, rulebook=rules.canonical()), "start/rules")
    elif engine.fingerprint != rules.fingerprint:
        said = f"the venue stands under {engine.fingerprint}, the file says {rules.fingerprint}"
        raise ServeError(f"--rules: {said}; activate another rulebook through the API")


def _bootstrap(keys: Keys, say: Callable[[str], None]) -> None:
    made = keys.make("bootstrap", ["read", "trade", "operate", "admin"], actor="start", first=True)
    if made is None:
        raise ServeError("--bootstrap: there are API keys already; an admin makes others")
    say(f"admin key, printed this once: {made[1]}")


def _listening(settings: Settings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, proto, _, address = found[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        raise ServeError(f"{settings.host}:{settings.port}: {error.strerror or error}") from None
    return listening


def _logging(settings: Settings) -> None:
    told = logging.getLogger("seawall.service")
    told.handlers = [logging.StreamHandler(sys.stderr)]
    told.propagate = False
    told.setLevel(logging.INFO if settings.log else logging.ERROR)
