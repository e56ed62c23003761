"""Shopify: webhooks of orders, refunds and disputes, and the Admin API."""
