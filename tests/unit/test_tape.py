"""The tape of a channel: what it holds, from where it can be read on, and what it forgets."""

from __future__ import annotations

import random
import threading

import pytest

from seawall.service.live.tape import Tape


def texts(tape: Tape, place: int) -> list[str] | None:
    messages = tape.since(place)
    return None if messages is None else [message.text for message in messages]


def test_messages_follow_each_other_by_the_sequence_before() -> None:
    tape = Tape(10)
    for sequence in (11, 14, 15):
        tape.add(sequence, str(sequence))
    messages = tape.since(0)
    assert messages is not None
    assert [(one.previous, one.sequence) for one in messages] == [(10, 11), (11, 14), (14, 15)]
    assert [one.bytes_until for one in messages] == [2, 4, 6]
    assert (tape.sequence, tape.end) == (15, 3)


def test_a_reader_goes_on_after_any_message_that_is_held() -> None:
    tape = Tape(10)
    assert tape.place_after(10) == 0
    assert tape.place_after(9) is None
    for sequence in (11, 14, 15):
        tape.add(sequence, str(sequence))
    after = {n: tape.place_after(n) for n in range(9, 17)}
    assert after == {9: None, 10: 0, 11: 1, 12: None, 13: None, 14: 2, 15: 3, 16: None}
    assert texts(tape, 1) == ["14", "15"]
    assert texts(tape, 3) == []


@pytest.mark.parametrize(("messages_most", "bytes_most"), [(3, 1000), (1000, 31)])
def test_the_oldest_leave_by_number_and_by_bytes(messages_most: int, bytes_most: int) -> None:
    tape = Tape(0, messages_most=messages_most, bytes_most=bytes_most)
    for sequence in range(1, 6):
        tape.add(sequence, f"{sequence}" * 10)  # Ten bytes each, so three fit either limit.
    assert tape.held == (3, 30)
    assert texts(tape, 1) is None
    assert texts(tape, 2) == ["3333333333", "4444444444", "5555555555"]
    assert tape.place_after(2) == 2  # Nothing after it is missing.
    assert tape.place_after(1) is None


def test_one_message_is_kept_however_large_it_is() -> None:
    tape = Tape(0, bytes_most=5)
    tape.add(1, "much more than five")
    assert texts(tape, 0) == ["much more than five"]


def test_of_two_messages_of_one_sequence_nobody_goes_on_after_either() -> None:
    tape = Tape(4)
    tape.add(5, "first")
    tape.add(5, "second")
    tape.add(6, "third")
    assert (tape.place_after(5), tape.place_after(6)) == (None, 3)
    short = Tape(4, messages_most=1)
    short.add(5, "first")
    short.add(5, "second")  # The first is gone; its sequence is still told twice.
    assert short.place_after(5) is None


def test_after_a_hole_nobody_reads_across_it() -> None:
    tape = Tape(0)
    tape.add(1, "one")
    tape.clear(7)
    assert (tape.place_after(1), tape.place_after(7), texts(tape, 0)) == (None, 1, None)
    tape.add(8, "eight")
    assert (texts(tape, 1), tape.place_after(7)) == (["eight"], 1)


def test_a_sequence_never_goes_back() -> None:
    tape = Tape(5)
    with pytest.raises(AssertionError, match="never goes back"):
        tape.add(4, "")


@pytest.mark.parametrize("seed", range(5))
def test_a_reader_beside_the_writer_misses_nothing_or_is_told(seed: int) -> None:
    """One thread writes 20,000 messages while another one reads from its place."""
    tape, most = Tape(0, messages_most=500), 20_000
    dice = random.Random(seed)
    read: list[int] = []
    lost = 0

    def write() -> None:
        for sequence in range(1, most + 1):
            tape.add(sequence, str(sequence))

    writing = threading.Thread(target=write)
    writing.start()
    place = 0
    while place < most:
        messages = tape.since(place)
        if messages is None:
            lost += 1
            place = tape.end
            read.append(tape.sequence)  # Which may be one further on by now.
            continue
        for message in messages[: dice.randint(1, 100)]:
            assert message.sequence == message.place + 1
            assert int(message.text) == message.sequence
            assert message.place == place
            place += 1
            read.append(message.sequence)
    writing.join()
    assert read[-1] == most
    assert lost or read == list(range(1, most + 1))
