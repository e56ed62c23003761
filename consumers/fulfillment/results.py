"""From a decision to the messages that tell it: ``FulfillmentData`` and ``RefundRequestData`` as plain dictionaries.

A result's id and sequence come from the order's own count under its lock, so a retry after a rollback tells the same
thing under the same id, and readers keep the highest sequence of each slot. No e-mail address and no user name, ever.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from commerce_events import identity, topics
from commerce_events.bus.types import Context, Message, Stream
from consumers.fulfillment.rules.decision import LineResult, RefundRequest


class Teller:
    """Makes the messages of one group of events. ``context`` is what the bus said; the clock is its own."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._decided_at = wire_time(context.now)

    def results(self, stream: Stream, order_number: str, lines: Iterable[LineResult], attempt: int) -> list[Message]:
        """The messages that tell the lines of one decision. Takes one of the order's numbers for each.

        On the path of every order line: plain dictionaries, and nothing computed twice.
        """
        installation, epoch = self.context.installation, self.context.epoch
        key = stream.key
        source, _, order_id = key.partition(":")
        order_number = order_number or order_id
        messages = []
        for line in lines:
            line_id, action, refund_id, retry_at = line.line_id, line.action, line.refund_id, line.next_retry_at
            n = stream.take()
            sequence = self.context.sequence(n)
            result_id = identity.result_id(installation, epoch, key, line_id, action, refund_id, n)
            data = {
                "result_id": result_id,
                "installation": installation,
                "source": source,
                "order_id": order_id,
                "order_key": key,
                "order_number": order_number,
                "line_id": line_id,
                "refund_id": refund_id,
                "action": action,
                "outcome": line.outcome,
                "reason_code": line.reason_code,
                "is_final": line.is_final,
                "attempt": attempt,
                "sequence": sequence,
                "lms_user_id": line.lms_user_id,
                "course_key": line.course_key,
                "mode_before": line.mode_before,
                "mode_after": line.mode_after,
                "is_active_after": line.is_active_after,
                "quantity": line.quantity,
                "seats_used": line.seats_used,
                "decided_at": self._decided_at,
                "next_retry_at": None if retry_at is None else wire_time(retry_at),
            }
            event_type = topics.RESULT_TYPES[line.outcome]
            of = slot(line_id, action, refund_id)
            messages.append(Message(event_type, result_id, sequence, of, {"fulfillment": data}))
        return messages

    def refund_request(self, stream: Stream, order_number: str, request: RefundRequest, is_within: bool) -> Message:
        """The message that asks the store about money: the learner left (R29)."""
        context, key = self.context, stream.key
        source, _, order_id = key.partition(":")
        n = stream.take()
        request_id = identity.result_id(context.installation, context.epoch, key, request.line_id, "request", "", n)
        return Message(
            topics.REFUND_REQUESTED_TYPE,
            request_id,
            context.sequence(n),
            slot(request.line_id, "request", None),
            {
                "refund_request": {
                    "request_id": request_id,
                    "source": source,
                    "order_id": order_id,
                    "order_key": key,
                    "order_number": order_number or order_id,
                    "line_id": request.line_id,
                    "lms_user_id": request.lms_user_id,
                    "course_key": request.course_key,
                    "mode": request.mode,
                    "requested_at": self._decided_at,
                    "is_within_window": is_within,
                    "initiator": request.initiator,
                }
            },
        )

    def renewed(self, stream: Stream, event_type: str, body: Mapping[str, Any]) -> Message:
        """A message once more under a new id and sequence, so that it supersedes what a lost history published."""
        context = self.context
        n = stream.take()
        argument, data = next(iter(body.items()))
        line_id, refund_id = data.get("line_id"), data.get("refund_id")
        action = data.get("action", "request")
        renewed_id = identity.result_id(
            context.installation, context.epoch, stream.key, line_id or "", action, refund_id or "", n
        )
        if argument == "fulfillment":
            data = {**data, "result_id": renewed_id, "sequence": context.sequence(n)}
        # A refund request keeps its id: the store must not decide about the same money twice.
        return Message(event_type, renewed_id, context.sequence(n), slot(line_id, action, refund_id), {argument: data})


def slot(line_id: str | None, action: str, refund_id: str | None) -> str:
    """The fact that a result is the word on. Ids may hold any character, so the first one says how long it is."""
    return f"{action}:{len(line_id or '')}:{line_id or ''}:{refund_id or ''}"


def slot_of(data: Mapping[str, Any]) -> str:
    """The slot of a result that was told before."""
    return slot(data.get("line_id"), data.get("action", "request"), data.get("refund_id"))


def wire_time(moment: datetime) -> str:
    """A moment as the wire has it: six digits, ``+00:00``."""
    return moment.isoformat(timespec="microseconds")
