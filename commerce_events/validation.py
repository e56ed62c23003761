"""What the contract says beyond types: one pass over a decoded body, on the hot path of every consumer.

Errors say where and what, never the value: it may be an e-mail address.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any

from commerce_events.exceptions import ContractError

#: Longest values, in characters.
LONGEST = {
    "source": 32, "order_id": 128, "line_id": 128, "refund_id": 128, "order_number": 255, "sku": 255, "course_key": 255,
    "mode": 32, "email": 254, "username": 150, "product_kind": 64, "store_customer_id": 255, "credit_provider": 255,
    "course_uuid": 36, "reason_code": 64,
}  # fmt: skip
MAX_LINES = 1000
PRODUCT_KINDS = ("course_seat", "course_entitlement", "donation", "other")
REFUND_KINDS = ("refund", "cancellation", "chargeback", "void")
ACCESS_HINTS = ("default", "keep", "downgrade", "deactivate")

_INT_MAX = 2**63 - 1


def validate(event_type: str, body: dict[str, Any]) -> None:
    """Check a decoded body, ``{"order": {...}}``.

    Raises:
        ContractError: with ``path``, ``message`` and ``hint``.
    """
    check = _CHECKS.get(event_type)
    if check is not None:
        argument, rule = check
        values = body.get(argument)
        if not isinstance(values, dict):
            raise ContractError("missing", path=argument, hint=f'The body is {{"{argument}": {{…}}}}.')
        rule(values)


def _order(order: dict[str, Any]) -> None:
    _head("order", order, ("paid_at", "occurred_at"))
    _flag("order", order, "is_test")
    _flag("order", order, "email_opt_in")
    _number("order", order, "revision", 0)
    learner = order.get("learner")
    _learner("order.learner", learner)
    if learner["lms_user_id"] is None and not learner["username"] and not learner["email"]:  # type: ignore[index]
        raise ContractError(
            "names nobody", path="order.learner", hint="Give lms_user_id, username or email; the id is the surest."
        )
    lines = _lines("order", order)
    if not lines:
        raise ContractError("an order has at least one line", path="order.lines")
    for i, line in enumerate(lines):
        kind = line.get("product_kind")
        if kind not in PRODUCT_KINDS and not (isinstance(kind, str) and kind.startswith("x_") and len(kind) <= 64):
            raise ContractError(
                "no such product kind", path=f"order.lines[{i}].product_kind",
                hint=f"One of {', '.join(PRODUCT_KINDS)}, or a site's own that starts with x_.",
            )  # fmt: skip
        quantity = line.get("quantity")
        if type(quantity) is not int or not 1 <= quantity <= _INT_MAX:
            raise ContractError("a whole number of at least 1", path=f"order.lines[{i}].quantity")
        for name in ("course_key", "mode", "sku", "credit_provider", "course_uuid"):
            value = line.get(name)
            if value is not None:
                _text(f"order.lines[{i}]", line, name)
        if line.get("beneficiary") is not None:
            _learner(f"order.lines[{i}].beneficiary", line["beneficiary"])


def _refund(refund: dict[str, Any]) -> None:
    _head("refund", refund, ("refunded_at", "occurred_at"))
    _text("refund", refund, "refund_id")
    _flag("refund", refund, "is_full")
    _flag("refund", refund, "is_test")
    if refund.get("refund_kind") not in REFUND_KINDS:
        raise ContractError("no such kind", path="refund.refund_kind", hint=f"One of {', '.join(REFUND_KINDS)}.")
    if refund.get("access_hint") not in ACCESS_HINTS:
        raise ContractError("no such hint", path="refund.access_hint", hint=f"One of {', '.join(ACCESS_HINTS)}.")
    if refund.get("reason_code") is not None:
        _text("refund", refund, "reason_code")
    _learner("refund.learner", refund.get("learner"))
    for i, line in enumerate(_lines("refund", refund)):
        for name in ("course_key", "mode"):
            if line.get(name) is not None:
                _text(f"refund.lines[{i}]", line, name)
        for name, least in (("quantity", 0), ("refunded_total", 0), ("ordered_quantity", 1)):
            _number(f"refund.lines[{i}]", line, name, least)
        if line["refunded_total"] < line["quantity"]:
            raise ContractError(
                "less than this refund alone", path=f"refund.lines[{i}].refunded_total",
                hint="The total counts every refund of the line so far, this one included.",
            )  # fmt: skip


def _head(path: str, values: dict[str, Any], times: tuple[str, str]) -> None:
    source, order_id = values.get("source"), values.get("order_id")
    if not (isinstance(source, str) and 0 < len(source) <= 32 and ":" not in source):
        raise ContractError("1 to 32 characters without a colon", path=f"{path}.source", hint="The slug of the store.")
    if not (isinstance(order_id, str) and 0 < len(order_id) <= 128):
        raise ContractError("1 to 128 characters", path=f"{path}.order_id", hint="The store's immutable id, as text.")
    if values.get("order_key") != f"{source}:{order_id}":
        raise ContractError("must be source:order_id", path=f"{path}.order_key")
    _text(path, values, "order_number")
    for name in times:
        _time(path, values, name)


def _lines(path: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    lines = values.get("lines")
    if not isinstance(lines, list) or len(lines) > MAX_LINES:
        raise ContractError(f"a list of at most {MAX_LINES} lines", path=f"{path}.lines")
    seen = set()
    for i, line in enumerate(lines):
        line_id = line.get("line_id") if isinstance(line, dict) else None
        if not (isinstance(line_id, str) and 0 < len(line_id) <= 128):
            raise ContractError("1 to 128 characters", path=f"{path}.lines[{i}].line_id")
        if line_id in seen:
            raise ContractError("stands twice in the order", path=f"{path}.lines[{i}].line_id")
        seen.add(line_id)
    return lines


def _learner(path: str, learner: Any) -> None:
    if not isinstance(learner, dict):
        raise ContractError("missing", path=path)
    _flag(path, learner, "email_verified")
    learner.setdefault("lms_user_id", None)
    learner.setdefault("username", None)
    learner.setdefault("email", None)
    if learner["lms_user_id"] is not None:
        _number(path, learner, "lms_user_id", 1)
    for name in ("username", "email", "store_customer_id"):
        if learner.get(name) is not None:
            _text(path, learner, name)


def _text(path: str, values: dict[str, Any], name: str) -> None:
    value, longest = values.get(name), LONGEST[name]
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ContractError(f"1 to {longest} characters", path=f"{path}.{name}")
    if "\0" in value:
        raise ContractError("holds a NUL character, which no database keeps", path=f"{path}.{name}")


def _number(path: str, values: dict[str, Any], name: str, least: int) -> None:
    value = values.get(name)
    if type(value) is not int or not least <= value <= _INT_MAX:
        raise ContractError(f"a whole number of at least {least}", path=f"{path}.{name}")


def _flag(path: str, values: dict[str, Any], name: str) -> None:
    if type(values.get(name)) is not bool:
        raise ContractError("true or false", path=f"{path}.{name}", hint="Not the text, not 0 or 1.")


def _time(path: str, values: dict[str, Any], name: str) -> None:
    try:
        offset = datetime.fromisoformat(values[name]).utcoffset()
    except (KeyError, TypeError, ValueError, AttributeError):
        offset = None
    if offset is None or offset:
        raise ContractError(
            "a time in UTC", path=f"{path}.{name}", hint="As in 2026-01-31T12:00:00.000000+00:00: six digits, +00:00."
        )


_CHECKS = {
    "org.openedx.commerce.order.paid.v1": ("order", _order),
    "org.openedx.commerce.order.refunded.v1": ("refund", _refund),
}
