"""Disks that are full, files that are damaged, servers that go away: one clear sentence each."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seawall.engine.history import _store
from seawall.engine.history.journal import DamagedError, Journal, JournalError
from seawall.engine.history.replay import verify

HERE = Path(__file__).parent


@pytest.fixture
def kept(tmp_path, Counter):
    """A closed journal of 3000 events in about 150 pages."""
    counter = Counter()
    with Journal.create(tmp_path / "venue.db") as journal:
        for _ in range(30):
            journal.append(counter.batch(100))
        journal.checkpoint(counter.checkpoint())
        journal.finish(counter.state_hash())
    return tmp_path / "venue.db"


def test_what_is_not_there_is_not_created(tmp_path):
    with pytest.raises(JournalError, match="no such journal"):
        Journal.open(tmp_path / "none.db")
    with pytest.raises(JournalError, match="no such journal"):
        Journal.open(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_a_text_file_is_not_a_database(tmp_path, read_only):
    (tmp_path / "notes.txt").write_text("buy low, sell high\n" * 100)
    with pytest.raises(DamagedError, match="not a database"):
        Journal.open(tmp_path / "notes.txt", read_only=read_only)


def test_another_database_is_not_a_journal_and_not_overwritten(tmp_path):
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE precious (thing)")
    other.close()
    with pytest.raises(JournalError, match="not a Seawall journal"):
        Journal.open(tmp_path / "other.db", read_only=True)
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(JournalError, match="not overwritten"):
        Journal.create(tmp_path / "other.db", overwrite=True)
    assert (tmp_path / "other.db").read_bytes() == before


def test_an_empty_file_is_not_a_journal(tmp_path):
    (tmp_path / "empty.db").touch()
    with pytest.raises(JournalError, match="not a Seawall journal"):
        Journal.open(tmp_path / "empty.db")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "venue.db", tmp_path / "none" / "venue.db"):
        with pytest.raises(JournalError, match=r"cannot be opened: no such folder"):
            Journal.create(place)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts need root")
def test_a_read_only_disk_can_be_read_and_not_written(kept, Counter, tmp_path):
    program = textwrap.dedent("""
        import sys; sys.path.insert(0, sys.argv[2])
        from counter import Counter
        from seawall.engine.history.journal import Journal, JournalError
        from seawall.engine.history.replay import verify
        with Journal.open(sys.argv[1], read_only=True) as journal:
            assert verify(journal, Counter).ok
        for attempt in (lambda: Journal.open(sys.argv[1]),
                        lambda: Journal.create(sys.argv[1] + ".new")):
            try: attempt()
            except JournalError as error: print(error)
    """)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=8m none {disk} && cp {kept} {disk}/venue.db && "
        f'mount -o remount,ro {disk} && exec {sys.executable} -c "$PROGRAM" {disk}/venue.db {HERE}'
    )
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env={**os.environ, "PROGRAM": program}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "mount" in ran.stderr or "unshare" in ran.stderr:
        pytest.skip(f"no mount namespaces here: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    assert all("cannot be opened: " in line for line in lines)


def test_a_full_disk_keeps_the_journal_whole(tmp_path):
    """A limit on the size of files stands in for the disk; lifted, the same batch goes in."""
    program = textwrap.dedent("""
        import resource, signal, sys; sys.path.insert(0, sys.argv[2])
        from counter import Counter
        from seawall.engine.history.journal import Journal, JournalError
        from seawall.engine.history.replay import verify
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        counter, kept = Counter(), 0
        with Journal.create(sys.argv[1]) as journal:
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
            while True:
                batch = counter.batch(200)
                try: journal.append(batch)
                except JournalError as error: said = error; break
                kept = counter.sequence
            print(said)
            assert kept > 0 and journal.last_sequence() == kept
            try: journal.append(batch)
            except JournalError: pass
            else: raise SystemExit("kept beyond the limit")
            assert [entry.sequence for entry in journal.entries()] == list(range(1, kept + 1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            journal.append(batch)
            assert verify(journal, Counter).ok
        with Journal.open(sys.argv[1]) as journal:
            assert journal.last_sequence() == counter.sequence
            assert verify(journal, Counter).ok
    """)
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "venue.db"), str(HERE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the batch was not kept" in ran.stdout
    assert "full" in ran.stdout


def test_a_lock_of_another_program_is_waited_for_and_then_named(kept, monkeypatch, tmp_path):
    monkeypatch.setattr(_store, "BUSY_SECONDS", 0.05)
    with Journal.create(tmp_path / "b.db") as journal:
        other = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another program holds a lock"):
            journal.finish("0")
        other.execute("ROLLBACK")
        other.close()
        journal.finish("0")


@pytest.mark.parametrize("share", [0.999, 0.7, 0.3, 0.01])
def test_a_truncated_file_is_noticed(kept, Counter, share):
    whole = kept.read_bytes()
    kept.write_bytes(whole[: int(len(whole) * share)])
    assert _noticed(kept, Counter) is not None


def test_a_file_cut_to_nothing_is_noticed(kept, Counter):
    kept.write_bytes(b"")
    assert _noticed(kept, Counter) is not None


def test_flipped_bits_are_noticed_or_touch_nothing_that_is_kept(kept, Counter, tmp_path):
    """A flip in unused bytes of a page changes no row; any other must be found."""
    whole = kept.read_bytes()
    rows = _rows(kept)
    dice = random.Random(11)
    found = 0
    for number in range(60):
        place = dice.randrange(len(whole) * 8)
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        copy = tmp_path / f"flip{number}.db"
        copy.write_bytes(flipped)
        message = _noticed(copy, Counter)
        if message is None:
            assert _rows(copy) == rows, f"bit {place} changed a row and was not noticed"
        else:
            found += 1
    assert found > 40


def test_a_broken_page_is_named_by_the_first_event_in_it(kept, Counter):
    whole = bytearray(kept.read_bytes())
    (entry,) = _events(kept, 1500)
    place = whole.index(entry) // 4096 * 4096
    whole[place : place + 8] = b"\xff" * 8  # The head of the page that holds event 1500.
    kept.write_bytes(whole)
    with Journal.open(kept, read_only=True) as journal:
        read = []
        with pytest.raises(DamagedError, match="cannot be read") as caught:
            read.extend(entry.sequence for entry in journal.entries())
        assert 1400 < caught.value.sequence <= 1500
        assert read == list(range(1, caught.value.sequence))
        assert verify(journal, Counter).difference.sequence == caught.value.sequence


def test_a_server_that_goes_away_closes_the_journal(postgresql_url, Counter, tmp_path):
    import psycopg

    url = f"{postgresql_url}{'&' if '?' in postgresql_url else '?'}options=-csearch_path%3Dgone"
    with psycopg.connect(postgresql_url, autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS gone CASCADE")
        admin.execute("CREATE SCHEMA gone")
        counter = Counter()
        journal = Journal.create(url)
        journal.append(counter.batch(3))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        lost = counter.batch(3)
        with pytest.raises(JournalError, match="the batch was not kept"):
            journal.append(lost)
        with pytest.raises(JournalError, match="is closed"):
            journal.append(lost)
        with Journal.open(url) as again:
            assert again.last_sequence() == 3
            again.append(lost)
            assert verify(again, Counter).ok
        admin.execute("DROP SCHEMA gone CASCADE")


def test_a_server_lost_during_a_commit_leaves_the_outcome_open(where, Counter, monkeypatch):
    """The client cannot know; it must look again, and must not say that the batch was not kept."""
    from sqlalchemy import Connection
    from sqlalchemy.exc import OperationalError

    counter = Counter()
    journal = Journal.create(where)
    journal.append(counter.batch(3))
    commit = Connection.commit

    def lose(self: Connection) -> None:
        commit(self)
        self.invalidate()
        raise OperationalError("COMMIT", None, ConnectionError("server closed the connection"))

    batch = counter.batch(2)
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "commit", lose)
        with pytest.raises(JournalError, match="lost while it committed"):
            journal.append(batch)
    with pytest.raises(JournalError, match="is closed"):
        journal.last_sequence()
    with Journal.open(where) as again:
        assert again.last_sequence() == 5
        assert verify(again, Counter).ok


def _noticed(path: Path, Counter: object) -> str | None:
    """What opening and verifying a copy says, if they say anything."""
    try:
        with Journal.open(path, read_only=True) as journal:
            difference = verify(journal, Counter).difference
            return difference.message if difference else None
    except JournalError as error:
        return str(error)
    finally:
        for side in ("-wal", "-shm"):
            Path(f"{path}{side}").unlink(missing_ok=True)


def _rows(path: Path) -> list[tuple[object, ...]]:
    copy = shutil.copy(path, path.with_suffix(".copy"))
    connection = sqlite3.connect(copy)
    try:
        return [
            row
            for table in sorted(_store.TABLES.tables)
            for row in connection.execute(f"SELECT * FROM {table}")
        ]
    finally:
        connection.close()


def _events(path: Path, sequence: int) -> list[bytes]:
    connection = sqlite3.connect(path)
    try:
        query = "SELECT event FROM journal_event WHERE sequence = ?"
        return [row[0] for row in connection.execute(query, (sequence,))]
    finally:
        connection.close()
