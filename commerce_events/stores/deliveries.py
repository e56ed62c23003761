"""A verified delivery: counted once, understood, and written – or set aside with its bytes, for a person.

Whatever a store signs is acknowledged, because stores disable an endpoint that refuses. What cannot be used waits here
with its reason until a person has it tried again or gives it up.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson
from django.db import DatabaseError

from commerce_events import identity
from commerce_events.bus import sql
from commerce_events.bus.failures import is_transient, summary
from commerce_events.exceptions import ContractError
from commerce_events.stores.adapter import Ask, BodyError, Headers, Reading
from commerce_events.stores.conf import Store
from commerce_events.stores.models import Delivery
from commerce_events.stores.orders import note
from commerce_events.stores.readings import rehearsed, use
from commerce_events.stores.snapshot import Notice
from commerce_events.stores.transactions import settled

log = logging.getLogger(__name__)

#: Headers that are never needed to understand a body.
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_COLUMNS = ("content", "state", "reason", "detail", "headers", "raw", "received_at")


class Outcome(StrEnum):
    """What became of a delivery."""

    DONE = "done"
    REPEATED = "repeated"  # this id was taken before, and said the same
    REUSED = "reused"  # this id was taken before, and said something else
    SET_ASIDE = "set_aside"
    WAITS = "waits"  # its store is paused


_STATES = {
    Outcome.DONE: Delivery.State.DONE.value, Outcome.SET_ASIDE: Delivery.State.SET_ASIDE.value,
    Outcome.WAITS: Delivery.State.RECEIVED.value,
}  # fmt: skip
#: Why a delivery is set aside.
REASONS = ("body_invalid", "contract_broken", "adapter_failed")
_SETTLED = (Delivery.State.DONE, Delivery.State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery as its adapter understood it, or why it did not."""

    readings: tuple[Reading, ...] = ()
    name: str | None = None
    reason: str = ""
    detail: str = ""

    def content(self, raw: bytes) -> bytes:
        """What it says, as a digest. Not its bytes: some stores write a number of tries into a repeated body."""
        return _of_bytes(raw) if self.reason else _of_bytes(repr(self.readings).encode())

    def is_same(self, content: bytes, raw: bytes) -> bool:
        """Whether an earlier delivery said this, or had these bytes and was not understood then."""
        return content in (self.content(raw), _of_bytes(raw))


def _of_bytes(raw: bytes) -> bytes:
    return sha256(raw).digest()


def heard(store: Store, headers: Headers, raw: bytes) -> Heard:
    """Have the adapter read; whatever it meets is a reason, because the store has signed it. Pure."""
    name = None
    try:
        name = store.adapter.delivery(headers, raw)
        return Heard(tuple(store.adapter.read(headers, raw)), name)
    except BodyError as error:
        return Heard((), name, "body_invalid", str(error))
    except Exception as error:  # noqa: BLE001 recorded on the delivery's row: a body nobody foresaw
        log.error("store %s: its adapter failed: %s", store.source, summary(error))
        return Heard((), name, "adapter_failed", summary(error))


def take(store: Store, headers: Headers, raw: bytes, now: datetime, is_paused: bool = False) -> Outcome:
    """Take one delivery whose signature was checked.

    Raises:
        DatabaseError: it is not taken; the store should send it again.
    """
    said = heard(store, headers, raw)
    try:
        return settled(lambda number: _taken(store, headers, raw, said, now, is_paused, number))
    except ContractError as error:  # the transaction was taken back; the delivery is not lost with it
        broken = Heard(said.readings, said.name, *_fault(store.source, error))
    except Exception as error:
        if is_transient(error) or isinstance(error, DatabaseError):
            raise
        broken = Heard(said.readings, said.name, *_fault(store.source, error))
    try:
        return settled(lambda number: _taken(store, headers, raw, broken, now, False, number))
    except ContractError:  # it is the store's own id that cannot be stored
        broken = replace(broken, name=None)
    return settled(lambda number: _taken(store, headers, raw, broken, now, False, number))


def _fault(source: str, error: Exception) -> tuple[str, str]:
    """Why a delivery cannot be used: what its events break, or what nobody foresaw, without a value of it."""
    if isinstance(error, ContractError):
        return "contract_broken", str(error)
    log.error("store %s: a delivery cannot be used: %s", source, summary(error))
    return "adapter_failed", summary(error)


def _taken(
    store: Store, headers: Headers, raw: bytes, said: Heard, now: datetime, is_paused: bool, number: int
) -> Outcome:
    waits = bool(said.reason) or is_paused
    outcome = Outcome.SET_ASIDE if said.reason else Outcome.WAITS if is_paused else Outcome.DONE
    if said.name is not None or waits:
        digest = _digest(store.source, said.name, raw)
        known = sql.select(Delivery, ("id", "content", "state"), "digest", [digest], lock=True) if number else []
        if known and not (outcome == Outcome.WAITS and said.name is None and known[0][2] in _SETTLED):
            return _again(store.source, said.name, said.is_same(bytes(known[0][1]), raw), now)
        kept = orjson.dumps({name: text for name, text in headers.items() if name not in _SECRET}).decode()
        row = (
            said.content(raw), _STATES[outcome], said.reason, said.detail[:500], kept if waits else "",
            raw if waits else None, now,
        )  # fmt: skip
        if known:  # the same bytes wait once more; where deliveries have no ids they may mean something new each time
            sql.update(Delivery, _COLUMNS, [(known[0][0], *row)])
        else:
            once = (digest, store.source, (said.name or "")[:255], "")
            sql.insert(Delivery, ("digest", "source", "name", "settled_by", *_COLUMNS), [(*once, *row)])
    if not waits:
        use(store.source, said.readings, now)
    return outcome


def _digest(source: str, name: str | None, raw: bytes) -> bytes:
    if name is None:
        return identity.text_digest("body", source, sha256(raw).hexdigest())
    return identity.text_digest("delivery", source, name)


def _again(source: str, name: str | None, is_same: bool, now: datetime) -> Outcome:
    if is_same:
        return Outcome.REPEATED
    note(source, "", [Notice(code="delivery_id_reused", about=name or "")], now)
    log.error("store %s: the id of a delivery came again and says something else: refused", source)
    return Outcome.REUSED


# ---------------------------------------------------------------------------------------------- what a person decides


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a kept delivery would say now: events and questions, or the reason why it still cannot be used."""

    delivery: Delivery
    said: Heard
    events: int = 0  # where it was tried

    @property
    def is_usable(self) -> bool:
        """Whether it can be used now, as far as reading it shows, or trying it."""
        return not self.said.reason

    def __str__(self) -> str:
        if not self.is_usable:
            return f"{self.said.reason}: {self.said.detail}"
        asks = sum(isinstance(reading, Ask) for reading in self.said.readings)
        return f"can be used: {self.events} new events, {asks} questions to the store"


def judged(store: Store, delivery: Delivery) -> Verdict:
    """Read a kept delivery again, and change nothing."""
    headers: Mapping[str, str] = orjson.loads(delivery.headers or "{}")
    return Verdict(delivery, heard(store, headers, bytes(delivery.raw or b"")))


def tried(store: Store, delivery: Delivery, now: datetime) -> Verdict:
    """Read a kept delivery and write what it says, which is taken back: what may still break is found."""
    verdict = judged(store, delivery)
    if not verdict.is_usable:
        return verdict
    try:
        return replace(verdict, events=rehearsed(store.source, verdict.said.readings, now))
    except Exception as error:  # it is the answer
        if is_transient(error) or isinstance(error, DatabaseError):
            raise
        reason, detail = _fault(store.source, error)
        return replace(verdict, said=replace(verdict.said, reason=reason, detail=detail))


def redo(verdict: Verdict, by: str, now: datetime) -> str:
    """Use it now. Empty, or the reason why it stays as it is."""
    if not verdict.is_usable:
        return verdict.said.reason

    def work(_: int) -> str:
        row = Delivery.objects.select_for_update().filter(pk=verdict.delivery.pk).exclude(raw=None).first()
        if row is not None:
            use(row.source, verdict.said.readings, now)
            _settle([row], Delivery.State.DONE, by, now)
        return ""

    try:
        return settled(work)
    except Exception as error:  # one delivery must not stop those behind it
        if is_transient(error) or isinstance(error, DatabaseError):
            raise
        reason, detail = _fault(verdict.delivery.source, error)
        Delivery.objects.filter(pk=verdict.delivery.pk).update(
            state=Delivery.State.SET_ASIDE, reason=reason, detail=detail[:500]
        )
        return reason


def discard(deliveries: Sequence[Delivery], by: str, now: datetime) -> int:
    """Give them up, and forget their bytes."""
    rows = [row for row in deliveries if row.state in (Delivery.State.SET_ASIDE, Delivery.State.RECEIVED)]
    return _settle(rows, Delivery.State.DISCARDED, by, now)


def _settle(rows: Sequence[Delivery], state: str, by: str, now: datetime) -> int:
    kept: Any = Delivery.objects.filter(pk__in=[row.pk for row in rows]).exclude(raw=None)
    return int(kept.update(state=state, raw=None, headers="", settled_at=now, settled_by=by[:255]))


def set_aside(verdict: Verdict) -> None:
    """Have a person look at a delivery that waited and cannot be used."""
    Delivery.objects.filter(pk=verdict.delivery.pk).update(
        state=Delivery.State.SET_ASIDE, reason=verdict.said.reason, detail=verdict.said.detail[:500]
    )
