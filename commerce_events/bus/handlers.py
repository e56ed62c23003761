"""Which handler has which event type, from the settings; and any Open edX signal as a durable handler.

``COMMERCE_EVENTS["HANDLERS"]`` lists dotted paths. Each names a class or function that is called without arguments and
returns a handler (``types.Handler``), for instance::

    COMMERCE_EVENTS = {
        "HANDLERS": ["consumers.fulfillment.handler.FulfillmentHandler", "my_site.events.course_passed"],
        "TOPICS": ["commerce-order-lifecycle", "learning-course-passed"],
    }

    # my_site/events.py
    def course_passed():
        return SignalHandler("org.openedx.learning.course.passing.status.updated.v1")
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import Signal
from django.utils.module_loading import import_string

from commerce_events.bus.types import Context, Event, Handler, Outcome
from commerce_events.exceptions import CommerceEventsError, OperatorError
from commerce_events.topics import EVENT_TYPES


def load(paths: Iterable[str]) -> dict[str, Handler]:
    """The handlers by event type.

    Raises:
        OperatorError: a path leads nowhere, or two handlers want one event type.
    """
    handlers: dict[str, Handler] = {}
    for path in paths:
        try:
            handler: Handler = import_string(path)()
        except CommerceEventsError:
            raise
        except Exception as error:  # a module of the site's own may fail with anything
            failed = "cannot be imported" if isinstance(error, ImportError) else "cannot be made"
            raise OperatorError(
                f"COMMERCE_EVENTS['HANDLERS'] names {path}, which {failed}: {error}",
                hint="Is the app installed, and the path the one of a class or function without arguments?",
            ) from error
        for event_type in handler.event_types:
            if event_type in handlers:
                raise OperatorError(
                    f"two handlers want {event_type}: {type(handlers[event_type]).__name__} and {path}",
                    hint="One event type has one durable handler; leave one of them out.",
                )
            handlers[event_type] = handler
    return handlers


class SignalHandler:
    """Sends received events to the receivers of their Open edX signal, inside the transaction that marks them handled.

    A receiver that raises has the event tried again, and in the end held for a person: with the stock consumer it
    would be lost. Receivers see what the stock consumer would give them.
    """

    bulk = False

    def __init__(self, *event_types: str) -> None:
        self.event_types: Collection[str] = frozenset(event_types)

    def handle(self, events: Sequence[Event], context: Context) -> Sequence[Outcome]:
        """Call every receiver of each event; the first exception ends the transaction."""
        return [self._send(event) for event in events]

    def _send(self, event: Event) -> Outcome:
        from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer
        from openedx_events.tooling import SIGNAL_PROCESSED_FROM_EVENT_BUS, OpenEdxPublicSignal

        signal = OpenEdxPublicSignal.get_signal_by_type(event.event_type)
        ours = EVENT_TYPES.get(event.event_type)
        body = event.data if ours is None else {ours.argument: event.data}
        arguments: dict[str, Any] = AvroSignalDeserializer(signal).from_dict(body)
        # Not send_event: it swallows what receivers raise. What it checks, Avro and the schema have checked.
        Signal.send(
            signal, sender=None, metadata=_metadata(event), **{SIGNAL_PROCESSED_FROM_EVENT_BUS: True}, **arguments
        )
        return Outcome()


def _metadata(event: Event) -> Any:
    from openedx_events.data import EventsMetadata

    headers = event.headers
    library = headers.get("sourcelib", "")
    return EventsMetadata(
        event_type=event.event_type,
        id=UUID(headers["ce_id"]),
        minorversion=int(headers.get("ce_minorversion", 0)),
        source=headers.get("ce_source"),
        sourcehost=headers.get("sourcehost"),
        time=datetime.fromisoformat(headers["ce_time"]) if "ce_time" in headers else None,
        sourcelib=tuple(map(int, library.split("."))) if library else None,
    )
