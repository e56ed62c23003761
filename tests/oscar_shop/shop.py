"""The shop as its customers and its staff use it: through Oscar's own views."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from commerce_events import wire
from commerce_events.bus import outbox
from commerce_events.bus.clock import utc_now
from commerce_events.models import Outbox
from commerce_events.stores.asks import answer
from commerce_events.stores.conf import stores
from commerce_events.stores.sweep import sweep
from commerce_events.validation import validate

DEMO, OTHER = "course-v1:edX+Demo+2026", "course-v1:edX+Other+2026"
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


class Shop:
    def __init__(self) -> None:
        Site.objects.get_or_create(pk=1, defaults={"domain": "shop.example.com", "name": "shop"})
        get_model("address", "Country").objects.create(iso_3166_1_a2="US", name="US", is_shipping_country=True)
        for name in ("Refunded", "Paid"):
            get_model("order", "PaymentEventType").objects.create(name=name)
        self.client = Client()

    # what is sold

    def product(
        self, attributes: dict[str, Any] | None = None, class_name: str = "Seat", price: str = "10.00", sku: str = ""
    ) -> Any:
        product_class, _ = get_model("catalogue", "ProductClass").objects.get_or_create(
            name=class_name, defaults={"requires_shipping": False, "track_stock": False}
        )
        for code in attributes or {}:
            get_model("catalogue", "ProductAttribute").objects.get_or_create(
                product_class=product_class, code=code, defaults={"name": code, "type": "text"}
            )
        product = get_model("catalogue", "Product").objects.create(
            product_class=product_class, title="A course", structure="standalone"
        )
        for code, value in (attributes or {}).items():
            setattr(product.attr, code, value)
        product.save()
        partner, _ = get_model("partner", "Partner").objects.get_or_create(name="The shop")
        get_model("partner", "StockRecord").objects.create(
            product=product, partner=partner, partner_sku=sku or f"SKU-{product.pk}", price=price, price_currency="USD"
        )
        return product

    def seat(self, course: str = DEMO, mode: str = "verified", **more: Any) -> Any:
        return self.product({"course_key": course, "certificate_type": mode}, **more)

    # who buys

    def user(self, name: str = "learner") -> Any:
        return get_user_model().objects.create_user(name, f"{name}@example.com", "secret")

    def buy(self, *products: Any, user: Any = None, quantity: int = 1, by_transfer: bool = False) -> Any:
        """Into the basket and through the checkout; the order."""
        self.client = Client()
        if user is not None:
            self.client.force_login(user)
        for product in products:
            added = self.client.post(reverse("basket:add", args=[product.pk]), {"quantity": quantity})
            assert added.status_code == 302, added.content
        if user is None:
            gateway = {"username": "learner@example.com", "options": "anonymous"}
            assert self.client.post(reverse("checkout:index"), gateway).status_code == 302
        for step in ("index", "shipping-address", "shipping-method"):  # which see that nothing is to be shipped
            self.client.get(reverse(f"checkout:{step}"))
        done = self.client.post(
            reverse("checkout:preview"), {"action": "place_order", **({"by_transfer": "1"} if by_transfer else {})}
        )
        assert (done.status_code, done.headers.get("Location")) == (302, reverse("checkout:thank-you")), done.content
        return get_model("order", "Order").objects.order_by("pk").last()

    def staff(self, order: Any, **fields: Any) -> HttpResponse:
        """What staff does on the dashboard's page of an order."""
        client = Client()
        staff, _ = get_user_model().objects.get_or_create(username="staff", is_staff=True, is_superuser=True)
        client.force_login(staff)
        answer = client.post(reverse("dashboard:order-detail", args=[order.number]), fields)
        assert answer.status_code == 302, answer.content
        return answer

    def refund(self, order: Any, seats: dict[Any, int], amount: str) -> HttpResponse:
        return self.staff(
            order, line_action="create_payment_event", payment_event_type="refunded", amount=amount,
            selected_line=[line.pk for line in seats],
            **{f"selected_line_qty_{line.pk}": quantity for line, quantity in seats.items()},
        )  # fmt: skip

    # what is published

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything in the outbox, oldest first: type and content."""
        found = []
        for message in outbox.messages(sorted(set(Outbox.objects.values_list("batch_id", flat=True)))):
            body = wire.decode(message.event_type, message.body)
            validate(message.event_type, body)
            (content,) = body.values()
            found.append((message.event_type, content))
        return found

    def sweep(self) -> int:
        """Ask every store what has changed, and answer what that leaves open; how many events that brought."""
        before = len(self.events)
        for store in stores().values():
            sweep(store, utc_now, BEFORE)
            answer(store, utc_now)
        return len(self.events) - before
