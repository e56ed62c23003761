"""Everything that names somebody is looked through and scrubbed (R34): events, dead letters, and what still waits.

The handle stage scrubs the orders that the ledger knows a retired learner by (:mod:`consumers.fulfillment.retirement`).
An order that failed at once is not known by its learner, an order may come after its learner has gone, and a message
that could not be read belongs to no order. So this reads the tables, by the primary key and in chunks; it can be
stopped at any point and begun again.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Q

from commerce_events.bus import inbox
from commerce_events.bus.retention import CHUNKS, Step, chunks
from commerce_events.exceptions import OperatorError
from commerce_events.models import DeadLetter, Inbox
from consumers.fulfillment import digests, retirement
from consumers.fulfillment.gateway import Account, Gateway
from consumers.fulfillment.models import Grant, WaitingLine
from consumers.fulfillment.retirement import Person
from consumers.fulfillment.rules.decide import LINES_DISCARDED, ORDER_RESUME

#: People looked for in one pass; each adds conditions to the statement.
TOGETHER = 25
#: Of dead letters that held somebody's data.
FORGOTTEN = "emptied: it named a learner who has retired"


@dataclass(frozen=True)
class Sought:
    """Somebody to be forgotten, and the words by which a text that may name them is found."""

    person: Person
    words: tuple[str, ...]

    @classmethod
    def of(cls, lms_user_id: int | None, names: Iterable[tuple[str, str]]) -> Sought:
        """Arguments: ``names`` are the pairs of user name and e-mail address that they had, either of them empty."""
        known = sorted(set(names))
        words = {word for pair in known for word in pair if word}
        found = [digests.of_username(username) for username, _ in known if username]
        found += [digests.of_email(email) for _, email in known if email]
        return cls(Person(lms_user_id, frozenset(found)), tuple(sorted(words)))


def everybody(gateway: Gateway) -> list[Sought]:
    """Everybody whom the platform is retiring now."""
    return [_retired(account.lms_user_id, [account], gateway) for account in gateway.once_called(None)]


def somebody(gateway: Gateway, lms_user_id: int | None, username: str, email: str) -> Sought:
    """One person, by whatever is known of them.

    Raises:
        OperatorError: these are two people, or the account has not retired: its lines would be fulfilled.
    """
    accounts = gateway.accounts(
        [] if lms_user_id is None else [lms_user_id], [username] if username else [], [email.lower()] if email else []
    )
    ids = {account.lms_user_id for account in accounts}
    if len(ids) > 1:
        raise OperatorError(
            f"these are {len(ids)} accounts: {', '.join(map(str, sorted(ids)))}",
            hint="Name one of them by --user-id alone.",
        )
    if not ids:
        if lms_user_id is not None:
            raise OperatorError(f"there is no account {lms_user_id}", hint="Name them by --email or --username.")
        return Sought.of(None, [(username, email)])
    if not any(account.is_retired for account in accounts):
        raise OperatorError(
            f"account {next(iter(ids))} has not retired: what waits for them would be fulfilled, not ended",
            hint="Retire the account in the LMS first, then run this again.",
        )
    return _retired(next(iter(ids)), [*accounts, Account(0, username, email, False)], gateway)


def _retired(lms_user_id: int, accounts: Iterable[Account], gateway: Gateway) -> Sought:
    called = [*accounts, *gateway.accounts([lms_user_id], [], []), *gateway.once_called([lms_user_id])]
    return Sought.of(lms_user_id, [(account.username, account.email) for account in called])


def lines(people: Sequence[Sought], is_dry: bool, actor: str) -> Iterator[Step]:
    """End what is open of these people's orders: each is decided once more, and finds that they have retired.

    An address that no account ever had cannot be found retired; what waits for it is given up.
    """
    for number, sought in enumerate(people, 1):
        user, names = sought.person.lms_user_id, list(sought.person.names)
        waits = Q(username_digest__in=names) | Q(email_digest__in=names)
        found: list[tuple[str, str]] = []
        if user is not None:
            waits |= Q(lms_user_id=user)
            held = Grant.objects.filter(lms_user_id=user, state="held", found="")  # reads the table
            found += held.values_list("order_key", "line_id")
        found += WaitingLine.objects.filter(waits).values_list("order_key", "line_id")
        chosen: dict[str, list[str]] = {}
        for order_key, line_id in sorted(found):
            chosen.setdefault(order_key, []).append(line_id)
        if not is_dry:
            event_type = LINES_DISCARDED if user is None else ORDER_RESUME
            for key, line_ids in chosen.items():
                inbox.enqueue(event_type, key, {"order_key": key, "line_ids": line_ids, "actor": actor})
        yield Step(number / len(people), len(found))


def events(people: Sequence[Sought], is_dry: bool) -> Iterator[Step]:
    """Scrub what was received about these people."""
    everyone = [sought.person for sought in people]
    condition = Q()
    for sought in people:
        for word in sought.words:
            condition |= Q(payload__icontains=orjson.dumps(word).decode()[1:-1])
        if sought.person.lms_user_id is not None:
            condition |= Q(payload__contains=f'"lms_user_id":{sought.person.lms_user_id},')
    for first, last, done in chunks(Inbox, CHUNKS[Inbox]):
        with transaction.atomic():
            rows = Inbox.objects.filter(condition, pk__range=(first, last)).exclude(payload="")
            changed = retirement.scrub(rows.values_list("id", "payload"), *everyone)
            if is_dry:
                transaction.set_rollback(True)
        yield Step(done, changed)


def letters(people: Sequence[Sought], is_dry: bool, actor: str) -> Iterator[Step]:
    """Empty dead letters that hold one of these words, and settle those that are open: nothing is left to be read."""
    words = [form for sought in people for word in sought.words for form in _forms(word)]
    for first, last, done in chunks(DeadLetter, CHUNKS[DeadLetter]):
        with transaction.atomic():
            here = DeadLetter.objects.filter(pk__range=(first, last))
            named = [row.pk for row in here if _names(row, words)]
            if not is_dry:
                rows = DeadLetter.objects.filter(pk__in=named)
                rows.update(value=None, key=None, headers="")
                rows.filter(state=DeadLetter.State.OPEN).update(
                    state=DeadLetter.State.DISCARDED, resolution=f"{FORGOTTEN} ({actor})", resolved_at=datetime.now(UTC)
                )
        yield Step(done, len(named))


def _forms(word: str) -> list[bytes]:
    """How a word stands in bytes: an address says who it is; a name must be a whole value, of JSON or of Avro."""
    text = word.lower().encode()
    return [text] if "@" in word else [b'"%b"' % text, bytes([len(text) * 2 % 256]) + text]


def _names(row: DeadLetter, words: Iterable[bytes]) -> bool:
    held: list[Any] = [row.key, row.value, row.headers.encode()]
    text = b"\n".join(bytes(part).lower() for part in held if part)
    return any(word in text for word in words)
