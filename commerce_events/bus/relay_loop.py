"""The third stage, round by round: what was committed is published, while the lease is ours."""

from __future__ import annotations

import logging

from commerce_events import topics
from commerce_events.bus import clients, closing, kafka, refusals
from commerce_events.bus.codec import Encoder
from commerce_events.bus.failures import summary
from commerce_events.bus.guard import RELAY_LEASE
from commerce_events.bus.lease import Lease
from commerce_events.bus.mirror import Mirror
from commerce_events.bus.relay import Relay, source
from commerce_events.bus.run import AWAY, Run

log = logging.getLogger(__name__)


class RelayLoop:
    """Publishes until the run ends."""

    def __init__(self, run: Run) -> None:
        self.state = run
        settings = run.settings
        self.relay = Relay(
            lambda: clients.producer(settings),
            Encoder(run.registry, settings["REGISTER_SCHEMAS"]),
            Lease(RELAY_LEASE, settings["LEASE"]),
            settings.full_topic,
            source(settings.installation),
        )
        wanted = settings["MIRROR_DEAD_LETTERS"]
        self.mirror = Mirror(lambda: clients.producer(settings), settings.full_topic) if wanted else None

    def run(self) -> None:
        """Publish, until the run ends, and then what is left."""
        try:
            if self.state.patiently("relay", self._let_in):
                while not self.state.stopping.is_set():
                    self.state.patiently("relay", self.once)
                self._last()
        finally:
            self.relay.close()

    def _let_in(self) -> None:
        """Ask the broker anything before the first round: whom it does not let in would wait for ever.

        Afterwards a refusal is waited for, as an outage is: nothing is lost meanwhile.

        Raises:
            OperatorError: it refuses our login or certificate.
        """
        troubles, settings = refusals.Troubles(), self.state.settings
        client = clients.onlooker(settings, troubles)
        try:
            with troubles.explained(client):
                kafka.partitions(client, settings.full_topic(topics.FULFILLMENT_TOPIC))
        finally:
            closing.close(client)

    def once(self) -> None:
        """One round."""
        state = self.state
        state.trust()
        state.begin_round("relay")
        sent = self.relay.run()
        state.totals.published += sent
        state.health.beat("relay")
        state.idle["relay"] = not sent
        if not sent and not self._mirrored():
            state.rest("relay")

    def _mirrored(self) -> int:
        """What nobody waits for comes after everything that somebody waits for."""
        return self.mirror.run(self.state.clock()) if self.mirror is not None and self.relay.lease.held else 0

    def _last(self) -> None:
        """One more round on the way out: what was committed a moment ago need not wait for the next start."""
        try:
            if self.state.failure is None and not self.state.suspicious.is_set():
                self.state.totals.published += self.relay.run()
        except AWAY as error:
            log.info("left for the next start: %s", summary(error))
