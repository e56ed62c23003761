"""The order behind an enrollment, as attributes that the support page shows.

Writing attributes replaces all of them: what is there is read, merged and written under the lock of the enrollment.
``date_placed`` is always among ours: without it the platform would ask an old store for it when it looks at refunds.
"""
from __future__ import annotations

from datetime import UTC
from typing import Any

from consumers.fulfillment.gateway import OrderLine
from consumers.fulfillment.platform import lms

#: How the platform reads ``date_placed``.
DATE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_LONGEST = 255  # of a value


def merge(user: Any, course_key: str, line: OrderLine) -> None:
    """Write the order line's attributes; attributes of others stay, those of an earlier order are replaced."""
    words = _words(line)
    ours = [{"namespace": space, "name": name, "value": value} for (space, name), value in words.items()]
    there = lms.get_enrollment_attributes(user.username, course_key)
    others = [one for one in there if (one["namespace"], one["name"]) not in words]
    if [*others, *ours] != there:
        lms.set_enrollment_attributes(user.username, course_key, [*others, *ours])


def _words(line: OrderLine) -> dict[tuple[str, str], str]:
    words = {
        ("order", "order_number"): line.order_number,
        ("order", "order_id"): line.order_id,
        ("order", "line_item_id"): line.line_id,
        ("order", "source_system"): line.source,
    }
    if line.paid_at is not None:
        words["order", "date_placed"] = line.paid_at.astimezone(UTC).strftime(DATE_FORMAT)
    if line.credit_provider:
        words["credit", "provider_id"] = line.credit_provider
    return {name: value[:_LONGEST] for name, value in words.items()}
