"""What a line of an Oscar order sells, by its product's class and attributes.

The classes and attributes are those of the archived Open edX ecommerce service; a shop of its own may give any product
the attribute ``course_key``, and ``mode`` in place of ``certificate_type``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Product class → kind of product. A code or coupon gives no access: whoever redeems it has an order of their own.
KINDS = {
    "Seat": "course_seat",
    "Course Entitlement": "course_entitlement",
    "Enrollment Code": "other",
    "Coupon": "other",
    "Donation": "donation",
    "Donations from checkout tests": "donation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """As the fields of a line of an order event."""

    kind: str
    course_key: str | None = None
    mode: str | None = None
    credit_provider: str | None = None
    course_uuid: str | None = None


def sold(line: Any, *, by_sku: bool) -> Sold:
    """What a line sells. A product that was deleted leaves the line's SKU."""
    product = line.product
    if product is None:
        return Sold(kind="course_seat")
    kind, course = KINDS.get(product.get_product_class().name), _value(product, "course_key")
    if kind is None:
        kind = "course_seat" if course or (by_sku and line.partner_sku) else "other"
    if kind == "course_entitlement":
        return Sold(kind=kind, mode=_mode(product), course_uuid=_value(product, "UUID"))
    if kind == "course_seat":
        return Sold(
            kind=kind, course_key=course, mode=_mode(product), credit_provider=_value(product, "credit_provider")
        )
    return Sold(kind=kind)


def _value(product: Any, code: str) -> str | None:
    """An attribute of the product, or of the one it is a variant of."""
    for owner in (product, product.parent):
        value = getattr(owner.attr, code, None) if owner is not None else None
        if value:
            return str(value)
    return None


def _mode(product: Any) -> str | None:
    """The service kept "professional" without identity verification under the same name as with it."""
    mode = _value(product, "mode")
    if mode:
        return mode
    certificate = _value(product, "certificate_type")
    if certificate == "professional" and not _value(product, "id_verification_required"):
        return "no-id-professional"
    return certificate or ("audit" if product.get_product_class().name == "Seat" else None)
