"""A platform that takes its time: five milliseconds for each enrollment, one order per transaction."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from consumers.fulfillment.gateway import Change
from consumers.fulfillment.reference.gateway import OneByOneGateway
from consumers.fulfillment.rules.state import Pair

SECONDS = 0.005


class WaitingGateway(OneByOneGateway):
    """The reference gateway behind a wait, as for mail, search and events of the platform's own."""

    def apply(self, changes: Sequence[Change]) -> Mapping[Pair, str]:
        """Wait, then write."""
        time.sleep(SECONDS * len(changes))
        return super().apply(changes)
