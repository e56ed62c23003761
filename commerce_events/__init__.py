"""Commerce events for Open edX: an order paid in a store becomes an enrollment, and a result comes back.

The names below are the public interface of the contract. Each is loaded when it is first used, so that importing the
package costs nothing and a store without Django never meets it::

    from commerce_events import OrderData, validate      # plain Python
    from commerce_events import ORDER_PAID               # a signal: needs the extra `lms`
"""
from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "commerce_events.data": (
        "FulfillmentData", "LearnerData", "OrderData", "OrderLineData", "RefundData", "RefundLineData",
        "RefundRequestData",
    ),
    "commerce_events.exceptions": (
        "CommerceEventsError", "ContractError", "OperatorError", "PermanentError", "TransientError",
    ),
    "commerce_events.signals": (
        "FULFILLMENT_COMPLETED", "FULFILLMENT_DEFERRED", "FULFILLMENT_FAILED", "FULFILLMENT_RETAINED",
        "FULFILLMENT_REVOKED", "FULFILLMENT_SKIPPED", "ORDER_PAID", "ORDER_REFUNDED", "REFUND_REQUESTED",
    ),
    "commerce_events.topics": ("EVENT_TYPES", "TOPICS", "order_key"),
    "commerce_events.validation": ("validate",),
    "commerce_events.wire": ("decode", "encode", "from_dict", "to_dict"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if home.endswith(".signals") and (error.name or "").partition(".")[0] in {"django", "openedx_events"}:
            raise ModuleNotFoundError(
                f"{name} is a signal of openedx-events, which is not installed. "
                "Run: pip install 'openedx-commerce-events[lms]'",
                name=error.name,
            ) from error
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
