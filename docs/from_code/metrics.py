"""The page of metrics, from the tables that the code tells them by."""
from __future__ import annotations

from commerce_events.bus.metrics import COUNTERS, PREFIX, TIMES, gauges

from .rst import code, heading, note, table


def page() -> str:
    """Every metric by its full name, and how to ask for them."""
    text = note("commerce_events/bus/metrics.py") + heading("Metrics", "#")
    text += (
        "``consume_commerce_events --metrics 127.0.0.1:9464``, or ``METRICS`` in ``COMMERCE_EVENTS``, has Prometheus\n"
        "ask at ``http://127.0.0.1:9464/metrics``. It needs ``pip install 'openedx-commerce-events[metrics]'``.\n"
        "Nothing protects the address: let it be one that only Prometheus can reach. No label names a learner, an\n"
        "order or a course.\n\n"
    )
    text += heading("What this process did", "*")
    text += table(("Counter", "Counts"), ((code(f"{PREFIX}{name}_total"), said) for name, said in COUNTERS.items()))
    text += heading("How it stands", "*")
    text += (
        "What waits is the whole site's, so ask one process, or take the highest of all. The database's answer is\n"
        f"kept for {TIMES:.0f} times as long as it took, and for 10 seconds at least.\n\n"
    )
    text += table(("Gauge", "Says"), ((code(f"{PREFIX}{name}"), said) for name, said in gauges().items()))
    text += (
        "The client library adds ``process_…`` (processor time, memory, open files) and ``python_info``.\n\n"
    )
    text += heading("Alarms to begin with", "*")
    text += table(("When", "Look at"), (
        (code("commerce_events_stage_up == 0") + " for 5 minutes", ":doc:`../how-tos/consumer-stopped`"),
        (code("commerce_events_halted_partitions > 0"), "``manage.py commerce_gaps``"),
        (code("commerce_events_breaker_open == 1"), ":doc:`../how-tos/platform-down`"),
        (code("commerce_events_due_oldest_seconds > 300"), "``commerce-events doctor``: does anybody handle?"),
        (code("commerce_events_unsent_oldest_seconds > 300"), "``commerce-events doctor``: does anybody publish?"),
        (code("commerce_events_held_events > 0"), "``manage.py commerce_retry``"),
        (code("commerce_events_set_aside_deliveries > 0"), "``manage.py commerce_stores deliveries``"),
        (code("commerce_events_unseen_notices > 0"), "``manage.py commerce_stores notices``"),
        (code("commerce_events_open_asks_oldest_seconds > 3600"), "``manage.py commerce_stores asks``"),
        (code("commerce_events_unswept_seconds > 3600"), "``manage.py commerce_stores list``: does it work?"),
        (code("commerce_events_open_dead_letters > 0"), "``manage.py commerce_dead_letters``"),
    ))  # fmt: skip
    return text
