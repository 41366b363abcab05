"""Laws of the wire form: nothing is lost, nothing has two forms, nothing collides."""

from __future__ import annotations

import contextlib
import hashlib
import typing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.engine.codec import (
    GENESIS,
    CodecError,
    decode_effects,
    decode_event,
    encode_effects,
    encode_event,
    event_from_json,
    event_json,
    link,
)
from seawall.engine.effect import Effects, StateChanged
from seawall.engine.event import Deposited, Event, Events, Priced, Started
from seawall.market import Instrument, VolatilitySlice
from seawall.market.oracle import Report, Status

EDGES = [0, -1, 127, 128, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30]
integers = st.one_of(st.integers(-(2**70), 2**70), st.sampled_from(EDGES))
st.register_type_strategy(int, integers)
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=8)
columns = st.binary(max_size=24)
positive = st.sampled_from([1, 127, 128, 2**53, 2**63 - 1])
perpetuals = st.builds(
    Instrument,
    id=st.text(min_size=1, max_size=8),
    type=st.just("perpetual"),
    base=st.just("BTC"),
    quote=st.just("USDC"),
    settle=st.just("USDC"),
    lot=positive,
    tick=positive,
)
options = st.builds(
    Instrument,
    id=st.just("BTC/USDC:USDC-240809-60000-C"),
    type=st.just("option"),
    base=st.just("BTC"),
    quote=st.just("USDC"),
    settle=st.just("USDC"),
    lot=positive,
    tick=positive,
    premium=st.sampled_from(["paid", "margined"]),
    expires_ms=st.integers(1, 4_000_000_000_000),
    strike=positive,
    right=st.sampled_from(["call", "put"]),
)
instruments = st.one_of(perpetuals, options)
slices = st.builds(VolatilitySlice)
reports = st.builds(
    Report,
    source=texts,
    price=st.integers(-(2**63) + 1, 2**63 - 1),
    confidence=st.integers(0, 2**63 - 1),
    published_ms=integers,
    status=st.sampled_from(Status),
)


BY_TYPE = {
    str(int): integers,
    str(str): texts,
    str(bytes): columns,
    str(tuple[str, ...]): st.lists(texts, max_size=3).map(tuple),
    str(tuple[Instrument, ...]): st.lists(instruments, max_size=2).map(tuple),
    str(tuple[Report, ...]): st.lists(reports, max_size=2).map(tuple),
    str(tuple[VolatilitySlice, ...]): st.lists(slices, max_size=2).map(tuple),
}


def of(kind: type) -> st.SearchStrategy[typing.Any]:
    """Any value of one event or effect, every field drawn."""
    return st.builds(
        kind,
        **{
            field.name: BY_TYPE[str(field.type)]
            if str(field.type) in BY_TYPE
            else st.from_type(field.type)
            for field in msgspec.structs.fields(kind)
        },
    )


events = st.one_of([of(kind) for kind in typing.get_args(Events)])
effects = st.lists(st.one_of([of(kind) for kind in typing.get_args(Effects)]), max_size=4)


@settings(max_examples=400, deadline=None)
@given(events)
def test_an_event_survives_the_wire(event: Event) -> None:
    encoded = encode_event(event)
    again = decode_event(encoded)
    assert again == event
    assert type(again) is type(event)
    assert encode_event(again) == encoded


@settings(max_examples=200, deadline=None)
@given(effects)
def test_effects_survive_the_wire(drawn: list[typing.Any]) -> None:
    assert decode_effects(encode_effects(drawn)) == tuple(drawn)


@settings(max_examples=200, deadline=None)
@given(events)
def test_an_event_survives_json(event: Event) -> None:
    line = event_json(event)
    assert event_from_json(line) == event
    assert b"\n" not in line


@settings(max_examples=200, deadline=None)
@given(events, events)
def test_different_events_have_different_bytes(one: Event, other: Event) -> None:
    assert (encode_event(one) == encode_event(other)) == (one == other)


@settings(max_examples=300, deadline=None)
@given(events, st.data())
def test_a_flipped_bit_is_another_event_or_none(event: Event, data: st.DataObject) -> None:
    """Bytes that are read at all are the only bytes of what they mean."""
    encoded = bytearray(encode_event(event))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    try:
        read = decode_event(bytes(encoded))
    except CodecError:
        return
    assert read != event
    assert encode_event(read) == bytes(encoded)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for decode in (decode_event, decode_effects):
        with contextlib.suppress(CodecError):
            decode(noise)


@given(columns, columns, columns, columns)
def test_no_two_inputs_are_linked_alike(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    assert (link(GENESIS, a, b) == link(GENESIS, c, d)) == ((a, b) == (c, d))


def test_the_chain_is_sha256_of_lengths_and_parts() -> None:
    """By hand: 32 bytes of the previous link, then each part behind its length in 8 bytes."""
    written = b"\x07" * 32 + b"\0\0\0\0\0\0\0\2ab" + b"\0\0\0\0\0\0\0\1c"
    assert link(b"\x07" * 32, b"ab", b"c") == hashlib.sha256(written).digest()


def test_the_bytes_of_an_event_are_these() -> None:
    """Pinned, because every chain hash depends on them: MessagePack map of 5, by hand."""
    deposited = Deposited(time_ms=256, account=6, coin=0, atoms=-1)
    assert encode_event(deposited) == (
        b"\x85\xa5event\xa9deposited\xa7account\x06\xa4coin\x00\xa5atoms\xff\xa7time_ms\xcd\x01\x00"
    )


def test_an_integer_beyond_64_bits_is_an_extension() -> None:
    """2^64 = 0x01 followed by eight zero bytes: extension 8 bits (c7), length 9, type 1."""
    deposited = Deposited(time_ms=0, account=0, coin=0, atoms=2**64)
    assert b"\xa5atoms\xc7\x09\x01\x01" + bytes(8) in encode_event(deposited)


def test_effects_that_hold_more_than_64_bits_of_value() -> None:
    """A book of a billion dollars is 10^19 numeraire atoms at ten decimals: over 2^63."""
    changed = StateChanged(
        account=6, before=0, after=1, equity=10**25, margin_equity=-(10**25), initial=0,
        maintenance=0,
    )  # fmt: skip
    assert decode_effects(encode_effects([changed])) == (changed,)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xc0",
        encode_event(Started(time_ms=1, rulebook="{}"))[:-1],
        encode_event(Started(time_ms=1, rulebook="{}")) + b"\x00",
        msgspec.msgpack.encode({"event": "nothing", "time_ms": 1}),
        msgspec.msgpack.encode({"event": "started", "time_ms": 1, "rulebook": "", "more": 1}),
        msgspec.msgpack.encode({"event": "started", "time_ms": 1.0, "rulebook": ""}),
        msgspec.msgpack.encode({"event": "started", "rulebook": "", "time_ms": "1"}),
        msgspec.msgpack.encode({"event": "priced", "price": [], "time_ms": 1}),  # A default, said.
        msgspec.msgpack.encode({"event": "started", "time_ms": msgspec.msgpack.Ext(2, b"\0")}),
        msgspec.msgpack.encode(
            {"event": "started", "rulebook": "", "time_ms": msgspec.msgpack.Ext(1, b"\x05")}
        ),
    ],
)
def test_what_encode_did_not_write_is_refused(wrong: bytes) -> None:
    with pytest.raises(CodecError):
        decode_event(wrong)


def test_a_priced_event_keeps_its_shape() -> None:
    priced = Priced(
        time_ms=1,
        price=((1, 606_398_100_000_000),),
        slices=(VolatilitySlice(1, 2, 3, 4, 5, 6, 7, 8, 9),),
        depth=((0, 10, 12),),
    )
    assert decode_event(encode_event(priced)) == priced
    assert isinstance(decode_event(encode_event(priced)).slices[0], VolatilitySlice)
