from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence


def _hash(value: str, salt: str) -> str:
    return hashlib.sha1(salt.encode() + value.lower().encode()).hexdigest()


def get_all_retired_usernames(
    username: str, salt_list: Sequence[str], retired_username_fmt: str = "retired_username_{}"
) -> Iterator[str]:
    return (retired_username_fmt.format(_hash(username, salt)) for salt in salt_list)


def get_all_retired_emails(
    email: str, salt_list: Sequence[str], retired_email_fmt: str = "retired_email_{}@retired.edx.org"
) -> Iterator[str]:
    return (retired_email_fmt.format(_hash(email, salt)) for salt in salt_list)
