"""Messages that could not be read, once more: decoded again from their bytes, or given up by somebody with a reason.

What was mended meanwhile – a registry that knew no such schema, a setting, this program – shows when the bytes are
decoded again. What can be read goes the intake's own way into the inbox, as pending: a running consumer handles it as
if it came now, and an event that the store has sent again in the meantime is recognised. The row is marked after that,
so a crash in between leaves it open, and redriving it again does nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import QuerySet

from commerce_events.bus.codec import Decoder, Poison, Received
from commerce_events.bus.intake import Batch, Intake
from commerce_events.bus.types import Context, Handler
from commerce_events.models import DeadLetter

#: Letters decoded at once; each may hold a megabyte.
CHUNK = 50

#: What an operator does next, by the reason for which a message was set aside.
NEXT = {
    "tombstone": "Nothing can be read from it: discard it, and ask who deletes events.",
    "no_type": "The producer left out the header ce_type: have the store send it again, then discard it.",
    "no_id": "The producer left out the header ce_id: have it sent again, then discard it.",
    "unknown_type": "Add its handler to COMMERCE_EVENTS['HANDLERS'], or upgrade; then redrive it. Else discard it.",
    "wrong_topic": "A store speaks for another, or where another alone may: ask who can write there, and discard it.",
    "too_large": "Raise COMMERCE_EVENTS['MAX_VALUE_BYTES'] and redrive it, or have the order split into several.",
    "unknown_schema": "Its schema was missing from the registry, or is another registry's: mend that, then redrive it.",
    "undecodable": "The bytes are damaged or written with a foreign schema: have it sent again, then discard it.",
    "schema_invalid": "It breaks the contract where the detail says. Have the store mend and send it; then discard it.",
}


class Kept:
    """A dead letter as the message it was: the part of ``confluent_kafka.Message`` that decoding uses."""

    def __init__(self, row: DeadLetter) -> None:
        self.row = row

    def error(self) -> None:
        """It was read."""

    def topic(self) -> str:
        """With its prefix."""
        return self.row.topic

    def partition(self) -> int:
        """Where it was read."""
        return self.row.partition

    def offset(self) -> int:
        """Where it was read."""
        return self.row.offset

    def timestamp(self) -> tuple[int, int]:
        """Unknown: it was not kept."""
        return 0, 0

    def key(self) -> bytes | None:
        """As it came."""
        return None if self.row.key is None else bytes(self.row.key)

    def value(self) -> bytes | None:
        """As it came."""
        return None if self.row.value is None else bytes(self.row.value)

    def headers(self) -> list[tuple[str, bytes | None]]:
        """As they came: what was no text was kept as hex."""
        return [(name, _content(kept)) for name, kept in orjson.loads(self.row.headers or "[]")]


def _content(kept: str | dict[str, str] | None) -> bytes | None:
    if isinstance(kept, dict):
        return bytes.fromhex(kept["hex"])
    return None if kept is None else kept.encode()


@dataclass(slots=True)
class Verdict:
    """What decoding says of a letter now: an event, or why it is still none."""

    letter: DeadLetter
    event: Received | None
    reason: str = ""
    detail: str = ""


def judge(letter: DeadLetter, decoder: Decoder) -> Verdict:
    """Decode a letter again.

    Raises:
        TransientError: the registry did not answer.
    """
    found = decoder.decode(Kept(letter))
    if isinstance(found, Poison):
        return Verdict(letter, None, found.reason, found.detail)
    if found is None:
        return Verdict(letter, None, "unknown_type", "nothing here handles its type")
    return Verdict(letter, found)


def judged(letters: QuerySet[DeadLetter], decoder: Decoder) -> Iterator[list[Verdict]]:
    """Verdicts on open letters in the order in which they were read, some at a time."""
    keys = list(letters.order_by("topic", "partition", "offset", "pk").values_list("pk", flat=True))
    for i in range(0, len(keys), CHUNK):
        rows = DeadLetter.objects.in_bulk(keys[i : i + CHUNK])
        yield [judge(rows[key], decoder) for key in keys[i : i + CHUNK] if key in rows]


def redrive(verdicts: Sequence[Verdict], handlers: Mapping[str, Handler], context: Context, by: str) -> tuple[int, int]:
    """Put what can be read into the inbox and mark its letters; returns how many events are new, how many were known.

    Raises:
        OperationalError: the database is away; the same letters can be redriven again.
    """
    ready = [verdict for verdict in verdicts if verdict.event is not None]
    if not ready:
        return 0, 0
    events = [verdict.event for verdict in ready if verdict.event is not None]
    # no duplicate of the store's: nobody asks for a result again
    stored = Intake(handlers, straight=False, resend=False).store(Batch(events), {}, context)
    settle([verdict.letter for verdict in ready], DeadLetter.State.REDRIVEN, f"redriven by {by}", context.now)
    return stored.pending, stored.duplicates


def settle(letters: Sequence[DeadLetter], state: str, resolution: str, now: datetime) -> int:
    """Mark letters that are still open; how many there were."""
    keys: list[Any] = [letter.pk for letter in letters]
    return DeadLetter.objects.filter(pk__in=keys, state=DeadLetter.State.OPEN).update(
        state=state, resolution=resolution[:255], resolved_at=now
    )
