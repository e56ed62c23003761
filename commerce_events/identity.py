"""What makes an event, an order or a result the same as another: digests, never collations.

Every identity is a SHA-256 of length-prefixed parts, so that ``("a", "bc")`` and ``("ab", "c")`` differ and no database
may decide that two texts are alike.
"""
from __future__ import annotations

from functools import lru_cache
from hashlib import sha1, sha256
from typing import Any
from uuid import UUID

import orjson

#: Namespace of result ids; fixed for ever.
NAMESPACE = UUID("5f0c1d9e-6a57-5b0e-9c1c-1f2d7a1b8c44")


def text_digest(*parts: str) -> bytes:
    """32 bytes that stand for these texts, in this order: each with its length in bytes before it."""
    return sha256(_joined(parts)).digest()


def _joined(parts: tuple[str, ...]) -> bytes:
    joined = "".join([f"{len(part)}:{part}" for part in parts])
    if joined.isascii():  # then a character is a byte, and this is three times as fast
        return joined.encode()
    encoded = [part.encode() for part in parts]
    return b"".join([b"%d:%b" % (len(part), part) for part in encoded])


def stream_digest(topic: str, key: str) -> bytes:
    """One message key of one topic (named without the environment's prefix, if it is ours)."""
    return text_digest(topic, key)


def event_digest(event_type: str, data: dict[str, Any]) -> bytes:
    """The identity of one of our events: its type and content, without ``occurred_at`` and without absent fields.

    A store that sends an event again gives it a new ``ce_id`` and a new ``occurred_at``, so neither counts. Other
    content – a higher revision, a corrected refund – is another event. Absent fields are left out, so that a release
    which adds an optional one recognises the events that the release before it has stored. A time is the same with a
    fraction of zero and without one, because the stock bus drops it.
    """
    (body,) = data.values()
    content = _present(body)
    content.pop("occurred_at", None)
    for name in _TIMES:
        if len(content.get(name, "")) == _SHORT:
            content[name] = f"{content[name][:19]}.000000+00:00"
    return sha256(b"%b\n%b" % (event_type.encode(), orjson.dumps(content, option=orjson.OPT_SORT_KEYS))).digest()


#: Times that count, and how long one without a fraction is.
_TIMES, _SHORT = ("paid_at", "refunded_at"), len("2026-01-31T12:00:00+00:00")


def _present(record: dict[str, Any]) -> dict[str, Any]:
    content = {}
    for name, value in record.items():
        if value is not None:
            kind = type(value)
            if kind is dict:
                value = _present(value)
            elif kind is list:
                value = [_present(item) if type(item) is dict else item for item in value]
            content[name] = value
    return content


def foreign_digest(event_type: str, ce_id: str) -> bytes:
    """The identity of an Open edX event that is not ours: its type and id."""
    return text_digest(event_type, ce_id)


def sequence(epoch: int, n: int) -> int:
    """The place of a result among those of its order: ascending in an epoch, and above every earlier epoch.

    Arguments:
        epoch: seconds, so there are 31 bits for it; with the 22 bits for ``n`` all fits into the 53 bits that a
            JavaScript number or a float holds exactly.
        n: the number of the result in its order. One that is larger runs into the epoch's bits and still ascends.
    """
    return (epoch << _BITS_OF_N) + n


def epoch_of(sequence_: int) -> int:
    """The epoch in which a sequence was given away."""
    return sequence_ >> _BITS_OF_N


def result_id(
    installation: str, epoch: int, order_key: str, line_id: str | None, action: str, refund_id: str | None, n: int
) -> str:
    """The id of a result, a UUID: derived, so that the same decision has the same id whenever it is sent.

    Arguments:
        n: the number of the result in its order; with ``epoch`` it makes the sequence.
    """
    # uuid5(NAMESPACE, the digest of the parts), spelled out: it is made for every line
    content = _of_order(installation, epoch, order_key).copy()
    content.update(_joined((line_id or "", action, refund_id or "", str(n))))
    named = _namespaced.copy()
    named.update(content.hexdigest().encode())
    h = named.hexdigest()
    # RFC 9562: version 5, variant 10
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


@lru_cache(maxsize=64)  # the lines of an order come one after the other
def _of_order(installation: str, epoch: int, order_key: str) -> Any:
    return sha256(_joined((installation, str(epoch), order_key)))


_namespaced = sha1(NAMESPACE.bytes, usedforsecurity=False)
_BITS_OF_N = 22
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
