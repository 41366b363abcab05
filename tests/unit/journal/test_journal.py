"""What a journal promises, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seawall.engine.codec import GENESIS
from seawall.engine.event import Deposited, Loaded
from seawall.engine.history import _store
from seawall.engine.history.export import export
from seawall.engine.history.journal import Entry, Journal, JournalError
from seawall.engine.history.replay import verify


def test_a_new_journal_is_empty(where):
    with Journal.create(where, {"venue": "paper", "seed": "7"}) as journal:
        assert journal.meta == {"venue": "paper", "seed": "7"}
        assert journal.last_sequence() == 0
        assert journal.last_chain() == GENESIS
        assert list(journal.entries()) == []
        assert journal.latest_checkpoint() is None


def test_what_was_appended_is_read_back(where, Counter):
    counter = Counter()
    batches = [counter.batch(size) for size in (1, 3, 2000, 1)]
    kept = [entry for batch in batches for entry in batch]
    with Journal.create(where) as journal:
        for batch in batches:
            journal.append(batch)
        assert journal.last_sequence() == 2005
        assert journal.last_chain() == counter.chain
    with Journal.open(where) as journal:
        assert journal.last_sequence() == 2005
        assert list(journal.entries()) == kept
        assert list(journal.entries(4)) == kept[3:]
        assert list(journal.entries(2, 3)) == kept[1:3]
        assert list(journal.entries(2005, 9000)) == kept[2004:]
        assert list(journal.entries(2006)) == []
        assert journal.chain_at(17) == kept[16].chain


def test_a_wide_event_does_not_stop_the_stream(where, Counter):
    counter = Counter()
    wide = Loaded(time_ms=1, account=b"\x01" * 6_000_000, asset=b"", quantity=b"")
    kept = [*counter.batch(100), counter.entry(wide), *counter.batch(100), counter.entry(wide)]
    with Journal.create(where) as journal:
        journal.append(kept)
        assert list(journal.entries()) == kept


def test_sequence_numbers_must_continue(where, Counter):
    batch = Counter().batch(5)
    with Journal.create(where) as journal:
        journal.append(batch[:2])
        for wrong in (batch[3:], batch[1:], [batch[2], batch[4]], [batch[2], batch[2]]):
            with pytest.raises(JournalError, match="cannot follow"):
                journal.append(wrong)
        assert journal.last_sequence() == 2
        journal.append([])
        journal.append(batch[2:])
        assert list(journal.entries()) == batch


def test_an_earlier_journal_is_not_overwritten_unless_told(where, Counter):
    with Journal.create(where, {"run": "first"}) as journal:
        journal.append(Counter().batch(3))
    with pytest.raises(JournalError, match="there already"):
        Journal.create(where)
    with Journal.open(where) as journal:
        assert (journal.meta["run"], journal.last_sequence()) == ("first", 3)
    with Journal.create(where, {"run": "second"}, overwrite=True) as journal:
        assert (journal.meta["run"], journal.last_sequence()) == ("second", 0)


def test_a_second_writer_is_refused_and_readers_are_not(where, Counter, monkeypatch):
    monkeypatch.setattr(_store, "LOCK_SECONDS", 0.05)
    counter = Counter()
    with Journal.create(where) as journal:
        journal.append(counter.batch(3))
        with pytest.raises(JournalError, match="another process is writing"):
            Journal.open(where)
        with pytest.raises(JournalError, match="another process is writing"):
            Journal.create(where, overwrite=True)
        with Journal.open(where, read_only=True) as reader:
            assert len(list(reader.entries())) == 3
            journal.append(counter.batch(2))
            assert reader.last_sequence() == 5
            assert len(list(reader.entries())) == 5
            with pytest.raises(JournalError, match="only to be read"):
                reader.append(counter.batch(1))
            with pytest.raises(JournalError, match="only to be read"):
                reader.finish("x")
        assert journal.last_sequence() == 5
    Journal.open(where).close()


def test_another_process_cannot_write_at_the_same_time(where):
    program = (
        "import sys; from seawall.engine.history import _store\n"
        "from seawall.engine.history.journal import Journal, JournalError\n"
        "_store.LOCK_SECONDS = 0.05\n"
        "try: Journal.open(sys.argv[1])\n"
        "except JournalError as error: print(error)\n"
        "else: print('opened')\n"
    )

    def tried() -> str:
        ran = subprocess.run(
            [sys.executable, "-c", program, where], capture_output=True, text=True, check=True
        )
        return ran.stdout

    with Journal.create(where):
        assert "another process is writing this journal" in tried()
    assert tried() == "opened\n"


def test_a_finished_journal_is_sealed(where, Counter):
    counter = Counter()
    with Journal.create(where) as journal:
        journal.append(counter.batch(3))
        assert journal.final_hash() is None
        journal.finish(counter.state_hash())
        journal.finish(counter.state_hash())
        with pytest.raises(JournalError, match="another state hash"):
            journal.finish("0" * 64)
        with pytest.raises(JournalError, match="finished at event 3"):
            journal.append(counter.batch(1))
    with Journal.open(where) as journal:
        assert journal.final_hash() is not None
        assert journal.last_sequence() == 3


def test_checkpoints_are_found_by_sequence(where, Counter):
    counter, kept = Counter(), []
    with Journal.create(where) as journal:
        for _ in range(3):
            journal.append(counter.batch(10))
            kept.append(counter.checkpoint())
            journal.checkpoint(kept[-1])
        journal.checkpoint(kept[-1])  # Again: the same row.
        assert list(journal.checkpoints()) == kept
        assert journal.latest_checkpoint() == kept[2]
        assert journal.latest_checkpoint(29) == kept[1]
        assert journal.latest_checkpoint(10) == kept[0]
        assert journal.latest_checkpoint(9) is None
        assert journal.state_hashes() == {c.sequence: c.state_hash for c in kept}
        counter.batch(1)
        with pytest.raises(JournalError, match="no event 31"):
            journal.checkpoint(counter.checkpoint())
        other = Counter()
        other.entry(Deposited(time_ms=0, account=6, coin=0, atoms=1))
        with pytest.raises(JournalError, match="not the journal's"):
            journal.checkpoint(other.checkpoint())


def test_a_closed_journal_says_so(where, Counter):
    journal = Journal.create(where)
    journal.close()
    journal.close()
    for use in (journal.last_sequence, lambda: journal.append(Counter().batch(1))):
        with pytest.raises(JournalError, match="is closed"):
            use()


def test_an_unknown_format_is_refused(where):
    Journal.create(where).close()
    store = _store.Store(where, writing=True, durability="full")
    store.connect()
    with store.transaction("no", write=True) as connection:
        connection.execute(
            _store.META.update().where(_store.META.c.key == "seawall.format").values(value="2")
        )
    store.close()
    with pytest.raises(JournalError, match="format 2; this version reads format 1"):
        Journal.open(where)


def test_reserved_meta_keys_are_refused(where):
    with pytest.raises(JournalError, match=r"seawall\. are reserved"):
        Journal.create(where, {"seawall.format": "9"})


def test_a_time_that_no_row_can_hold_is_refused(where):
    with Journal.create(where) as journal:
        with pytest.raises(JournalError, match="does not fit"):
            journal.append([Entry(1, 2**63, b"", GENESIS)])
        assert journal.last_sequence() == 0


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_both_durabilities_keep_events(where, Counter, durability):
    counter = Counter()
    with Journal.create(where, durability=durability) as journal:
        journal.append(counter.batch(3))
    with Journal.open(where, durability=durability) as journal:
        journal.append(counter.batch(3))
        assert verify(journal, Counter).ok


def test_a_second_writer_that_slips_past_the_lock_is_fenced_off(where, Counter):
    """The head row moves only from where the writer last saw it."""
    counter = Counter()
    with Journal.create(where) as journal:
        journal.append(counter.batch(3))
        with journal._store.transaction("no", write=True) as connection:
            connection.execute(_store.HEAD.update().values(sequence=9))
        with pytest.raises(JournalError, match="another process has written"):
            journal.append(counter.batch(1))
        assert journal.last_sequence() == 9


def test_export_writes_every_event_as_a_line(where, Counter, tmp_path):
    counter = Counter()
    with Journal.create(where, {"venue": "paper"}) as journal:
        kept = counter.batch(3)
        kept.append(
            counter.entry(Loaded(time_ms=9, account=b"\x00\xff", asset=b"", quantity=b"\x01"))
        )
        journal.append(kept)
        journal.finish(counter.state_hash())
        assert export(journal, tmp_path / "venue.jsonl") == 4
    lines = [json.loads(line) for line in (tmp_path / "venue.jsonl").read_text().splitlines()]
    assert lines[0] == {"seawall_journal": "1", "meta": {"venue": "paper"}}
    assert [line["sequence"] for line in lines[1:-1]] == [1, 2, 3, 4]
    assert [line["chain"] for line in lines[1:-1]] == [entry.chain.hex() for entry in kept]
    assert lines[4]["event"] == {
        "event": "loaded",
        "account": "AP8=",  # Base64 of 00 ff.
        "asset": "",
        "quantity": "AQ==",
        "time_ms": 9,
    }
    assert lines[-1] == {"end": {"events": 4, "state_hash": counter.state_hash()}}


def test_a_failed_export_leaves_the_earlier_file(where, Counter, tmp_path):
    counter = Counter()
    target = tmp_path / "venue.jsonl"
    target.write_text("earlier")
    with Journal.create(where) as journal:
        journal.append([*counter.batch(2), Entry(3, 0, b"no event", GENESIS)])
        with pytest.raises(JournalError, match="event 3: not an event"):
            export(journal, target)
        assert target.read_text() == "earlier"
        assert [path.name for path in tmp_path.glob(".*")] == []
        with pytest.raises(JournalError, match="the export was not written"):
            export(journal, target / "below" / "a_file")


@pytest.mark.parametrize("address", ["mysql://host/x", "sqlite://", "://"])
def test_other_addresses_are_refused(address):
    with pytest.raises(JournalError):
        Journal.open(address)


def test_a_sqlite_url_is_a_path(tmp_path, Counter):
    with Journal.create(f"sqlite:///{tmp_path}/a.db") as journal:
        journal.append(Counter().batch(1))
    with Journal.open(tmp_path / "a.db") as journal:
        assert journal.last_sequence() == 1


def test_a_password_is_never_shown():
    with pytest.raises(JournalError) as caught:
        Journal.open("postgresql://a:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_closed_journal_is_one_file_and_its_lock(tmp_path: Path, Counter):
    with Journal.create(tmp_path / "venue.db") as journal:
        journal.append(Counter().batch(5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["venue.db", "venue.db.lock"]
