"""The settings of the tests, with every line of every log on stderr, and a platform whose errors quote people."""
from __future__ import annotations

from collections.abc import Collection, Sequence

from consumers.fulfillment.gateway import Account, Gateway
from tests.settings import *  # noqa: F403

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"level": "DEBUG", "handlers": ["all"]},
}
COMMERCE_FULFILLMENT = {"SOURCES": {"shop": {}}, "GATEWAY": "tests.proof.loud_settings.quoting"}


def quoting() -> Gateway:
    """Made when it is asked for: the apps are not there yet when settings are read."""
    from consumers.fulfillment.reference.gateway import OneByOneGateway

    class QuotingGateway(OneByOneGateway):
        def accounts(
            self, user_ids: Collection[int], usernames: Collection[str], emails: Collection[str]
        ) -> Sequence[Account]:
            for text in (*usernames, *emails):
                if "quoted" in text:
                    raise ValueError(f"no luck with {text}")
            return super().accounts(user_ids, usernames, emails)

    return QuotingGateway()
