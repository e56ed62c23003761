"""Bugs to be planted, one at a time: each is something that an event bus or a fulfilment somewhere did.

A bug is a function that changes the product in this process, by the ``set`` it is given (pytest's ``setattr``, or the
plain one). ``caught_by`` is the checker that must see it. ``planter`` plants one in the processes of the laboratory.
"""
from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import transaction

from commerce_events import wire
from commerce_events.bus import (
    codec,
    conf,
    effects,
    guard,
    health,
    intake,
    intake_loop,
    lanes,
    outbox,
    positions,
    relay,
    run,
)
from commerce_events.bus import handle as stage
from commerce_events.bus import types as bus
from commerce_events.identity import text_digest
from commerce_events.models import Inbox, Position
from consumers.fulfillment import handler
from consumers.fulfillment.reference import gateway
from consumers.fulfillment.reference.models import ReferenceEnrollment
from consumers.fulfillment.rules import seat
from consumers.fulfillment.rules.desired import held
from consumers.fulfillment.rules.state import Seat

Set = Callable[[Any, str, Any], None]
BUGS: dict[str, tuple[Callable[[Set], None], str]] = {}


def caught_by(checker: str) -> Callable[[Callable[[Set], None]], Callable[[Set], None]]:
    """Enter a bug in ``BUGS`` under its name in words, with the checker that must see it."""

    def entered(bug: Callable[[Set], None]) -> Callable[[Set], None]:
        BUGS[bug.__name__.replace("_", " ")] = bug, checker
        return bug

    return entered


# --- intake


@caught_by("I5 Kafka is not ahead")
def the_offset_is_committed_before_the_inbox(put: Set) -> None:
    store = intake_loop.IntakeLoop.store

    def eager(self: Any, messages: list[Any], subscription: Any) -> None:
        ends = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
        before = dict(subscription.stands)
        subscription.moved(ends, set())
        subscription.stands = before
        store(self, messages, subscription)

    put(intake_loop.IntakeLoop, "store", eager)


@caught_by("I5 Kafka is not ahead")
def the_client_commits_by_itself(put: Set) -> None:
    """Auto-commit: what was handed out counts as done, whatever becomes of the process that has it."""
    by_itself = {"enable.auto.commit": True, "enable.auto.offset.store": True, "auto.commit.interval.ms": 100}
    put(conf, "CONSUMER", {**conf.CONSUMER, **by_itself})


@caught_by("I1 every event is somewhere")
def the_position_moves_in_a_transaction_of_its_own(put: Set) -> None:
    store = intake.Intake.store

    def early(self: Any, batch: Any, stands: Any, context: Any) -> Any:
        for at, offset in batch.next_offsets.items():
            Position.objects.filter(pk=stands[at].id, offset=stands[at].offset).update(offset=offset)
        moved = {at: replace(stand, offset=batch.next_offsets.get(at, stand.offset)) for at, stand in stands.items()}
        return store(self, batch, moved, context)

    put(intake.Intake, "store", early)


@caught_by("I5 Kafka is not ahead")
def the_compare_and_set_is_dropped(put: Set) -> None:
    def forced(stands: Any, offsets: Any, rows: Any, now: Any) -> Any:
        return set(), [(stands[at].id, offset, now) for at, offset in sorted(offsets.items())]

    put(positions, "advance_all", forced)


@caught_by("I1 every event is somewhere")
def an_event_is_known_by_its_ce_id(put: Set) -> None:
    event = codec.Decoder._event

    def fresh(self: Any, message: Any, event_type: str, value: bytes, headers: dict[str, bytes]) -> Any:
        received = event(self, message, event_type, value, headers)
        return replace(received, digest=text_digest(headers["ce_id"].decode()))

    put(codec.Decoder, "_event", fresh)


@caught_by("I1 every event is somewhere")
def an_event_is_known_by_its_order(put: Set) -> None:
    event = codec.Decoder._event

    def coarse(self: Any, *given: Any) -> Any:
        received = event(self, *given)
        return replace(received, digest=text_digest(received.event_type, received.key))

    put(codec.Decoder, "_event", coarse)


@caught_by("I1 every event is somewhere")
def what_cannot_be_read_is_dropped(put: Set) -> None:
    put(intake._Attempt, "_set_aside", lambda self, poison: None)


@caught_by("I1 every event is somewhere")
def a_batch_with_something_unreadable_is_dropped_whole(put: Set) -> None:
    decode = intake_loop.decode

    def strict(*given: Any) -> Any:
        batch, longest, at_end = decode(*given)
        if batch.poison:
            batch.events.clear()
        return batch, longest, at_end

    put(intake_loop, "decode", strict)


@caught_by("I1 every event is somewhere")
def a_batch_that_fails_is_dropped(put: Set) -> None:
    run_ = intake._Attempt.run

    def careless(self: Any, straight: bool) -> Any:
        try:
            with transaction.atomic():
                return run_(self, straight)
        except Exception:  # noqa: BLE001 that is the bug
            for at, offset in self.batch.next_offsets.items():
                Position.objects.filter(pk=self.stands[at].id).update(offset=offset)
            return intake.Stored()

    put(intake._Attempt, "run", careless)


@caught_by("I7 nothing is passed over")
def a_gap_is_jumped_over_silently(put: Set) -> None:
    put(positions, "gap", lambda stand, log: "")


@caught_by("I7 nothing is passed over")
def a_gap_raises_no_alarm(put: Set) -> None:
    from commerce_events.bus.subscription import Subscription

    put(Subscription, "_alarm", lambda self, stand: None)


@caught_by("I8 nobody gives up")
def an_outage_ends_the_process(put: Set) -> None:
    away = run.Run.away

    def weak(self: Any, stage_: str, error: Exception) -> None:
        away(self, stage_, error)
        raise error

    put(run.Run, "away", weak)


@caught_by("I12 health tells the truth")
def the_health_check_is_always_green(put: Set) -> None:
    put(health.Health, "state", lambda self: "ok")


@caught_by("I12 health tells the truth")
def an_outage_is_logged_and_the_health_file_not_told(put: Set) -> None:
    away = run.Run.away

    def quiet(self: Any, stage_: str, error: Exception) -> None:
        waiting, self.health.waiting = self.health.waiting, lambda stage, what: None
        try:
            away(self, stage_, error)
        finally:
            self.health.waiting = waiting

    put(run.Run, "away", quiet)


@caught_by("I9 processes are bounded")
def every_batch_leaves_a_thread_behind(put: Set) -> None:
    work = lanes.Lanes.run

    def leaking(self: Any, *given: Any) -> None:
        for _ in range(4):
            threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        work(self, *given)

    put(lanes.Lanes, "run", leaking)


class _Kept(list[int]):
    """Descriptors, given back with the test."""

    def __del__(self) -> None:
        for number in self:
            os.close(number)


@caught_by("I9 processes are bounded")
def every_batch_leaves_descriptors_behind(put: Set) -> None:
    work, kept = lanes.Lanes.run, _Kept()

    def leaking(self: Any, *given: Any) -> None:
        kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(20))
        work(self, *given)

    put(lanes.Lanes, "run", leaking)


# --- effects and results


@caught_by("I4 effect and result agree")
def one_result_per_event_instead_of_one_per_line(put: Set) -> None:
    write = outbox.write

    def short(told: Any, now: Any) -> Any:
        return write([(stream, list(messages)[:1]) for stream, messages in told], now)

    put(outbox, "write", short)


@caught_by("I4 effect and result agree")
def the_result_is_written_outside_of_the_transaction(put: Set) -> None:
    """Behind the commit – and there a process may die: here every fifth does before it has written."""
    write, count = outbox.write, iter(range(10**9))

    def late(told: Any, now: Any) -> list[int | None]:
        def afterwards() -> None:
            if next(count) % 5 != 4:
                with transaction.atomic():
                    write(told, now)

        transaction.on_commit(afterwards)
        return [None] * len(told)

    put(outbox, "write", late)


@caught_by("I3 one id, one content")
def the_sequence_is_not_counted_on(put: Set) -> None:
    put(bus.Stream, "take", lambda self: self.next_n)


@caught_by("I3 one id, one content")
def another_quantity_is_published_than_was_decided(put: Set) -> None:
    value = codec.Encoder.value

    def wrong(self: Any, full_topic: str, event_type: str, body: bytes, schema_text: str | None = None) -> bytes:
        told = wire.decode(event_type, bytes(body))
        if "fulfillment" in told:
            told["fulfillment"]["quantity"] += 1
        return value(self, full_topic, event_type, wire.encode(event_type, told), schema_text)

    put(codec.Encoder, "value", wrong)


@caught_by("I3 one id, one content")
def a_restore_starts_no_epoch(put: Set) -> None:
    put(guard.Guard, "_new_epoch", lambda self, ahead, published: False)


@caught_by("I3 one current result")
def the_sequence_leaves_the_epoch_out(put: Set) -> None:
    put(bus.Context, "sequence", lambda self, n: n)


@caught_by("I11 nobody is named")
def learners_are_logged(put: Set) -> None:
    decide = effects.decide

    def talking(events: Any, handlers: Any, context: Any) -> Any:
        for event in events:
            logging.getLogger("commerce_events").warning("handling %s", event.data)
        return decide(events, handlers, context)

    put(effects, "decide", talking)


@caught_by("I11 nobody is named")
def results_name_the_learner(put: Set) -> None:
    from tests.faults.plan import CANARY

    pack = outbox.wire.encode

    def chatty(event_type: str, body: dict[str, Any]) -> bytes:
        if "fulfillment" in body:
            body = {"fulfillment": {**body["fulfillment"], "order_number": f"{CANARY}-1@example.com"}}
        return pack(event_type, body)

    put(outbox, "wire", type("Wire", (), {"encode": staticmethod(chatty)}))


# --- handling


@caught_by("I10 the end is the model's")
def what_fails_counts_as_handled(put: Set) -> None:
    def forgetful(self: Any, stream: int, error: Exception, context: Any) -> None:
        Inbox.objects.filter(stream_id=stream, due_at__isnull=False).update(state="handled", due_at=None)

    put(stage.Handle, "_failed", forgetful)


@caught_by("I10 the end is the model's")
def what_fails_twice_is_discarded(put: Set) -> None:
    failed = stage.Handle._failed

    def impatient(self: Any, stream: int, error: Exception, context: Any) -> None:
        failed(self, stream, error, context)
        waiting = Inbox.objects.filter(stream_id=stream, due_at__isnull=False, attempts__gt=1)
        waiting.update(state="discarded", due_at=None)

    put(stage.Handle, "_failed", impatient)


@caught_by("I1 everything is done")
def a_held_event_is_forgotten(put: Set) -> None:
    failed = stage.Handle._failed

    def gone(self: Any, stream: int, error: Exception, context: Any) -> None:
        failed(self, stream, error, context)
        Inbox.objects.filter(stream_id=stream, attempts__gt=0, state="pending").update(due_at=None)

    put(stage.Handle, "_failed", gone)


@caught_by("I2 a line changes once per decision")
def a_retry_decides_each_line_twice(put: Set) -> None:
    kept = handler.ledger.kept
    put(handler.ledger, "kept", lambda lines: kept([*lines, *lines]))


@caught_by("I10 the end is the model's")
def refunds_of_unknown_orders_are_ignored(put: Set) -> None:
    decide = effects.decide

    def deaf(events: Any, handlers: Any, context: Any) -> Any:
        early = [e for e in events if "refunded" in e.event_type and e.stream.next_n == 1]
        rest = [e for e in events if all(e is not each for each in early)]
        return [*(decide(rest, handlers, context) if rest else ()), *((e, bus.Outcome()) for e in early)]

    put(effects, "decide", deaf)


@caught_by("I10 the end is the model's")
def later_revisions_are_ignored(put: Set) -> None:
    decide = effects.decide

    def once(events: Any, handlers: Any, context: Any) -> Any:
        late = [e for e in events if e.data.get("revision")]
        rest = [e for e in events if all(e is not each for each in late)]
        return [*(decide(rest, handlers, context) if rest else ()), *((e, bus.Outcome()) for e in late)]

    put(effects, "decide", once)


@caught_by("I2 a line changes once per decision")
def a_result_without_its_effect(put: Set) -> None:
    put(gateway.ReferenceGateway, "apply", lambda self, changes: {})


@caught_by("I10 the end is the model's")
def the_mode_is_not_looked_at_after_an_upgrade(put: Set) -> None:
    """Who bought one mode, and then a better one, loses the better one with the refund of the first."""
    revoke = seat.revoke

    def blind(case: Any, order: Any, grant: Any, refund_id: Any) -> Any:
        before = held(case.book.seats.get(grant.pair))
        result = revoke(case, order, grant, refund_id)
        if grant.state != "refunded" or before in (None, grant.mode):
            return result
        gone = Seat(before, False)
        case.book.seats[grant.pair] = case.book.changed[grant.pair] = case.book.accesses[grant.pair].last_set = gone
        return replace(result, outcome="revoked", reason_code="ok", mode_after=None, is_active_after=False)

    put(seat, "revoke", blind)


@caught_by("I10 the end is the model's")
def a_query_without_the_learner(put: Set) -> None:
    """Whoever leaves a course takes everybody else along."""
    apply = gateway.ReferenceGateway.apply

    def wide(self: Any, changes: Any) -> Any:
        refusals = apply(self, changes)
        for change in changes:
            if not change.after.is_active:
                ReferenceEnrollment.objects.filter(course_key=change.pair.course_key).update(is_active=False)
        return refusals

    put(gateway.ReferenceGateway, "apply", wide)


# --- relay


@caught_by("I6 results ascend")
def sent_is_marked_before_the_broker_has_it(put: Set) -> None:
    publish = relay.Relay._publish

    def hopeful(self: Any, messages: Any, batch_ids: Any) -> Any:
        _, offsets = publish(self, messages, batch_ids)
        return set(batch_ids), offsets

    put(relay.Relay, "_publish", hopeful)


@caught_by("I6 results ascend")
def a_failed_report_counts_as_delivered(put: Set) -> None:
    report = relay._Round.report

    def blind(self: Any, batch: int) -> Any:
        delivered = report(self, batch)
        return lambda error, message: delivered(None, message)

    put(relay._Round, "report", blind)


@caught_by("I6 results ascend")
def the_newest_goes_first(put: Set) -> None:
    messages = outbox.messages
    put(outbox, "messages", lambda batch_ids: messages(batch_ids)[::-1])


@caught_by("I6 results ascend")
def messages_go_by_their_id(put: Set) -> None:
    messages = outbox.messages
    put(outbox, "messages", lambda batch_ids: sorted(messages(batch_ids), key=lambda message: message.message_id))


@caught_by("I6 results ascend")
def relays_skip_what_another_one_has(put: Set) -> None:
    """SKIP LOCKED: the oldest batch is somebody else's – who is slow – and the next ones go out before it."""
    batches, turns = outbox.batches, iter(range(10**9))

    def shared(most: int) -> list[int]:
        found = batches(most)
        return found[1:] if len(found) > 1 and next(turns) % 2 else found

    put(outbox, "batches", shared)


@caught_by("I3 one id, one content")
def results_are_keyed_by_their_line(put: Set) -> None:
    messages = outbox.messages
    put(outbox, "messages", lambda batch_ids: [replace(m, key=f"{m.key}:{m.slot}"[:99]) for m in messages(batch_ids)])

