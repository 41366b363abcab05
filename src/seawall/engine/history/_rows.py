"""What the journal keeps: an event, a checkpoint, and the checksum of each."""

from __future__ import annotations

import zlib

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One event as it is kept."""

    sequence: int  # From 1, without gaps.
    time_ms: int
    event: bytes
    chain: bytes  # After this event. [32 bytes]


class Checkpoint(msgspec.Struct, frozen=True):
    """The engine's whole state after one event, so that recovery need not start from nothing."""

    sequence: int
    chain: bytes
    state_hash: str
    blob: bytes


def event_checksum(entry: Entry) -> int:
    """CRC-32 of a row of events."""
    seed = zlib.crc32(b"%d %d " % (entry.sequence, entry.time_ms))
    return zlib.crc32(entry.chain, zlib.crc32(entry.event, seed))


def checkpoint_checksum(checkpoint: Checkpoint) -> int:
    """CRC-32 of a row of checkpoints."""
    seed = zlib.crc32(f"{checkpoint.sequence} {checkpoint.state_hash} ".encode())
    return zlib.crc32(checkpoint.blob, zlib.crc32(checkpoint.chain, seed))
