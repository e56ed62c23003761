"""What ``commerce-events doctor`` says of the ledger: order lines that a person, or their learner, keeps waiting."""
from __future__ import annotations

from collections.abc import Iterator

from commerce_events.bus.types import OK, WARNING, Finding
from consumers.fulfillment.models import Grant

_SHOW = (
    "manage.py shell -v 0 -c \"from consumers.fulfillment.models import Grant; "
    "print(*Grant.objects.filter(state='{state}').values_list('order_key', 'line_id', 'reason'), sep='\\n')\""
    " lists them; docs/how-tos/consumer-stopped.rst says how to retry or discard."
)


def lines() -> Iterator[Finding]:
    """Held lines need a person; waiting ones are in order."""
    for state, found in (("held", WARNING), ("waiting", OK)):
        count = Grant.objects.filter(state=state).count()
        yield Finding(
            f"{state} order lines", found if count else OK, str(count), _SHOW.format(state=state) if count else ""
        )
