"""WooCommerce: webhooks of orders and the REST API, version 3."""
