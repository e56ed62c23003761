"""Fulfillment: a paid order line becomes access to a course; a refund takes it back by the rules of the contract."""
