"""Ends this process by SIGKILL at a named point: an app that the settings add when COMMERCE_EVENTS_TEST_KILL names one.

``point`` or ``point:n``, the n-th time that it is passed. The product knows nothing of it: functions are wrapped here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from django.apps import AppConfig

ENVIRONMENT = "COMMERCE_EVENTS_TEST_KILL"

#: point → class or module, function, whether to die before or after it
POINTS = {
    "intake: before its transaction": ("commerce_events.bus.intake:Intake", "store", "before"),
    "intake: written, not committed": ("commerce_events.bus.intake:_Attempt", "run", "after"),
    "intake: committed, offset not": ("commerce_events.bus.intake:Intake", "store", "after"),
    "intake: offset committed": ("commerce_events.bus.subscription:Subscription", "moved", "after"),
    "handle: claimed": ("commerce_events.bus.handle:Handle", "_claim", "after"),
    "handle: decided, not committed": ("commerce_events.bus.effects:", "write", "after"),
    "handle: committed": ("commerce_events.bus.handle:Handle", "_together", "after"),
    "relay: read, nothing sent": ("commerce_events.bus.relay:Relay", "_publish", "before"),
    "relay: handed over, no report": ("commerce_events.bus.relay:Relay", "_queued", "after"),
    "relay: reported, not marked": ("commerce_events.bus.relay:Relay", "_publish", "after"),
    "relay: marked": ("commerce_events.bus.lease:Lease", "note", "after"),
}
#: Of a store with our client.
STORE = {
    "store: encoded, not sent": ("commerce_events.bus.client:StoreClient", "_send", "before"),
    "store: acknowledged, not noted": ("commerce_events.bus.client:StoreClient", "_send", "after"),
}
#: Of the stock consumer, and of a store with the stock producer.
STOCK = {
    "received, not handled": ("edx_event_bus_kafka.internal.consumer:KafkaEventConsumer", "emit_signals_from_message",
                              "before"),
    "row committed, result not sent": ("edx_event_bus_kafka.internal.producer:KafkaEventProducer", "send", "before"),
    "result sent, not delivered": ("edx_event_bus_kafka.internal.producer:KafkaEventProducer", "send", "after"),
    "handled, offset not committed": ("edx_event_bus_kafka.internal.consumer:KafkaEventConsumer",
                                      "emit_signals_from_message", "after"),
}  # fmt: skip
SHOP = {name: STOCK[name] for name in ("row committed, result not sent", "result sent, not delivered")}


class KillerConfig(AppConfig):
    name = "tests.proof"
    label = "killer"

    def ready(self) -> None:
        arm()


def arm() -> None:
    """Wrap the function of the point that the environment names."""
    point, _, number = os.environ[ENVIRONMENT].partition("#")
    place, name, when = {**POINTS, **STORE, **STOCK}[point]
    _wrap(place, name, when, int(number or 1))


def _wrap(place: str, name: str, when: str, number: int) -> None:
    from importlib import import_module

    module, _, attribute = place.partition(":")
    owner: Any = import_module(module)
    owner = getattr(owner, attribute) if attribute else owner
    original: Callable[..., Any] = getattr(owner, name)
    passed = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        passed += 1
        if when == "before" and passed >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if when == "after" and passed >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)
