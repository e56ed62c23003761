"""What a site may set for a WooCommerce source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from commerce_events.exceptions import OperatorError
from commerce_events.stores.options import check_url, checked


@dataclass(frozen=True, slots=True)
class WooCommerceOptions:
    """The options and their defaults.

    Attributes:
        url: the shop's address, as in WordPress's own settings; with the two keys our door to its REST API.
        consumer_key: of a key that may read.
        consumer_secret: of the same.
        course_meta: name of the meta field, of the line or the product, that holds the course key.
        mode_meta: the same for the mode.
        by_sku: a line without these is looked up by its SKU; False: it is no course.
        unpaid_methods: payment methods that set a date of payment before there is money; they count from completion.
        cancelled_with_money: ``cancellation`` reverses a paid order that is cancelled, money kept; else a notice.
        late_lines: ``emit`` trusts a line that was added after payment; else it is a notice.
        owns_lms_user_id: the order's meta ``_lms_user_id`` comes from a login, not from a form: use it.
        test_methods: payment methods of test orders.
        is_test: everything is a test: a staging shop.
    """

    url: str = ""
    consumer_key: str = field(default="", repr=False)
    consumer_secret: str = field(default="", repr=False)
    course_meta: str = "_course_id"
    mode_meta: str = "_mode"
    by_sku: bool = True
    unpaid_methods: tuple[str, ...] = ("cod",)
    cancelled_with_money: str = "notice"
    late_lines: str = "notice"
    owns_lms_user_id: bool = False
    test_methods: tuple[str, ...] = ()
    is_test: bool = False

    @classmethod
    def of(cls, source: str, options: Mapping[str, Any]) -> WooCommerceOptions:
        """Checked.

        Raises:
            OperatorError: they are wrong.
        """
        defaults = {option.name: option.default for option in fields(cls)}
        made = cls(**checked(
            source, options, defaults, cancelled_with_money=("notice", "cancellation"), late_lines=("notice", "emit"),
        ))  # fmt: skip
        given = [bool(value) for value in (made.url, made.consumer_key, made.consumer_secret)]
        if any(given) and not all(given):
            raise OperatorError(
                f"source {source}: the REST API needs url, consumer_key and consumer_secret",
                hint="WooCommerce → Settings → Advanced → REST API → Add key, permission Read.",
            )
        if made.url:
            check_url(source, "url", made.url)
        return made

    @property
    def has_api(self) -> bool:
        return bool(self.url)
