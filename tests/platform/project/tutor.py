"""As deployments do: a module behind production, so behind the plugins, sets the bus once more."""
from __future__ import annotations

import os

from tests.platform.project.production import *  # noqa: F403

EVENT_BUS_TOPIC_PREFIX = os.environ.get("COMMERCE_EVENTS_TEST_PREFIX", "dev")
EVENT_BUS_CONSUMER = "commerce_events.bus.consumer.create_consumer"
