"""What is due is due by the database's clock: nobody else's is asked, but where this list says why."""
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CLOCK = re.compile(r"datetime\.now\(|datetime\.utcnow\(|timezone\.now\(|timezone\.now\b|time\.time\(")
#: Files that ask the clock of their own process, and what for. None of it is a time at which something is due.
MAY = {
    "commerce_events/bus/client.py": "the time in a message's headers, where there is no database",
    "commerce_events/bus/sources.py": "when a person changed a store",
    "commerce_events/cli/trigger.py": "the time in a message's headers, where there is no database",
    "commerce_events/gateway/limits.py": "the minute of a rate, for the cache that is shared",
    "commerce_events/management/commands/commerce_dead_letters.py": "when a person decided",
    "commerce_events/management/commands/commerce_gaps.py": "when a person decided",
    "commerce_events/management/commands/commerce_purge.py": "how old is old, in days",
    "commerce_events/objects.py": "a hint quotes it",
    "commerce_events/publishing.py": "when a store published: it is a store's thread, and nothing waits for that time",
    "commerce_events/stores/oscar/adapter.py": "compared with what the shop's own clock wrote",
    "commerce_events/stores/overview.py": "ages, for a person to read",
    "commerce_events/stores/stripe/adapter.py": "how long Stripe keeps its events, in days",
    "commerce_events/stores/unified_ecommerce.py": "the hour of hearing of a payment",
    "commerce_events/testing/builders.py": "example data",
    "commerce_events/testing/results.py": "example data",
    "consumers/fulfillment/adoption.py": "the date of an enrollment that has none",
    "consumers/fulfillment/platform/entitlements.py": "what the platform itself would write",
    "consumers/fulfillment/platform/facts.py": "the platform's refund window, in days",
    "consumers/fulfillment/sweep.py": "when a learner was forgotten",
    "consumers/order_status/hooks/signed_webhook.py": "the time in a signature",
}


def test_no_other_clock_is_asked() -> None:
    found = {
        str(path.relative_to(ROOT))
        for package in ("commerce_events", "consumers") for path in (ROOT / package).rglob("*.py")
        if CLOCK.search(path.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert found == MAY.keys()
