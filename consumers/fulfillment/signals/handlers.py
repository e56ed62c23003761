"""Receivers that run inside a learner's own request, and therefore do next to nothing.

They insert one inbox row of an internal type; the handle stage does the work. Anything more would take locks in another
order than the handle stage does and deadlock learners' requests; an error without a savepoint would end them.
"""
from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from django.db.models.signals import post_save

from commerce_events.exceptions import CommerceEventsError

log = logging.getLogger(__name__)

#: What of an account decides who it is, and whether it may be enrolled.
_WATCHED = frozenset({"email", "username", "is_active"})


def connect() -> None:
    """Connect the receivers. Called once, when the app is ready."""
    post_save.connect(
        learner_saved, sender=get_user_model(), dispatch_uid="commerce_fulfillment.learner_saved"
    )


def learner_saved(
    sender: type[Any], instance: Any, created: bool, raw: bool = False,
    update_fields: Collection[str] | None = None, **_: Any,
) -> None:  # fmt: skip
    """An account was made or activated, or changed its e-mail: lines may be waiting for it (R4, R5).

    Whether any does is not asked here: an order that is being decided right now would not be seen.
    """
    if raw or (update_fields is not None and not created and _WATCHED.isdisjoint(update_fields)):
        return  # a login above all, which saves last_login only
    from consumers.fulfillment import resume

    try:
        with transaction.atomic():
            resume.learner_changed(instance.pk)
    except (DatabaseError, CommerceEventsError) as error:
        # The learner's request goes on. The lines keep waiting: the next change, or a person's retry, finds them.
        log.error("lines waiting for user %s were not resumed: %s", instance.pk, type(error).__name__)
