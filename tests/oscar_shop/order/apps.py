from oscar.apps.order.apps import OrderConfig


class Order(OrderConfig):
    name = "tests.oscar_shop.order"
