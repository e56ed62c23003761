"""The public interface is the package root's ``__all__``; a name that goes makes a major version."""
from __future__ import annotations

import subprocess
import sys

import commerce_events

PUBLIC = """
    CommerceEventsError ContractError EVENT_TYPES FULFILLMENT_COMPLETED FULFILLMENT_DEFERRED FULFILLMENT_FAILED
    FULFILLMENT_RETAINED FULFILLMENT_REVOKED FULFILLMENT_SKIPPED FulfillmentData LearnerData ORDER_PAID ORDER_REFUNDED
    OperatorError OrderData OrderLineData PermanentError REFUND_REQUESTED RefundData RefundLineData RefundRequestData
    TOPICS TransientError __version__ decode encode from_dict order_key publish_order_paid publish_order_refunded
    to_dict validate
""".split()

WITHOUT_DJANGO = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"confluent_kafka", "django", "edx_event_bus_kafka", "openedx_events"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
import commerce_events
for name in commerce_events.__all__:
    try:
        getattr(commerce_events, name)
    except ModuleNotFoundError as error:
        print(name, error)
"""


def test_the_public_names_are_these() -> None:
    assert sorted(commerce_events.__all__) == sorted(PUBLIC)


def test_every_public_name_is_there_and_explains_itself() -> None:
    silent = [
        name for name in PUBLIC
        if callable(getattr(commerce_events, name)) and not (getattr(commerce_events, name).__doc__ or "").strip()
    ]  # fmt: skip
    assert silent == []


def test_without_django_and_kafka_only_signals_and_the_outbox_are_missing_and_say_what_to_install() -> None:
    lines = subprocess.run(
        [sys.executable, "-c", WITHOUT_DJANGO], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    signals = {name for name in PUBLIC if name.isupper() and name not in ("EVENT_TYPES", "TOPICS")}
    missing = {line.split()[0]: line for line in lines}
    assert missing.keys() == signals | {"publish_order_paid", "publish_order_refunded"}
    for name, line in missing.items():
        extra = "lms" if name in signals else "django"
        assert f"pip install 'openedx-commerce-events[{extra}]'" in line
