"""The data of every event, as frozen attrs classes: what a store writes and an LMS answers.

The type system of the event bus decides what can stand here: ``str int float bool``, ``datetime``, ``UUID``, attrs
classes, ``List[...]``, ``Dict[str, ...]``; an optional field has ``default=None``. A falsy optional value is read back
as None, so every bool and every integer that may be 0 is required. Course keys travel as text: a malformed one would
fail inside the library, before our code could say which line it was.

No ``from __future__ import annotations`` in this module: openedx-events reads the annotations as types.
"""
from datetime import datetime
from typing import List
from uuid import UUID

import attr


@attr.s(frozen=True, kw_only=True)
class LearnerData:
    """Who learns. At least one of the first three in an order; all may be absent in a refund.

    Attributes:
        lms_user_id (int): the learner's id in the LMS; the surest of all.
        username (str): user name in the LMS.
        email (str): e-mail address; omitted when the id is known.
        email_verified (bool): whether the store has verified the address; informational.
        store_customer_id (str): the store's own id of the customer.
    """

    lms_user_id = attr.ib(type=int, default=None)
    username = attr.ib(type=str, default=None)
    email = attr.ib(type=str, default=None)
    email_verified = attr.ib(type=bool)
    store_customer_id = attr.ib(type=str, default=None)


@attr.s(frozen=True, kw_only=True)
class OrderLineData:
    """One line of an order; bundles are expanded by the store. A line id never changes what it stands for.

    Attributes:
        line_id (str): unique in the order.
        product_kind (str): course_seat, course_entitlement, donation, other, or a site's own ``x_…``.
        course_key (str): course run, e.g. ``course-v1:edX+DemoX+2026``.
        mode (str): enrollment mode that was bought, e.g. ``verified``.
        sku (str): looked up in the LMS's own table where course and mode are absent.
        quantity (int): seats, at least 1.
        credit_provider (str): for credit seats.
        course_uuid (str): for entitlements.
        beneficiary (LearnerData): who learns, if not the buyer (a gift).
    """

    line_id = attr.ib(type=str)
    product_kind = attr.ib(type=str)
    course_key = attr.ib(type=str, default=None)
    mode = attr.ib(type=str, default=None)
    sku = attr.ib(type=str, default=None)
    quantity = attr.ib(type=int)
    credit_provider = attr.ib(type=str, default=None)
    course_uuid = attr.ib(type=str, default=None)
    beneficiary = attr.ib(type=LearnerData, default=None)


@attr.s(frozen=True, kw_only=True)
class OrderData:
    """An order whose money is secured. It carries no prices: the LMS knows none.

    Attributes:
        source (str): slug of the store, on the LMS's allow-list; no colon in it.
        order_id (str): the store's immutable id, never the display number.
        order_key (str): ``source:order_id``; the Kafka key.
        order_number (str): what people read.
        revision (int): grows with each change of the order; 0 if the store has none.
        paid_at (datetime): decides enrollment windows and mode deadlines; UTC.
        occurred_at (datetime): when the adapter saw it; UTC.
        is_test (bool): a test order is skipped unless the source may send them.
        email_opt_in (bool): informational.
        learner (LearnerData): the buyer.
        lines (List[OrderLineData]): at least one.
    """

    source = attr.ib(type=str)
    order_id = attr.ib(type=str)
    order_key = attr.ib(type=str)
    order_number = attr.ib(type=str)
    revision = attr.ib(type=int)
    paid_at = attr.ib(type=datetime)
    occurred_at = attr.ib(type=datetime)
    is_test = attr.ib(type=bool)
    email_opt_in = attr.ib(type=bool)
    learner = attr.ib(type=LearnerData)
    lines = attr.ib(type=List[OrderLineData])


@attr.s(frozen=True, kw_only=True)
class RefundLineData:
    """What a refund says of one line.

    Attributes:
        line_id (str): the order's line.
        quantity (int): seats given back by this refund.
        refunded_total (int): seats given back by all refunds of the line so far: totals commute, differences do not.
        ordered_quantity (int): seats bought.
        course_key (str): as in the order, if known.
        mode (str): as in the order, if known.
    """

    line_id = attr.ib(type=str)
    quantity = attr.ib(type=int)
    refunded_total = attr.ib(type=int)
    ordered_quantity = attr.ib(type=int)
    course_key = attr.ib(type=str, default=None)
    mode = attr.ib(type=str, default=None)


@attr.s(frozen=True, kw_only=True)
class RefundData:
    """Some or all of an order was reversed.

    Attributes:
        source, order_id, order_key, order_number (str): as in the order.
        refund_id (str): the store's id of this refund.
        refund_kind (str): refund, cancellation, chargeback, void.
        is_full (bool): the whole order is reversed; it is closed from now on.
        refunded_at, occurred_at (datetime): UTC.
        reason_code (str): a code, never free text.
        access_hint (str): default, keep, downgrade, deactivate.
        is_test (bool): as in the order.
        learner (LearnerData): may be empty.
        lines (List[RefundLineData]): empty for an amount-only refund.
    """

    source = attr.ib(type=str)
    order_id = attr.ib(type=str)
    order_key = attr.ib(type=str)
    order_number = attr.ib(type=str)
    refund_id = attr.ib(type=str)
    refund_kind = attr.ib(type=str)
    is_full = attr.ib(type=bool)
    refunded_at = attr.ib(type=datetime)
    occurred_at = attr.ib(type=datetime)
    reason_code = attr.ib(type=str, default=None)
    access_hint = attr.ib(type=str)
    is_test = attr.ib(type=bool)
    learner = attr.ib(type=LearnerData)
    lines = attr.ib(type=List[RefundLineData])


@attr.s(frozen=True, kw_only=True)
class FulfillmentData:
    """What the LMS did with one line: the data of all six result types. Never an e-mail address or user name.

    Attributes:
        result_id (UUID): derived, the same whenever this result is sent.
        installation (str): slug of the LMS.
        source, order_id, order_key, order_number (str): as in the order.
        line_id (str): absent when a refund names no lines.
        refund_id (str): for action revoke.
        action (str): fulfill, revoke.
        outcome (str): the last word of the type: completed, deferred, failed, skipped, revoked, retained.
        reason_code (str): from the closed list; a site's own start with ``x_``.
        is_final (bool): nothing more will come unless a person or a new event of the order makes it.
        attempt (int): how often the LMS has tried.
        sequence (int): ascending per order; a reader keeps the highest per line, action and refund.
        lms_user_id (int): the learner.
        course_key (str): the course run.
        mode_before, mode_after (str): absent when not enrolled.
        is_active_after (bool): whether the learner is enrolled now.
        quantity, seats_used (int): seats bought, and given to the learner.
        decided_at (datetime): UTC.
        next_retry_at (datetime): when the LMS tries again by itself.
    """

    result_id = attr.ib(type=UUID)
    installation = attr.ib(type=str)
    source = attr.ib(type=str)
    order_id = attr.ib(type=str)
    order_key = attr.ib(type=str)
    order_number = attr.ib(type=str)
    line_id = attr.ib(type=str, default=None)
    refund_id = attr.ib(type=str, default=None)
    action = attr.ib(type=str)
    outcome = attr.ib(type=str)
    reason_code = attr.ib(type=str)
    is_final = attr.ib(type=bool)
    attempt = attr.ib(type=int)
    sequence = attr.ib(type=int)
    lms_user_id = attr.ib(type=int, default=None)
    course_key = attr.ib(type=str, default=None)
    mode_before = attr.ib(type=str, default=None)
    mode_after = attr.ib(type=str, default=None)
    is_active_after = attr.ib(type=bool)
    quantity = attr.ib(type=int)
    seats_used = attr.ib(type=int)
    decided_at = attr.ib(type=datetime)
    next_retry_at = attr.ib(type=datetime, default=None)


@attr.s(frozen=True, kw_only=True)
class RefundRequestData:
    """A learner left a course in the LMS; the store decides about money.

    Attributes:
        request_id (UUID): this request.
        source, order_id, order_key, order_number, line_id (str): the line that granted the seat.
        lms_user_id (int): the learner.
        course_key, mode (str): the seat.
        requested_at (datetime): UTC.
        is_within_window (bool): whether the LMS's refund window is open.
        initiator (str): learner, staff.
    """

    request_id = attr.ib(type=UUID)
    source = attr.ib(type=str)
    order_id = attr.ib(type=str)
    order_key = attr.ib(type=str)
    order_number = attr.ib(type=str)
    line_id = attr.ib(type=str)
    lms_user_id = attr.ib(type=int)
    course_key = attr.ib(type=str)
    mode = attr.ib(type=str)
    requested_at = attr.ib(type=datetime)
    is_within_window = attr.ib(type=bool)
    initiator = attr.ib(type=str)
