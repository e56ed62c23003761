"""What we ask Saleor for: in the subscription of the webhook, and in the sweep. One fragment, one reading.

The app needs MANAGE_ORDERS, and MANAGE_USERS for ``user``. A field it may not read nulls what holds it, without a word:
add none that needs more. Saleor's default payload, without a subscription, does not hold what is needed.
"""

from __future__ import annotations

import sys

ORDER = """
fragment CommerceEventsOrder on Order {
  id number created updatedAt status origin isPaid chargeStatus userEmail
  user { id email isConfirmed metadata { key value } }
  channel { slug }
  total { gross { amount currency } } totalCharged { amount } totalRefunded { amount }
  lines {
    id quantity productSku productVariantId totalPrice { gross { amount } }
    variant { id sku metadata { key value } product { id metadata { key value } } }
  }
  grantedRefunds { id createdAt status amount { amount } lines { id quantity orderLine { id } } }
  transactions { id events { id type amount { amount } createdAt } }
  payments { id isActive chargeStatus total { amount } capturedAmount { amount }
             transactions { id kind isSuccess created amount { amount } } }
  fulfillments { id status created totalRefundedAmount { amount } lines { id quantity orderLine { id } } }
  events { id type date lines { orderLine { id } } }
  metadata { key value }
}
""".strip()

#: For the webhook of the app; ``python -m commerce_events.stores.saleor.queries`` writes it.
SUBSCRIPTION = (
    """
subscription {
  event {
    __typename issuedAt version
    ... on OrderCreated { order { ...CommerceEventsOrder } }
    ... on OrderConfirmed { order { ...CommerceEventsOrder } }
    ... on OrderUpdated { order { ...CommerceEventsOrder } }
    ... on OrderPaid { order { ...CommerceEventsOrder } }
    ... on OrderFullyPaid { order { ...CommerceEventsOrder } }
    ... on OrderRefunded { order { ...CommerceEventsOrder } }
    ... on OrderFullyRefunded { order { ...CommerceEventsOrder } }
    ... on OrderCancelled { order { ...CommerceEventsOrder } }
  }
}
""".strip()
    + "\n"
    + ORDER
)

#: The sweep: what changed since, oldest first. Drafts are not among ``orders``.
CHANGED = (
    """
query CommerceEventsChanged($since: DateTime!, $first: Int!, $after: String) {
  orders(filter: {updatedAt: {gte: $since}}, sortBy: {field: LAST_MODIFIED_AT, direction: ASC},
         first: $first, after: $after) {
    edges { node { ...CommerceEventsOrder } }
    pageInfo { hasNextPage endCursor }
  }
}
""".strip()
    + "\n"
    + ORDER
)

#: One order, by its id.
ONE = "query CommerceEventsOne($id: ID!) { order(id: $id) { ...CommerceEventsOrder } }\n" + ORDER

if __name__ == "__main__":
    sys.stdout.write(f"{SUBSCRIPTION}\n")
