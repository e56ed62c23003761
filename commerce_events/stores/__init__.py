"""From what a store says to order events.

Every store sends a picture of the order as it is now, or its messages in no order; so nothing here reacts to a message.
An adapter turns what it hears into a *snapshot* (:mod:`snapshot`), and :mod:`difference` tells which events are missing
between what was emitted for that order and the snapshot. Whether three deliveries came, one, the same twice, or none
and the sweep found the order: the same events go out.

::

    webhook ──verify──▶ read ──▶ Snapshot ─┐
                          └───▶ Ask ──fetch─┤ difference with what was emitted ──▶ outbox
    sweep ───changed──▶ Ask / Snapshot ─────┘
"""
