"""Product classes and attributes of the archived Open edX ecommerce service, and of any other shop."""

from __future__ import annotations

from typing import Any

import pytest
from oscar.core.loading import get_model

from commerce_events.stores.models import Notice
from tests.oscar_shop.shop import DEMO, OTHER, Shop
from tests.oscar_shop.test_checkout import options

UUID = "0f9c2fd1-6a6c-4a5b-8f34-5f0b3f1a9f4e"


def line_of(shop: Shop, product: Any) -> dict[str, Any]:
    shop.buy(product, user=shop.user())
    ((_, event),) = shop.events
    (line,) = event["lines"]
    return {key: value for key, value in line.items() if value and key not in ("line_id", "sku", "quantity")}


@pytest.mark.parametrize(("class_name", "attributes", "line"), [
    ("Seat", {"course_key": DEMO, "certificate_type": "verified"}, {"product_kind": "course_seat", "mode": "verified"}),
    ("Seat", {"course_key": DEMO}, {"product_kind": "course_seat", "mode": "audit"}),
    (
        "Seat", {"course_key": DEMO, "certificate_type": "credit", "credit_provider": "asu"},
        {"product_kind": "course_seat", "mode": "credit", "credit_provider": "asu"},
    ),
    (
        "Seat", {"course_key": DEMO, "certificate_type": "professional"},
        {"product_kind": "course_seat", "mode": "no-id-professional"},
    ),
    (
        "Seat", {"course_key": DEMO, "certificate_type": "professional", "id_verification_required": "True"},
        {"product_kind": "course_seat", "mode": "professional"},
    ),
    (
        "Course Entitlement", {"UUID": UUID, "certificate_type": "verified"},
        {"product_kind": "course_entitlement", "mode": "verified", "course_uuid": UUID},
    ),
    ("Enrollment Code", {"course_key": DEMO, "seat_type": "verified"}, {"product_kind": "other"}),
    ("Coupon", {}, {"product_kind": "other"}),
    ("Donation", {}, {"product_kind": "donation"}),
    ("Evening class", {"course_key": DEMO, "mode": "honor"}, {"product_kind": "course_seat", "mode": "honor"}),
    ("Evening class", {}, {"product_kind": "course_seat"}),
])  # fmt: skip
def test_each_product_class(shop: Shop, class_name: str, attributes: dict[str, str], line: dict[str, Any]) -> None:
    course = {"course_key": DEMO} if line["product_kind"] == "course_seat" and "course_key" in attributes else {}
    assert line_of(shop, shop.product(attributes, class_name)) == {**course, **line}


def test_the_sku_names_what_has_no_course_unless_it_is_no_course(shop: Shop, settings: Any) -> None:
    shop.buy(shop.product(class_name="Mug", sku="MUG"), user=shop.user())
    options(settings, by_sku=False)
    shop.buy(shop.product(class_name="Mug", sku="MUG-2"), user=shop.user("other"))
    lines = [line for _, event in shop.events for line in event["lines"]]
    assert [(line["sku"], line["product_kind"]) for line in lines] == [("MUG", "course_seat"), ("MUG-2", "other")]


def test_a_variant_has_the_attributes_of_its_parent(shop: Shop) -> None:
    variant = shop.product({"certificate_type": "verified"}, "Seat")
    parent = shop.product({"course_key": OTHER}, "Seat")
    parent.stockrecords.all().delete()
    parent.structure = "parent"
    parent.save()
    get_model("catalogue", "Product").objects.filter(pk=variant.pk).update(
        structure="child", parent=parent, product_class=None
    )
    variant.refresh_from_db()
    line = line_of(shop, variant)
    assert (line["course_key"], line["mode"]) == (OTHER, "verified")


def test_a_deleted_product_leaves_its_sku_and_a_person_is_told(shop: Shop) -> None:
    product = shop.seat(sku="SKU-1")
    order = shop.buy(product, user=shop.user(), by_transfer=True)
    product.delete()
    order.sources.get().debit()
    ((_, event),) = shop.events
    (line,) = event["lines"]
    assert (line["product_kind"], line["sku"], line["course_key"]) == ("course_seat", "SKU-1", None)
    assert list(Notice.objects.values_list("code", "about")) == [("product_gone", line["line_id"])]


@pytest.mark.parametrize(("said", "expected"), [({}, None), ({"line_ids": "course_key"}, DEMO)])
def test_a_seat_can_be_named_by_its_course_as_the_lms_remembers_old_orders(
    shop: Shop, settings: Any, said: dict[str, str], expected: str | None
) -> None:
    options(settings, **said)
    order = shop.buy(shop.seat(), user=shop.user())
    ((_, event),) = shop.events
    assert event["lines"][0]["line_id"] == (expected or str(order.lines.get().pk))


def test_two_lines_for_one_course_are_never_named_by_it(shop: Shop, settings: Any) -> None:
    options(settings, line_ids="course_key")
    order = shop.buy(shop.seat(), shop.seat(mode="credit"), user=shop.user())
    ((_, event),) = shop.events
    assert {line["line_id"] for line in event["lines"]} == {str(line.pk) for line in order.lines.all()}
