from oscar.apps.checkout.apps import CheckoutConfig


class Checkout(CheckoutConfig):
    name = "tests.oscar_shop.checkout"
