"""The signals of the contract, as openedx-events knows them.

Created when Django imports ``commerce_events.models``. A store without Django does not need this module.

No ``from __future__ import annotations`` here, as in ``data.py``.
"""
from openedx_events.tooling import OpenEdxPublicSignal

from commerce_events.data import FulfillmentData, OrderData, RefundData, RefundRequestData

# .. event_type: org.openedx.commerce.order.paid.v1
# .. event_name: ORDER_PAID
# .. event_key_field: order.order_key
# .. event_description: Emitted when the money for an order's lines is secured, or nothing is due.
# .. event_data: OrderData
# .. event_trigger_repository: openedx/openedx-commerce-events
ORDER_PAID = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.order.paid.v1",
    data={"order": OrderData},
)

# .. event_type: org.openedx.commerce.order.refunded.v1
# .. event_name: ORDER_REFUNDED
# .. event_key_field: refund.order_key
# .. event_description: Emitted when some or all of an order was reversed.
# .. event_data: RefundData
# .. event_trigger_repository: openedx/openedx-commerce-events
ORDER_REFUNDED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.order.refunded.v1",
    data={"refund": RefundData},
)

# .. event_type: org.openedx.commerce.fulfillment.completed.v1
# .. event_name: FULFILLMENT_COMPLETED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when the learner holds the access that a line paid for.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_COMPLETED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.completed.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.fulfillment.deferred.v1
# .. event_name: FULFILLMENT_DEFERRED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when a line is accepted but not final: waiting, retrying, or held for a person.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_DEFERRED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.deferred.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.fulfillment.failed.v1
# .. event_name: FULFILLMENT_FAILED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when a line will not be fulfilled, unless a person retries it.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_FAILED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.failed.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.fulfillment.skipped.v1
# .. event_name: FULFILLMENT_SKIPPED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when there is nothing to do for a line.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_SKIPPED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.skipped.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.fulfillment.revoked.v1
# .. event_name: FULFILLMENT_REVOKED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when a refund removed or lowered access.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_REVOKED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.revoked.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.fulfillment.retained.v1
# .. event_name: FULFILLMENT_RETAINED
# .. event_key_field: fulfillment.order_key
# .. event_description: Emitted when a refund was acknowledged and access stays.
# .. event_data: FulfillmentData
# .. event_trigger_repository: openedx/openedx-commerce-events
FULFILLMENT_RETAINED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.fulfillment.retained.v1",
    data={"fulfillment": FulfillmentData},
)

# .. event_type: org.openedx.commerce.refund.requested.v1
# .. event_name: REFUND_REQUESTED
# .. event_key_field: refund_request.order_key
# .. event_description: Emitted when a learner left a course that an order paid for.
# .. event_data: RefundRequestData
# .. event_trigger_repository: openedx/openedx-commerce-events
REFUND_REQUESTED = OpenEdxPublicSignal(
    event_type="org.openedx.commerce.refund.requested.v1",
    data={"refund_request": RefundRequestData},
)
