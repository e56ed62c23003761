"""Which partition a key goes to: murmur2 over its bytes, as Java's default partitioner has it."""
from __future__ import annotations

_MIXER, _MASK = 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """The partition of an order's key."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The hash of Kafka's Java client, as an unsigned number."""
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _MIXER & _MASK
        k = (k ^ (k >> 24)) * _MIXER & _MASK
        value = (value * _MIXER & _MASK) ^ k
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _MIXER & _MASK
    value = (value ^ (value >> 13)) * _MIXER & _MASK
    return value ^ (value >> 15)
