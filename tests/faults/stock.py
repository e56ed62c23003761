"""The stock loop beside ours: in the same runs, on the same topic, under the same faults, counted in the same way.

``python -m tests.faults.stock`` makes a run for each kind of fault and keeps what both lost in
``tests/faults/results/stock.json``, of which docs/generate.py makes a table.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import django
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic
from django.db import connection

from commerce_events import topics
from tests.engines.processes import MANAGE
from tests.faults.plan import CREWS, Fault, Plan, plan
from tests.faults.stock_app import RESULTS, TABLE, told

RESULT = Path(__file__).with_name("results") / "stock.json"
#: Faults of which a table is made: what befalls a consumer, a broker, a database, a registry.
COMPARED = (
    "consumer killed", "consumer paused", "consumer told to stop", "rolling restart", "leader killed",
    "all brokers killed", "broker half-open", "broker reset", "database killed", "database half-open", "commits cut",
    "sessions ended", "database frozen", "registry refuses", "partitions raised",
)  # fmt: skip


def alone(kind: str, seed: int) -> Plan:
    """The plan of a seed with this kind of fault, twice, and no other."""
    chosen = plan(seed)
    sales = tuple(sale for sale in chosen.sales if sale.kind in topics.EVENT_TYPES)
    return replace(chosen, sales=sales, faults=(Fault(3.0, kind, 0, 3.0), Fault(6.5, kind, 1, 2.0)), crew=CREWS[0])


def measure(folder: Path, kinds: list[str], seed: int, say: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """A run for each kind."""
    from tests.faults.engines import Engines
    from tests.faults.run import Run
    from tests.faults.state import State, committed, heard

    class Beside(Run):
        """A run with two stock consumers in it."""

        stock: dict[str, int]

        def _before(self, scene: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
                cursor.execute(f"CREATE TABLE {TABLE} (what varchar(255))")
            topic = topics.full_topic(RESULTS, self.prefix)
            self.admin = self.engines.admin()  # whose answers end with it
            for future in self.admin.create_topics([NewTopic(topic, 3)]).values():
                future.result(10)
            self.group = f"{self.prefix}-stock"
            command = [*MANAGE[1:], "consume_events", "--topic", topics.ORDER_TOPIC, "--group_id", self.group]
            for _ in range(2):
                scene.crew.neighbour(command, {"DJANGO_SETTINGS_MODULE": "tests.faults.stock_settings"})
            until = time.monotonic() + 60
            while not self._has_begun() and time.monotonic() < until:  # it begins at the end of the topic
                time.sleep(0.5)

        def _has_begun(self) -> bool:
            try:
                groups = self.admin.list_groups(self.group, timeout=5)
            except KafkaException:
                return False
            return any(group.state == "Stable" and len(group.members) == 2 for group in groups)

        def _state(self, scene: Any) -> State:
            state = super()._state(scene)
            sent = Counter(told(each.event_type, each.body) for each in state.orders if each.body)
            until = time.monotonic() + 90  # longer than the session of a consumer that was killed
            while not self._has_ended(state) and time.monotonic() < until:
                time.sleep(0.5)
            rows = self._rows()
            results = topics.full_topic(RESULTS, self.prefix)
            answers = heard(self.engines.bootstrap, scene.registry, results)
            answered = {told(each.event_type, each.body) for each in answers if each.body}
            self.stock = {
                "lost": sum(1 for what in sent if not rows[what]),
                "repeated": sum((rows - sent).values()),
                "results lost": sum(1 for what in rows if what not in answered),
                "ends": sum(len(member.ended) for member in scene.crew.neighbours),
            }
            return state

        def _has_ended(self, state: State) -> bool:
            """It has come to the end of the topic, as far as Kafka was told: what it has not received now is lost."""
            told_kafka = committed(self.engines.bootstrap, self.group, state.ends)
            return all(told_kafka.get(at, 0) == end for at, end in state.ends.items())

        def _rows(self) -> Counter[str]:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT what FROM {TABLE}")
                return Counter(row[0] for row in cursor.fetchall())

    found = []
    with Engines() as engines:
        for number, kind in enumerate(kinds):
            run = Beside(engines, alone(kind, seed + number), folder / kind.replace(" ", "-"))
            outcome = run.make()
            events = len({told(name, {"": data}) for name, data in outcome.plan.events()})
            row = {"fault": kind, "database": outcome.plan.database, "events": events, "stock": run.stock,
                   "ours": {name: said[:3] for name, said in outcome.violations.items()}}  # fmt: skip
            say(row)
            found.append(row)
    return found


def keep(row: dict[str, Any]) -> None:
    """Add a row to the table that is kept, in place of an earlier one of the same fault."""
    print(json.dumps(row), flush=True)
    kept = {row["fault"]: row for row in (json.loads(RESULT.read_text()) if RESULT.exists() else [])}
    kept[row["fault"]] = row
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([kept[kind] for kind in COMPARED if kind in kept], indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Exit codes: 0, nothing of ours was violated; 1, something was."""
    parser = argparse.ArgumentParser("python -m tests.faults.stock", description=__doc__)
    parser.add_argument("--kind", action="append", choices=COMPARED, help="this fault alone (may be repeated)")
    parser.add_argument("--seed", type=int, default=1, help="of the first run (default 1)")
    parser.add_argument("--evidence", type=Path, default=Path("reports/stock"), help="where logs are kept")
    said = parser.parse_args(arguments)
    kinds, evidence = said.kind or list(COMPARED), said.evidence.resolve()
    rows = measure(evidence, kinds, said.seed, keep)
    return 1 if any(row["ours"] for row in rows) else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.exit(main(sys.argv[1:]))
