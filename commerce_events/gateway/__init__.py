"""The gateway: a small service that receives stores' webhooks and publishes what is missing.

::

    store ──POST /webhooks/<source>──▶ signature ▶ limits ▶ commerce_events.stores ▶ outbox ──relay──▶ Kafka

A request is answered when its events stand in the outbox, in one transaction, and nothing else is waited for. What
needs a store's own API – questions, the sweep – is done by :mod:`commerce_events.stores.rounds`.
"""
