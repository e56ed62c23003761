"""Whether the consumer group has let us in.

Who waits to be let in is given no partition and hears of no error, as one for whom no partition is left; in librdkafka
only the statistics tell the two apart.
"""

from __future__ import annotations

import time

from commerce_events.bus.health import STILL
from commerce_events.exceptions import TransientError

#: Seconds between two looks of librdkafka at itself.
EVERY = 5.0


class Membership:
    """What librdkafka's statistics say of our place in the group."""

    def __init__(self) -> None:
        self._settled = self._asked = time.monotonic()

    def told(self, statistics: str) -> None:
        """The answer to ``stats_cb``. Not parsed: a ``client.id`` stands in it as it is, and may make it no JSON."""
        if '"join_state": "steady"' in statistics:
            self.begin()

    def begin(self) -> None:
        """Count from now."""
        self._settled = time.monotonic()

    def check(self, group: str) -> None:
        """To be asked again and again by who has no partition.

        Raises:
            TransientError: nobody let us in for longer than a stage may stand still.
        """
        now = time.monotonic()
        if now - self._asked > STILL / 2:  # we had partitions, or were stopped ourselves
            self._settled = now
        self._asked = now
        outside = now - self._settled
        if outside > STILL:
            raise TransientError(
                f"the consumer group {group} has not let us in for {outside:.0f} s: its coordinator does not answer, "
                "or waits for a member that hangs"
            )
