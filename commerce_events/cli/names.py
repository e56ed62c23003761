"""How people name an event type: ``order.paid``, ``ORDER_PAID`` or in full."""
from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from commerce_events import topics


def short_name(event_type: str) -> str:
    """``org.openedx.commerce.order.paid.v1`` → ``order.paid``."""
    return ".".join(event_type.split(".")[-3:-1])


NAMES = {short_name(event_type): event_type for event_type in topics.EVENT_TYPES}
_ALL = {
    **NAMES,
    **{row.name: row.event_type for row in topics.EVENT_TYPES.values()},
    **{event_type: event_type for event_type in topics.EVENT_TYPES},
}


class EventTypeName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A parameter that names an event type; its value is the event type in full."""

    name = "event type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The event type in full."""
        found = _ALL.get(value)
        if found is None:
            near = get_close_matches(str(value), NAMES, n=1)
            self.fail(
                f"{value!r} is no event type. " + (f"Is {near[0]} meant?" if near else f"Known: {', '.join(NAMES)}."),
                param, ctx,
            )  # fmt: skip
        return found


EVENT_TYPE = EventTypeName()
