"""Identities as digests: what is looked up is 32 bytes, never text (see ``commerce_events.bus.fields``)."""
from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from commerce_events import identity
from consumers.fulfillment.rules.learner import fold
from consumers.fulfillment.rules.state import Pair


@lru_cache(maxsize=16384)
def of_pair(pair: Pair) -> bytes:
    """Of one learner in one course. Asked several times within a group, hence remembered. An id holds no colon."""
    return sha256(f"{pair[0]}:{pair[1]}".encode()).digest()


@lru_cache(maxsize=4096)
def of_line(line_id: str) -> bytes:
    """Of a line within its order."""
    return identity.text_digest(line_id)


@lru_cache(maxsize=4096)
def of_course(course_key: str) -> bytes:
    """Of a course."""
    return identity.text_digest(course_key)


def of_names(username: str, email: str) -> list[bytes]:
    """Everything that an account is called by."""
    return [of_username(username), *([of_email(email)] if email else [])]


def of_email(email: str) -> bytes:
    """Under which a registration finds the lines that wait for its address."""
    return identity.text_digest("email", fold(email))


def of_username(username: str) -> bytes:
    """Under which a registration finds the lines that wait for its user name. Which case fits is decided later."""
    return identity.text_digest("username", username.lower())
