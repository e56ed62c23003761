"""What ``commerce-events doctor`` says of the ledger: order lines that a person, or their learner, keeps waiting."""
from __future__ import annotations

from collections.abc import Collection, Iterator

from commerce_events.bus.types import OK, WARNING, Finding
from commerce_events.models import Inbox
from consumers.fulfillment.models import Grant

_SHOW = "manage.py commerce_retry --state {state} lists them, retries and discards."


def shadow(said: bool | Collection[str]) -> Iterator[Finding]:
    """Shadow mode is on, or was and left something behind."""
    count = Inbox.objects.filter(state=Inbox.State.SHADOW).count()
    if said:
        of = "every store" if said is True else ", ".join(sorted(said))
        yield Finding(
            "shadow mode", WARNING, f"on for {of}: nobody is enrolled and nothing is published; {count} events decided",
            "manage.py commerce_shadow compares. COMMERCE_FULFILLMENT['SHADOW'] = False ends it.",
        )  # fmt: skip
    else:
        yield Finding(
            "shadow mode", WARNING if count else OK, f"off; {count} events were decided in it and not acted upon",
            "manage.py commerce_shadow compares; commerce_shadow act has them handled." if count else "",
        )  # fmt: skip


def lines() -> Iterator[Finding]:
    """Held lines need a person; waiting ones are in order."""
    for state, found in (("held", WARNING), ("waiting", OK)):
        count = Grant.objects.filter(state=state).count()
        yield Finding(
            f"{state} order lines", found if count else OK, str(count), _SHOW.format(state=state) if count else ""
        )
