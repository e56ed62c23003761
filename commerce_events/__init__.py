"""Commerce events for Open edX: an order paid in a store becomes an enrollment, and a result comes back.

The root holds the contract: what stores, the LMS and analysts share. Each name is imported when it is first asked for
(PEP 562), so that ``import commerce_events`` costs nothing and needs neither Django nor a Kafka client::

    from commerce_events import OrderData, validate        # a store in any setting
    from commerce_events import publish_order_paid         # the outbox of a store: needs the extra ``django``
    from commerce_events import ORDER_PAID                 # a signal: needs the extra ``lms``
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commerce_events.data import (
        FulfillmentData,
        LearnerData,
        OrderData,
        OrderLineData,
        RefundData,
        RefundLineData,
        RefundRequestData,
    )
    from commerce_events.exceptions import (
        CommerceEventsError,
        ContractError,
        OperatorError,
        PermanentError,
        TransientError,
    )
    from commerce_events.publishing import publish_order_paid, publish_order_refunded
    from commerce_events.signals import (
        FULFILLMENT_COMPLETED,
        FULFILLMENT_DEFERRED,
        FULFILLMENT_FAILED,
        FULFILLMENT_RETAINED,
        FULFILLMENT_REVOKED,
        FULFILLMENT_SKIPPED,
        ORDER_PAID,
        ORDER_REFUNDED,
        REFUND_REQUESTED,
    )
    from commerce_events.topics import EVENT_TYPES, TOPICS, order_key
    from commerce_events.validation import validate
    from commerce_events.wire import decode, encode, from_dict, to_dict

__version__ = "0.1.0"

__all__ = [
    "EVENT_TYPES",
    "FULFILLMENT_COMPLETED",
    "FULFILLMENT_DEFERRED",
    "FULFILLMENT_FAILED",
    "FULFILLMENT_RETAINED",
    "FULFILLMENT_REVOKED",
    "FULFILLMENT_SKIPPED",
    "ORDER_PAID",
    "ORDER_REFUNDED",
    "REFUND_REQUESTED",
    "TOPICS",
    "CommerceEventsError",
    "ContractError",
    "FulfillmentData",
    "LearnerData",
    "OperatorError",
    "OrderData",
    "OrderLineData",
    "PermanentError",
    "RefundData",
    "RefundLineData",
    "RefundRequestData",
    "TransientError",
    "__version__",
    "decode",
    "encode",
    "from_dict",
    "order_key",
    "publish_order_paid",
    "publish_order_refunded",
    "to_dict",
    "validate",
]

#: Where each name lives, and the extra of the package that it needs ("" for none).
_HOMES: dict[str, tuple[tuple[str, ...], str]] = {
    "data": (
        ("FulfillmentData", "LearnerData", "OrderData", "OrderLineData", "RefundData", "RefundLineData",
         "RefundRequestData"), "",
    ),
    "exceptions": (
        ("CommerceEventsError", "ContractError", "OperatorError", "PermanentError", "TransientError"), "",
    ),
    "publishing": (("publish_order_paid", "publish_order_refunded"), "django"),
    "signals": (
        ("FULFILLMENT_COMPLETED", "FULFILLMENT_DEFERRED", "FULFILLMENT_FAILED", "FULFILLMENT_RETAINED",
         "FULFILLMENT_REVOKED", "FULFILLMENT_SKIPPED", "ORDER_PAID", "ORDER_REFUNDED", "REFUND_REQUESTED"), "lms",
    ),
    "topics": (("EVENT_TYPES", "TOPICS", "order_key"), ""),
    "validation": (("validate",), ""),
    "wire": (("decode", "encode", "from_dict", "to_dict"), ""),
}  # fmt: skip
_HOME = {name: (module, extra) for module, (names, extra) in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    try:
        module, extra = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    try:
        value = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("commerce_events"):
            raise
        raise ModuleNotFoundError(
            f"{name} needs {error.name}: pip install 'openedx-commerce-events[{extra}]'", name=error.name
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
