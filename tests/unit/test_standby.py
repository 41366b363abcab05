"""Primary, shadow and fence, each moment by itself; the kills are in tests/simulation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from seawall.engine import Engine
from seawall.engine.effect import Reason, Refused
from seawall.engine.event import Deposited, Event, Opened, Priced, RulesChanged, Started, Withdrawn
from seawall.engine.history.journal import Checkpoint, Journal, JournalError
from seawall.engine.history.replay import verify
from seawall.engine.history.standby import Divergence, FencedError, KeyReusedError, Primary, Shadow
from seawall.engine.rules.rulebook import RulebookError, read
from seawall.ledger import Cause

RULES = """
format = 1
name = "standby"
version = "2026-01-01.1"
cash = "USDC"
numeraire = { id = "USD", decimals = 10 }
coins = [{ id = "USDC", decimals = 6 }]
margin.cross = { method = "tiered", brackets.USDC = [
  { above = 0, initial = 0.1, maintenance = 0.05 },
] }
liquidation = { order = "listed", slippage_ratio = 0.01, fee_ratio = 0.005 }
"""
NOW = 1_767_225_600_000
ALICE, BOB = 6, 7
BIRTH: tuple[Event, ...] = (
    Started(time_ms=NOW, rulebook=read(RULES).canonical()),
    Opened(time_ms=NOW, names=("alice", "bob"), methods=("cross", "cross")),
    Priced(time_ms=NOW, price=((0, 10**10),)),
)


def deposited(account: int, atoms: int, time_ms: int = NOW) -> Deposited:
    return Deposited(time_ms=time_ms, account=account, coin=0, atoms=atoms)


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A journal of a venue with two accounts."""
    file = tmp_path / "venue.db"
    Journal.create(file).close()
    with Primary.open(file) as primary:
        for event in BIRTH:
            primary.submit(event)
    return file


def test_a_repeated_command_is_not_done_again_and_gets_its_first_answer(where: Path) -> None:
    taken = Withdrawn(time_ms=NOW, account=ALICE, coin=0, atoms=5)
    with Primary.open(where) as primary:
        refused = primary.submit(taken, "w1")
        assert refused.effects == (Refused(reason=Reason.INSUFFICIENT_MARGIN, account=ALICE),)
        assert primary.submit(deposited(ALICE, 10), "d1").sequence == 5
        chain = primary.engine.chain
        # By now it could be done; but it was answered, and asked again a minute later.
        later = Withdrawn(time_ms=NOW + 60_000, account=ALICE, coin=0, atoms=5)
        again = primary.submit(later, "w1")
        assert (again.sequence, again.effects, again.repeated) == (4, refused.effects, True)
        assert primary.engine.chain == chain
    with Primary.open(where) as primary:  # Another process remembers it as well.
        again = primary.submit(deposited(ALICE, 10), "d1")
        assert (again.sequence, again.effects, again.repeated) == (5, (), True)
        assert primary.engine.ledger.balance(ALICE, 0) == 10


def test_a_key_stands_for_one_command(where: Path) -> None:
    with Primary.open(where) as primary:
        primary.submit(deposited(ALICE, 10), "d1")
        with pytest.raises(KeyReusedError, match="'d1' was given for another command"):
            primary.submit(deposited(ALICE, 11), "d1")
        assert primary.submit(deposited(ALICE, 1)).sequence == 5  # It goes on.


def test_a_batch_is_kept_whole_and_knows_its_own_keys(where: Path) -> None:
    with Primary.open(where) as primary:
        answers = primary.submit_all(
            [("a", deposited(ALICE, 1)), ("a", deposited(ALICE, 1)), (None, deposited(BOB, 2))]
        )
        assert [(one.sequence, one.repeated) for one in answers] == [
            (4, False),
            (4, True),
            (5, False),
        ]
        assert primary.journal.last_sequence() == 5
        assert primary.engine.ledger.balance(ALICE, 0) == 1


def test_rules_that_cannot_be_read_do_not_spend_the_writer(where: Path) -> None:
    with Primary.open(where) as primary:
        with pytest.raises(RulebookError):
            primary.submit(RulesChanged(time_ms=NOW, rulebook="{}"))
        assert primary.submit(deposited(ALICE, 1)).sequence == 4


def test_a_writer_that_failed_answers_nobody_any_more(where: Path) -> None:
    with Primary.open(where) as primary:
        with closing(sqlite3.connect(where)) as other:
            other.execute("UPDATE journal_head SET sequence = 2")
            other.commit()
        with pytest.raises(JournalError, match="another process has written"):
            primary.submit(deposited(ALICE, 1), "d1")
        with pytest.raises(JournalError, match="this writer has failed"):
            primary.submit(deposited(ALICE, 1), "d1")
        assert primary.journal.command("d1") is None


def test_a_living_writer_keeps_others_out_unless_its_lock_is_passed_by(where: Path) -> None:
    with Primary.open(where) as old:
        with pytest.raises(JournalError, match="another process is writing"):
            Primary.open(where)
        with pytest.raises(JournalError, match="another process is writing"):
            Shadow(where).take_over()
        old.submit(deposited(ALICE, 1))


@pytest.mark.parametrize("has_written", [False, True])
def test_a_revived_primary_is_fenced(where: Path, has_written: bool) -> None:
    """It hung, a standby took over, and now it wakes up and wants to write."""
    old = Primary.open(where)
    old.submit(deposited(ALICE, 1), "d1")
    shadow = Shadow(where)
    new = shadow.take_over(seize=True)
    if has_written:
        new.submit(deposited(ALICE, 2), "d2")
    with pytest.raises(FencedError, match="another process has taken it over"):
        old.submit(deposited(ALICE, 4), "d4")
    with pytest.raises(FencedError):
        old.journal.finish("0" * 64)
    assert new.submit(deposited(ALICE, 1), "d1").repeated
    new.submit(deposited(ALICE, 8), "d8")
    assert new.engine.ledger.balance(ALICE, 0) == (11 if has_written else 9)
    new.close()
    old.close()
    with Journal.open(where, read_only=True) as journal:
        assert journal.command("d4") is None
        assert verify(journal, Engine).ok


def test_a_shadow_follows_and_compares_at_each_checkpoint(where: Path) -> None:
    shadow = Shadow(where)
    assert shadow.engine.sequence == 3
    with Primary.open(where, checkpoint_events=4) as primary:
        for atoms in range(1, 11):  # Events 4 to 13; checkpoints after 4, 8 and 12.
            primary.submit(deposited(BOB, atoms))
            shadow.poll()
        assert shadow.engine.state_hash() == primary.engine.state_hash()
    assert (shadow.compared, shadow.divergence) == (3, None)
    shadow.close()


def test_a_checkpoint_that_comes_after_its_event_was_followed_is_compared_too(where: Path) -> None:
    shadow = Shadow(where)
    with Primary.open(where) as primary:
        primary.submit(deposited(BOB, 1))
        engine = primary.engine
        late = Checkpoint(engine.sequence, engine.chain, engine.state_hash(), engine.dump())
        primary.submit(deposited(BOB, 2))
        assert (shadow.poll(), shadow.compared) == (2, 0)
        primary.journal.checkpoint(late)
        assert (shadow.poll(), shadow.compared) == (0, 1)
        assert shadow.engine.sequence == 5  # It stands where it stood.
    shadow.close()


def test_a_shadow_names_the_first_part_of_the_state_that_differs(where: Path) -> None:
    shadow = Shadow(where)
    # A bit flips in the shadow's memory: a coin that nobody sent.
    shadow.engine.venue.move(0, 0, BOB, 1, Cause.DEPOSIT)
    with Primary.open(where, checkpoint_events=2) as primary:
        primary.submit(deposited(ALICE, 5))
    shadow.poll()
    assert shadow.divergence == Divergence(
        4, "ledger", f"{where}: the ledger after event 4 differs"
    )
    assert shadow.poll() == 0
    with pytest.raises(JournalError, match="not taken over"):
        shadow.take_over()
    shadow.close()


def test_a_shadow_names_the_event_whose_effects_differ(where: Path) -> None:
    shadow = Shadow(where)
    shadow.engine.venue.move(0, 0, BOB, 7, Cause.DEPOSIT)
    with Primary.open(where) as primary:
        primary.submit(deposited(ALICE, 5))
        primary.submit(Withdrawn(time_ms=NOW, account=BOB, coin=0, atoms=7))  # Refused, there.
    shadow.poll()
    assert shadow.divergence is not None
    assert (shadow.divergence.sequence, shadow.divergence.component) == (5, "effects")
    shadow.close()


def test_a_shadow_compares_the_sealed_end(where: Path) -> None:
    with Primary.open(where) as primary:
        primary.submit(deposited(ALICE, 5))
        primary.journal.finish("0" * 64)
    shadow = Shadow(where)
    shadow.poll()
    assert shadow.is_finished
    assert shadow.divergence is not None
    assert shadow.divergence[:2] == (4, "state")
    shadow.close()


def test_a_journal_from_before_commands_and_epochs_is_taken_as_it_is(where: Path) -> None:
    with closing(sqlite3.connect(where)) as other:
        other.execute("DROP TABLE journal_command")
        other.execute("DELETE FROM journal_meta WHERE key = 'seawall.epoch'")
        other.commit()
    with Journal.open(where, read_only=True) as journal:
        assert journal.command("d1") is None
        assert journal.meta == {}
    with Primary.open(where) as primary:
        primary.submit(deposited(ALICE, 5), "d1")
        assert primary.submit(deposited(ALICE, 5), "d1").repeated
    with Journal.open(where, read_only=True) as journal:
        assert journal.meta == {}  # The epoch is the journal's own affair.


def test_a_journal_in_postgresql_is_taken_over_and_answers_each_command_once(
    postgresql_schema: str,
) -> None:
    with Journal.create(postgresql_schema):
        pass
    old = Primary.open(postgresql_schema)
    old.submit_all([(None, event) for event in BIRTH])
    old.submit(deposited(ALICE, 1), "d1")
    shadow = Shadow(postgresql_schema)
    assert shadow.poll() == 0
    new = shadow.take_over(seize=True)
    with pytest.raises(FencedError, match="another process has taken it over"):
        old.submit(deposited(ALICE, 4), "d4")
    assert new.submit(deposited(ALICE, 1), "d1").repeated
    assert new.submit(deposited(ALICE, 2), "d2").sequence == 5
    new.close()
    old.close()
    with Journal.open(postgresql_schema, read_only=True) as journal:
        assert (journal.command("d4"), journal.last_sequence()) == (None, 5)
        assert verify(journal, Engine).ok
    with Journal.create(postgresql_schema, overwrite=True) as journal:
        assert journal.command("d1") is None
