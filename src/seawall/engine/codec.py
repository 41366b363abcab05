"""The bytes of events and effects, and the hash that chains them.

Knows the wire form only. Does not know the engine, the ledger or where bytes are kept. The same
event always becomes the same bytes: fields in the order of their definition, integers in the
shortest form, and integers beyond 64 bits as an extension of two's complement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from seawall.engine.effect import Effect, Effects
from seawall.engine.event import Event, Events

GENESIS = bytes(32)  # The chain before the first event.
_WIDE = 1  # MessagePack extension: a signed big-endian integer that 64 bits cannot hold.

_encoder = msgspec.msgpack.Encoder()
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Events)
_effects_decoder: msgspec.msgpack.Decoder[tuple[Effect, ...]] = msgspec.msgpack.Decoder(
    tuple[Effects, ...]
)


class CodecError(ValueError):
    """Bytes that are not an event or effects; the message says what is wrong and where."""


def encode_event(event: Event) -> bytes:
    """Write an event as MessagePack.

    >>> from seawall.engine.event import Deposited
    >>> encode_event(Deposited(time_ms=1, account=6, coin=0, atoms=5)).hex()[:26]
    '85a56576656e74a96465706f73'
    """
    return _encode(event)


def decode_event(encoded: bytes) -> Event:
    """Read an event; anything but the bytes that `encode_event` writes is a `CodecError`.

    >>> from seawall.engine.event import Deposited
    >>> decode_event(encode_event(Deposited(time_ms=1, account=6, coin=0, atoms=2**80))).atoms
    1208925819614629174706176
    """
    event: Event = _decode(encoded, _event_decoder, Events, "an event")
    if _encode(event) != encoded:
        raise CodecError("not an event in canonical form")
    return event


def encode_effects(effects: Sequence[Effect]) -> bytes:
    """Write what one event did, in order."""
    return _encode(tuple(effects))


def decode_effects(encoded: bytes) -> tuple[Effect, ...]:
    """Read effects; anything but the bytes that `encode_effects` writes is a `CodecError`."""
    effects: tuple[Effect, ...] = _decode(
        encoded, _effects_decoder, tuple[Effects, ...], "a list of effects"
    )
    if _encode(effects) != encoded:
        raise CodecError("not effects in canonical form")
    return effects


def link(previous: bytes, event: bytes, effects: bytes) -> bytes:
    """Chain one event and what it did to everything before it. [32 bytes]

    SHA-256(previous + length(event) + event + length(effects) + effects), lengths in eight bytes
    big-endian, so that no two different inputs are hashed as the same bytes.

    >>> link(GENESIS, b"ab", b"c") == link(GENESIS, b"a", b"bc")
    False
    """
    assert len(previous) == 32, "a chain hash has 32 bytes"
    chain = hashlib.sha256(previous)
    for part in (event, effects):
        chain.update(len(part).to_bytes(8, "big"))
        chain.update(part)
    return chain.digest()


def event_json(event: Event) -> bytes:
    """Write an event as one line of JSON: integers in full, byte columns in base64.

    >>> from seawall.engine.event import Filled
    >>> event_json(Filled(time_ms=1, order=2, lots=3, price=4)).decode()
    '{"event":"filled","order":2,"lots":3,"price":4,"time_ms":1}'
    """
    return msgspec.json.encode(event)


def event_from_json(text: bytes | str) -> Event:
    """Read an event that `event_json` wrote."""
    try:
        event: Event = msgspec.json.decode(text, type=Events)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CodecError(f"not an event: {error}") from None
    return event


def _encode(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except OverflowError:
        return _encoder.encode(_widened(msgspec.to_builtins(value, builtin_types=(bytes,))))


def _widened(tree: Any) -> Any:
    """Replace integers that MessagePack cannot hold."""
    if isinstance(tree, dict):
        return {key: _widened(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_widened(value) for value in tree]
    if isinstance(tree, int) and not -(2**63) <= tree < 2**64:
        octets = tree.to_bytes(tree.bit_length() // 8 + 1, "big", signed=True)
        return msgspec.msgpack.Ext(_WIDE, octets)
    return tree


def _narrowed(code: int, octets: memoryview) -> int:
    if code != _WIDE:
        raise CodecError(f"unknown extension {code}")
    return int.from_bytes(octets, "big", signed=True)


def _decode(encoded: bytes, decoder: msgspec.msgpack.Decoder[Any], kind: Any, noun: str) -> Any:
    try:
        return decoder.decode(encoded)
    except (msgspec.MsgspecError, ValueError) as error:
        first = error
    try:  # Wide integers need the untyped way: an extension is no integer to a typed decoder.
        tree = msgspec.msgpack.decode(encoded, ext_hook=_narrowed)
        return msgspec.convert(tree, kind)
    except (msgspec.MsgspecError, ValueError):
        raise CodecError(f"not {noun}: {first}") from None
