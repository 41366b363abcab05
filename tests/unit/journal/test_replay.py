"""Replay: what agrees is proved, what does not is named by its sequence number."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from seawall.engine.codec import GENESIS, encode_event
from seawall.engine.event import Deposited
from seawall.engine.history import _store
from seawall.engine.history.journal import Checkpoint, Entry, Journal, JournalError
from seawall.engine.history.replay import Difference, Fault, ReplayError, recover, replayed, verify


@pytest.fixture
def journal(where, Counter):
    """Thirty events, checkpoints after 10 and 20, finished."""
    counter = Counter()
    with Journal.create(where) as opened:
        for _ in range(3):
            if counter.sequence:
                opened.checkpoint(counter.checkpoint())
            opened.append(counter.batch(10))
        opened.finish(counter.state_hash())
        yield opened


def alter(journal, statement):
    """Do to the tables what no method of a journal does."""
    with journal._store.transaction("cannot be altered", write=True) as connection:
        assert connection.execute(statement).rowcount > 0
    journal._cached = None


def alter_event(journal, sequence, **values):
    """Change one event and give it a checksum that fits, as somebody would who knows how."""
    from seawall.engine.history._rows import event_checksum

    (entry,) = journal.entries(sequence, sequence)
    fields = {name: getattr(entry, name) for name in ("sequence", "time_ms", "event", "chain")}
    forged = Entry(**(fields | values))
    statement = update(_store.EVENT).where(_store.EVENT.c.sequence == sequence)
    alter(journal, statement.values(**values, checksum=event_checksum(forged)))


def test_a_whole_journal_is_verified(journal, Counter):
    told = []
    shown = verify(journal, Counter, lambda done, total: told.append((done, total)))
    assert shown.ok
    assert (shown.events, shown.checkpoints, shown.finished) == (30, 2, True)
    assert shown.state_hash == journal.final_hash()
    assert told == [(30, 30)]


def test_an_empty_journal_is_verified(where, Counter):
    with Journal.create(where) as empty:
        shown = verify(empty, Counter)
        assert shown.ok
        assert (shown.events, shown.finished) == (0, False)
        assert recover(empty, Counter.load, Counter).sequence == 0


def test_a_replay_goes_on_from_where_the_engine_is(journal, Counter):
    counter = replayed(journal, Counter(), last=7)
    assert counter.sequence == 7
    assert replayed(journal, counter) is counter
    assert counter.chain == journal.last_chain()
    assert replayed(journal, counter).sequence == 30


def test_an_engine_of_another_history_is_refused(journal, Counter):
    stranger = Counter()
    stranger.entry(Deposited(time_ms=1, account=6, coin=0, atoms=1))
    with pytest.raises(ReplayError, match="differs at event 1") as caught:
        replayed(journal, stranger)
    assert caught.value.sequence == 1


def test_recovery_reads_only_the_tail(journal, Counter, monkeypatch):
    replayed_events = []
    step = Counter.apply
    monkeypatch.setattr(
        Counter, "apply", lambda self, event: (replayed_events.append(1), step(self, event))[1]
    )
    counter = recover(journal, Counter.load, Counter)
    assert len(replayed_events) == 10  # 21 … 30, after the checkpoint at 20.
    assert (counter.sequence, counter.state_hash()) == (30, journal.final_hash())


@pytest.mark.parametrize("flaw", ["blob", "state_hash", "chain", "raises", "checksum"])
def test_a_checkpoint_that_cannot_be_trusted_costs_only_time(journal, Counter, flaw):
    def load(blob):
        if flaw == "raises":
            raise KeyError("another version wrote this")
        return Counter.load(blob)

    from seawall.engine.history._rows import checkpoint_checksum

    last = journal.latest_checkpoint()
    first = journal.latest_checkpoint(10)
    forged = Checkpoint(
        20,
        bytes(32) if flaw == "chain" else last.chain,
        "0" * 64 if flaw == "state_hash" else last.state_hash,
        first.blob if flaw == "blob" else last.blob,
    )
    alter(
        journal,
        update(_store.CHECKPOINT)
        .where(_store.CHECKPOINT.c.sequence == 20)
        .values(
            chain=forged.chain,
            state_hash=forged.state_hash,
            blob=forged.blob,
            checksum=1 if flaw == "checksum" else checkpoint_checksum(forged),
        ),
    )
    with pytest.warns(RuntimeWarning) as warned:
        counter = recover(journal, load, Counter)
    passed_over = [20, 10] if flaw == "raises" else [20]
    assert len(warned) == len(passed_over)
    for warning, sequence in zip(warned, passed_over, strict=True):
        assert f"the checkpoint after event {sequence} was passed over" in str(warning.message)
    assert (counter.sequence, counter.state_hash()) == (30, journal.final_hash())


def test_an_altered_amount_is_found(journal, Counter):
    event = Deposited(time_ms=1_700_000_000_016, account=6, coin=0, atoms=10**15)
    alter_event(journal, 17, event=encode_event(event))
    shown = verify(journal, Counter)
    assert (shown.events, shown.difference.sequence) == (16, 17)
    assert shown.difference.fault is Fault.CHAIN
    with pytest.raises(ReplayError) as caught:
        replayed(journal, Counter())
    assert caught.value.sequence == 17


def test_an_altered_chain_is_found(journal, Counter):
    alter_event(journal, 5, chain=bytes(32))
    assert verify(journal, Counter).difference.sequence == 5


def test_an_event_in_other_bytes_is_found_although_it_means_the_same(journal, Counter):
    (entry,) = journal.entries(4, 4)
    account = entry.event.index(b"\xa7account") + 8
    assert entry.event[account] < 128  # A small integer in one byte …
    longer = entry.event[:account] + b"\xcc" + entry.event[account:]  # … now written in two.
    alter_event(journal, 4, event=longer)
    difference = verify(journal, Counter).difference
    assert (difference.sequence, difference.fault) == (4, Fault.UNREADABLE)
    assert "canonical" in difference.message


def test_a_moved_time_is_found(journal, Counter):
    alter_event(journal, 9, time_ms=5)
    assert verify(journal, Counter).difference.sequence == 9


def test_a_row_whose_checksum_fails_is_named_while_reading(journal, Counter):
    alter(journal, update(_store.EVENT).where(_store.EVENT.c.sequence == 12).values(event=b"x"))
    read = []
    with pytest.raises(JournalError, match="event 12 is damaged") as caught:
        read.extend(entry.sequence for entry in journal.entries())
    assert caught.value.sequence == 12
    assert len(list(journal.entries(13))) == 18
    assert verify(journal, Counter).difference.sequence == 12


def test_a_gap_is_named(journal, where, Counter):
    alter(journal, delete(_store.EVENT).where(_store.EVENT.c.sequence.in_([14, 15])))
    read = []
    with pytest.raises(JournalError, match="event 14 is missing"):
        read.extend(entry.sequence for entry in journal.entries())
    assert read == list(range(1, 14))
    assert verify(journal, Counter).difference == Difference(
        14, Fault.UNREADABLE, f"{journal.name}: event 14 is missing"
    )


def test_a_lost_tail_is_noticed_when_opened_and_when_verified(journal, where, Counter):
    alter(journal, delete(_store.EVENT).where(_store.EVENT.c.sequence > 27))
    assert verify(journal, Counter).difference.sequence == 28
    journal.close()
    with pytest.raises(JournalError, match="should end at event 30, but ends at 27") as caught:
        Journal.open(where)
    assert caught.value.sequence == 28
    with Journal.open(where, read_only=True) as reader:  # What is left can still be read.
        assert verify(reader, Counter).events == 27


def test_a_wrong_state_at_a_checkpoint_is_found(journal, Counter):
    from seawall.engine.history._rows import checkpoint_checksum

    kept = journal.latest_checkpoint(10)
    forged = Checkpoint(10, kept.chain, "f" * 64, kept.blob)
    alter(
        journal,
        update(_store.CHECKPOINT)
        .where(_store.CHECKPOINT.c.sequence == 10)
        .values(state_hash="f" * 64, checksum=checkpoint_checksum(forged)),
    )
    shown = verify(journal, Counter)
    assert (shown.difference.sequence, shown.difference.fault) == (10, Fault.STATE)


def test_a_wrong_end_is_found(journal, Counter):
    alter(journal, update(_store.HEAD).values(state_hash="f" * 64))
    shown = verify(journal, Counter)
    assert (shown.events, shown.difference.sequence) == (30, 30)
    assert shown.difference.fault is Fault.FINAL


def test_a_checkpoint_of_no_event_is_found(where, Counter):
    counter = Counter()
    with Journal.create(where) as journal:
        journal.append(counter.batch(3))
        journal.checkpoint(counter.checkpoint())
        alter(journal, update(_store.CHECKPOINT).values(sequence=8))
        assert verify(journal, Counter).difference.sequence == 8


def test_another_engine_is_caught_at_the_first_event_that_it_takes_otherwise(journal, Counter):
    class Generous(Counter):
        """Lets everybody overdraw."""

        def apply(self, event):
            for account in range(6, 12):
                self.balance.setdefault(account, 10**30)
            return super().apply(event)

    refused = next(
        entry.sequence for entry in journal.entries() if _refuses(journal, Counter, entry.sequence)
    )
    assert verify(journal, Generous).difference.sequence == refused


def _refuses(journal, Counter, sequence):
    from seawall.engine.codec import decode_event

    counter = replayed(journal, Counter(), last=sequence - 1)
    (entry,) = journal.entries(sequence, sequence)
    return bool(counter.apply(decode_event(entry.event)))


def test_an_engine_that_fails_says_at_which_event(journal, Counter):
    class Broken(Counter):
        def apply(self, event):
            if self.sequence == 6:
                raise AssertionError("the books do not balance")
            return super().apply(event)

    with pytest.raises(AssertionError) as caught:
        verify(journal, Broken)
    assert "while event 7 of" in caught.value.__notes__[0]


def test_what_is_no_event_is_named(where, Counter):
    with Journal.create(where) as journal:
        journal.append([Entry(1, 0, b"\xc1", GENESIS)])
        difference = verify(journal, Counter).difference
        assert (difference.sequence, difference.fault) == (1, Fault.UNREADABLE)
