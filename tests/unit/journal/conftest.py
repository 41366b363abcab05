"""Two places to keep a journal: a SQLite file, and a PostgreSQL server of our own."""

from __future__ import annotations

import glob
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

HERE = Path(__file__).parent
collect_ignore = ["kill_rounds.py"]  # A program of its own, not a module with doctests.


def _program(name: str) -> str | None:
    found = shutil.which(name)
    places = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found or (places[-1] if places else None)


def _other_user() -> dict[str, object]:
    """PostgreSQL refuses to run as root, so root lends it another user."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """URL of a server: SEAWALL_POSTGRESQL_URL, or a throw-away cluster on a unix socket."""
    given = os.environ.get("SEAWALL_POSTGRESQL_URL")
    if given:
        yield given
        return
    pytest.importorskip(
        "psycopg", reason="psycopg is not installed: pip install seawall[postgresql]"
    )
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("no PostgreSQL server: neither initdb nor postgres is on PATH; not tested")
    user = _other_user()
    folder = tempfile.mkdtemp(prefix="seawall-pg-", dir="/tmp")  # Socket paths must be short.
    if user:
        os.chown(folder, user["user"], user["group"])
    try:
        subprocess.run(
            [initdb, "-D", f"{folder}/cluster", "-U", "seawall", "-A", "trust", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **user,
        )  # fmt: skip
        with Path(f"{folder}/log").open("wb") as log:
            # Only clients are killed here, so nothing is learnt from waiting for the disk.
            settings = ("listen_addresses=", "fsync=off", "max_wal_size=256MB")
            arguments = [part for setting in settings for part in ("-c", setting)]
            ran = subprocess.Popen(
                [server, "-D", f"{folder}/cluster", "-k", folder, *arguments],
                stdout=log, stderr=log, cwd=folder, **user,
            )  # fmt: skip
        try:
            url = f"postgresql://seawall@/postgres?host={folder}"
            _wait(url, ran, Path(f"{folder}/log"))
            yield url
        finally:
            ran.send_signal(signal.SIGQUIT)  # At once: the cluster is thrown away.
            ran.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, ran: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    for _ in range(200):
        if ran.poll() is not None:
            pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL does not answer:\n{log.read_text()}")


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address at which no journal is yet."""
    if request.param == "sqlite":
        yield str(tmp_path / "venue.db")
        return
    base = make_url(request.getfixturevalue("postgresql_url"))
    base = base.set(drivername="postgresql+psycopg")
    schema = f"seawall_test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(base)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = base.update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture(scope="session")
def counter_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("journal_counter", HERE / "counter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def Counter(counter_module: ModuleType) -> Callable[[], object]:
    return counter_module.Counter
