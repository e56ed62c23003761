"""Event types, topics, keys and headers: each declared once, here.

Imports neither Django nor Kafka: a store in any setting can use it.
"""
from __future__ import annotations

from dataclasses import dataclass

ORDER_TOPIC = "commerce-order-lifecycle"
FULFILLMENT_TOPIC = "commerce-fulfillment-lifecycle"
DEAD_LETTER_TOPIC = "commerce-order-lifecycle-dlq"

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is created. ``retention_ms`` −1 keeps messages for ever."""

    name: str
    retention_ms: int
    holds: str
    partitions: int = 12


#: Orders hold personal data and go after 30 days; results hold none and stay.
TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(ORDER_TOPIC, 30 * DAY_MS, "order.paid, order.refunded"),
        Topic(FULFILLMENT_TOPIC, -1, "the results and refund.requested"),
        Topic(DEAD_LETTER_TOPIC, 30 * DAY_MS, "what was set aside, for sites that mirror it (MIRROR_DEAD_LETTERS)"),
    )
}

ORDER_PAID_TYPE = "org.openedx.commerce.order.paid.v1"
ORDER_REFUNDED_TYPE = "org.openedx.commerce.order.refunded.v1"
FULFILLMENT_COMPLETED_TYPE = "org.openedx.commerce.fulfillment.completed.v1"
FULFILLMENT_DEFERRED_TYPE = "org.openedx.commerce.fulfillment.deferred.v1"
FULFILLMENT_FAILED_TYPE = "org.openedx.commerce.fulfillment.failed.v1"
FULFILLMENT_SKIPPED_TYPE = "org.openedx.commerce.fulfillment.skipped.v1"
FULFILLMENT_REVOKED_TYPE = "org.openedx.commerce.fulfillment.revoked.v1"
FULFILLMENT_RETAINED_TYPE = "org.openedx.commerce.fulfillment.retained.v1"
REFUND_REQUESTED_TYPE = "org.openedx.commerce.refund.requested.v1"


@dataclass(frozen=True, slots=True)
class EventType:
    """One fact, one type, past tense.

    ``name`` is the signal's constant, ``argument`` the only top-level field of the body, ``data_class`` its class in
    ``data.py``, ``key_field`` the path of the Kafka key.
    """

    name: str
    event_type: str
    argument: str
    data_class: str
    topic: str
    meaning: str

    @property
    def key_field(self) -> str:
        """Where the key stands in the body, as the stock bus writes such paths."""
        return f"{self.argument}.order_key"


EVENT_TYPES: dict[str, EventType] = {
    row[1]: EventType(*row)
    for row in (
        ("ORDER_PAID", ORDER_PAID_TYPE, "order", "OrderData", ORDER_TOPIC,
         "money for these lines is secured (or nothing is due)"),
        ("ORDER_REFUNDED", ORDER_REFUNDED_TYPE, "refund", "RefundData", ORDER_TOPIC,
         "some or all of an order was reversed"),
        ("FULFILLMENT_COMPLETED", FULFILLMENT_COMPLETED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "the learner holds the access the line paid for (or held it until releasing it)"),
        ("FULFILLMENT_DEFERRED", FULFILLMENT_DEFERRED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "accepted, not final: waiting for an account, retrying, or held for a person"),
        ("FULFILLMENT_FAILED", FULFILLMENT_FAILED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "final unless a person retries: this line will not be fulfilled, reason given"),
        ("FULFILLMENT_SKIPPED", FULFILLMENT_SKIPPED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "final: nothing to do (refunded first, test order, product without access)"),
        ("FULFILLMENT_REVOKED", FULFILLMENT_REVOKED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "a refund removed or lowered the access"),
        ("FULFILLMENT_RETAINED", FULFILLMENT_RETAINED_TYPE, "fulfillment", "FulfillmentData", FULFILLMENT_TOPIC,
         "a refund was acknowledged and access stays, reason given"),
        ("REFUND_REQUESTED", REFUND_REQUESTED_TYPE, "refund_request", "RefundRequestData", FULFILLMENT_TOPIC,
         "the learner left; the store decides about money"),
    )
}  # fmt: skip

#: The result type of each outcome.
RESULT_TYPES = {
    event_type.rsplit(".", 2)[1]: event_type
    for event_type, row in EVENT_TYPES.items()
    if row.argument == "fulfillment"
}

# Headers, exactly as edx-event-bus-kafka writes them.
HEADER_TYPE = "ce_type"
HEADER_ID = "ce_id"
HEADER_SOURCE = "ce_source"
HEADER_TIME = "ce_time"
HEADER_SPEC_VERSION = "ce_specversion"
HEADER_MINOR_VERSION = "ce_minorversion"
HEADER_CONTENT_TYPE = "content-type"
HEADER_DATA_CONTENT_TYPE = "ce_datacontenttype"
HEADER_SOURCE_HOST = "sourcehost"
HEADER_SOURCE_LIB = "sourcelib"
HEADER_TRACE = "traceparent"
#: What a message must carry to be understood; the others are welcome.
MANDATORY_HEADERS = (HEADER_TYPE, HEADER_ID)
CONTENT_TYPE = "application/avro"


def full_topic(topic: str, prefix: str | None) -> str:
    """The topic's name on the broker: with the environment's prefix, as EVENT_BUS_TOPIC_PREFIX says it."""
    return f"{prefix}-{topic}" if prefix else topic


def order_key(source: str, order_id: str) -> str:
    """The Kafka key of an order. A source holds no colon, so the key is unambiguous even if the order id has some."""
    return f"{source}:{order_id}"


def subject(topic: str, event_type: str) -> str:
    """The registry's subject for a value: topic-record-name strategy, as the stock producer registers it.

    Arguments:
        topic: the full topic, with its prefix.
    """
    return f"{topic}-{event_type}.CloudEvent"
