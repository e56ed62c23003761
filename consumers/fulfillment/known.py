"""Whether a store or an order that a person names is one: what is misspelt must not look like what has nothing open."""
from __future__ import annotations

from commerce_events.exceptions import OperatorError
from commerce_events.identity import stream_digest
from commerce_events.models import Stream
from commerce_events.topics import ORDER_TOPIC
from consumers.fulfillment import conf


def refuse_stranger(source: str) -> None:
    """Go on only if the store is allowed, or has ever sent something.

    Raises:
        OperatorError: it is neither.
    """
    allowed = conf.options()["SOURCES"]
    if source in allowed or Stream.objects.filter(topic=ORDER_TOPIC, key__startswith=f"{source}:").exists():
        return
    raise OperatorError(
        f"no store is called {source!r}",
        hint=f"SOURCES has: {', '.join(sorted(allowed)) or 'none'}. Nobody else has sent anything.",
    )


def refuse_strange_order(order_key: str) -> None:
    """Go on only if an event of the order was received.

    Raises:
        OperatorError: none was.
    """
    if not Stream.objects.filter(digest=stream_digest(ORDER_TOPIC, order_key)).exists():
        raise OperatorError(
            f"of order {order_key} nothing was received",
            hint="Write it as the store does, STORE:ID. If it was sent, `commerce_dead_letters` may have it.",
        )
