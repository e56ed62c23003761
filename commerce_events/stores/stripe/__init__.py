"""Stripe Checkout: events say that something happened; what, the session and its charge say when asked.

A session is the order. Its events never hold its lines, and a refund or a dispute names only the payment; so every
event about money becomes a question, and the answer is one snapshot: the session, its lines, its refunds and disputes.
"""
