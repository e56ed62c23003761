"""Saleor: snapshots of the order, signed with the shop's own key.

Whatever happens to an order, Saleor sends the whole order as it is *when the webhook is delivered*: names of events say
little, ``isPaid`` less. What did happen is in the events of its transactions, which are kept for ever; so the story of
an order's money is told from those (:mod:`money`), by whichever delivery, and the rest is reading (:mod:`orders`).
"""
