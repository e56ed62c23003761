"""One round of handling: what it tells the health file, and whom it lets through."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from commerce_events.bus import diagnosis
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.handle_loop import HandleLoop
from commerce_events.bus.run import Options, Run
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import Bus, paid
from tests.unit.bus.test_breaker import Away


class Restless(Run):
    """Nothing is waited for."""

    def rest(self, stage: str, seconds: float = 0) -> None:
        pass


def test_an_open_breaker_is_seen_until_it_closes(database: TestDatabase, tmp_path: Path) -> None:
    file, handler = tmp_path / "health", Away()
    bus = Bus(handler, straight=False)
    bus.take(*(paid(str(i)) for i in range(12)))
    settings = bus_settings(HEALTH_FILE=str(file), BREAKER_WINDOW=10, BREAKER_SUCCESSES=3)
    handlers = dict.fromkeys(handler.event_types, handler)
    run = Restless(settings, handlers, Options(frozenset({"handle"})), lambda: bus.now)
    loop = HandleLoop(run)
    with ThreadPoolExecutor(1) as pool:

        def look() -> None:
            bus.now += timedelta(seconds=31)
            loop.round(pool)

        look()
        look()
        assert file.read_text().startswith("handle waits: the breaker is open, the last failure was TransientError (")
        (tried,) = (row for row in diagnosis.queues() if "breaker" in row.about)
        assert (tried.state, int(tried.says) > 0, "platform-down" in tried.hint) == (diagnosis.WARNING, True, True)
        calls = len(handler.calls)
        look()
        assert len(handler.calls) <= calls + 2, "one order, first as a whole and then its first event"
        handler.is_away = False
        for _ in range(6):
            look()
        assert file.read_text() == "ok\n"
        assert {row.state for row in diagnosis.queues() if "breaker" in row.about} == {diagnosis.OK}
