"""django-oscar, and the archived Open edX ecommerce service that was built on it: in the shop's own process.

Nothing comes by webhook. The Django app ``commerce_events.stores.oscar`` hears the shop's signals and writes what is
missing to the outbox; the sweep reads the order table and finds what a process that died has not told.
"""
