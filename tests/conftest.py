"""What several rooms of tests share: a PostgreSQL server of our own, and a cut of the crash."""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

# A kernel compiles inside the first example, and a busy machine is not a wrong answer.
settings.register_profile("seawall", deadline=None)
# A gate must answer the same twice, so its draws are fixed; everywhere else they are new.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed" if os.environ.get("SEAWALL_FIXED_DRAWS") else "seawall")

ROOT = Path(__file__).parents[1]
CRASH = ROOT / "examples" / "crash-2024-08-05"
BARS = slice(294, 302)  # 5 August 2024, 00:30 to 01:10: ETH's low is in the last one.
TICKS = 3 * 8 + 1


@pytest.fixture(scope="session")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example scenario, cut to forty minutes and 1,000 accounts."""
    folder = tmp_path_factory.mktemp("cut")
    for file in (*CRASH.glob("*.csv"), CRASH / "scenario.toml"):
        shutil.copy(file, folder)
    head, *bars = (CRASH / "bars.csv").read_text().splitlines()
    (folder / "bars.csv").write_text("\n".join([head, *bars[BARS]]) + "\n")
    scenario = folder / "scenario.toml"
    written = scenario.read_text()
    rules = re.search(r'(?m)^rulebook *= *"(.*)"', written)
    assert rules is not None
    shutil.copy((CRASH / rules[1]).resolve(), folder / "rules.toml")
    for key, value in (
        ("rulebook", '"rules.toml"'),
        ("accounts", "1000"),
        ("checkpoint_ticks", "5"),
    ):
        written, found = re.subn(rf"(?m)^{key} *= *[^#\n]*", f"{key} = {value} ", written, count=1)
        assert found, key
    scenario.write_text(written)
    return scenario


def _program(name: str) -> str | None:
    found = shutil.which(name)
    places = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found or (places[-1] if places else None)


def _other_user() -> dict[str, Any]:
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Cluster:
    """A throw-away PostgreSQL on loopback, which can be stopped and started again."""

    def __init__(self) -> None:
        pytest.importorskip(
            "psycopg", reason="psycopg is not installed: pip install seawall[postgresql]"
        )
        initdb, server = _program("initdb"), _program("postgres")
        if initdb is None or server is None:
            said = "no PostgreSQL server: neither initdb nor postgres is on PATH; not tested"
            if os.environ.get("SEAWALL_NEEDS_POSTGRESQL"):  # `make test-services` is for it.
                pytest.fail(said)
            pytest.skip(said)
        self._server, self._user = server, _other_user()
        self._folder = tempfile.mkdtemp(prefix="seawall-pg-", dir="/tmp")  # Socket paths: short.
        self._port = _free_port()
        self.url = f"postgresql://seawall@127.0.0.1:{self._port}/postgres"
        self._ran: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(self._folder, self._user["user"], self._user["group"])
        try:
            subprocess.run(
                [initdb, "-D", f"{self._folder}/cluster", "-U", "seawall", "-A", "trust",
                 "--no-sync"],
                check=True, capture_output=True, cwd=self._folder, **self._user,
            )  # fmt: skip
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = Path(f"{self._folder}/log")
        with log.open("ab") as told:
            # Only clients are killed here, so nothing is learnt from waiting for the disk.
            settings = (
                "listen_addresses=127.0.0.1",
                f"port={self._port}",
                "fsync=off",
                "max_wal_size=256MB",
            )
            arguments = [part for setting in settings for part in ("-c", setting)]
            self._ran = subprocess.Popen(
                [self._server, "-D", f"{self._folder}/cluster", "-k", self._folder, *arguments],
                stdout=told, stderr=told, cwd=self._folder, **self._user,
            )  # fmt: skip
        _wait(self.url, self._ran, log)

    def stop(self) -> None:
        """End it at once; what it acknowledged it finds again in its own log."""
        if self._ran is not None:
            self._ran.send_signal(signal.SIGQUIT)
            self._ran.wait(20)
            self._ran = None

    def remove(self) -> None:
        """End it and throw it away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture
def postgresql_cluster() -> Iterator[Cluster]:
    """A server of one test, which may stop it."""
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """URL of a server: SEAWALL_POSTGRESQL_URL, or a throw-away cluster on loopback."""
    given = os.environ.get("SEAWALL_POSTGRESQL_URL")
    if given:
        yield given
        return
    cluster = Cluster()
    yield cluster.url
    cluster.remove()


@pytest.fixture
def postgresql_schema(postgresql_url: str) -> Iterator[str]:
    """URL of a schema in which nothing is yet."""
    base = make_url(postgresql_url).set(drivername="postgresql+psycopg")
    schema = f"seawall_test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(base)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = base.update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()
