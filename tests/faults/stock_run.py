"""A run with the stock loop in it: two stock consumers on our order topic, two stock stores on a topic of theirs."""
from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic
from django.db import connection

from commerce_events import topics
from commerce_events.bus.reader import Heard
from commerce_events.models import Inbox
from tests.engines.processes import MANAGE
from tests.faults.crew import Member
from tests.faults.faults import FAULTS
from tests.faults.plan import CANARY
from tests.faults.run import Run
from tests.faults.scene import Scene
from tests.faults.state import State, committed, heard
from tests.faults.stock_app import ORDERS, RECEIVED, RESULTS, SOLD, TABLES, told
from tests.faults.stock_rows import Row
from tests.proof import killer

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.faults.stock_settings"}
#: Longer than the 45 seconds for which Kafka keeps the place of a stock consumer that was killed.
PATIENCE = 120.0


def _store_dies(scene: Scene, which: int, _: float) -> None:
    """One of our stores and one of the stock ones, each at its own point."""
    for member, points in ((_of(scene.crew.stores, which), killer.STORE), (_of(scene.crew.shops, which), killer.SHOP)):
        scene.crew.dies_at(member, f"{list(points)[which // 2 % len(points)]}#{which % 3 + 1}")


def _of(members: Sequence[Member], which: int) -> Member:
    return members[which % len(members)]


class Beside(Run):
    """Ours and the stock loop, under the same faults at the same time.

    Attributes:
        row: what the stock loop is given.
        stock: what it lost.
        ours: what can be said of ours in the same words.
    """

    faults = {**FAULTS, "store dies at a point": _store_dies}
    row: Row
    stock: dict[str, float | None]
    ours: dict[str, float]

    def _before(self, scene: Scene) -> None:
        with connection.cursor() as cursor:
            for table, columns in TABLES.items():
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
                cursor.execute(f"CREATE TABLE {table} ({columns})")
        scene.enrollments.append(RECEIVED)
        self.admin = self.engines.admin()  # whose answers end with it
        wanted = [NewTopic(topics.full_topic(name, self.prefix), 3) for name in (RESULTS, ORDERS)]
        for future in self.admin.create_topics(wanted).values():
            future.result(10)
        self.group = f"{self.prefix}-stock"
        self._has_run_before()
        command = [*MANAGE[1:], "consume_events", "--topic", topics.ORDER_TOPIC, "--group_id", self.group]
        for _ in range(2):
            member = scene.crew.neighbour(command, SETTINGS)
        if self.row.at_points:  # from its beginning: one that is killed later comes back after 45 seconds
            scene.crew.dies_at(member, f"{list(killer.STOCK)[self.plan.seed % len(killer.STOCK)]}#3")
        registry = {"COMMERCE_EVENTS_TEST_REGISTRY": scene.registry} if self.row.cut_off else {}
        for number in range(2):  # they begin when they are told what to sell: their start takes a while
            file = str(self.folder / f"shop-{number}.json")
            scene.crew.shop(["-m", "tests.faults.stock_store", file], {**SETTINGS, **registry})
        until = time.monotonic() + 60
        while not self._has_begun() and time.monotonic() < until:
            time.sleep(0.5)

    def _has_run_before(self) -> None:
        """A new group begins at the end of the topic, and loses what is sold before each partition's first commit; a
        site's group is no new one.
        """
        client = Consumer({"bootstrap.servers": self.engines.bootstrap, "group.id": self.group, "log_level": 0})
        topic = topics.full_topic(topics.ORDER_TOPIC, self.prefix)
        client.commit(offsets=[TopicPartition(topic, number, 0) for number in range(3)], asynchronous=False)
        client.close()

    def _has_begun(self) -> bool:
        try:
            groups = self.admin.list_groups(self.group, timeout=5)
        except KafkaException:
            return False
        return any(group.state == "Stable" and len(group.members) == 2 for group in groups)

    def _sell(self, scene: Scene, spec: dict[str, Any]) -> None:
        if self.row.cut_off:
            spec = {**spec, "registry": scene.registry}
        super()._sell(scene, spec)
        for number in range(2):
            own = {**spec, "sales": [sale for sale in self.plan.sales if sale.store == number]}
            file = self.folder / f"shop-{number}.json"
            file.with_suffix(".new").write_text(json.dumps(own), encoding="utf-8")
            file.with_suffix(".new").rename(file)  # whole, or not there

    def _state(self, scene: Scene) -> State:
        state = super()._state(scene)
        began = time.time() - (time.monotonic() - self._begin)
        sent = [each for each in state.orders if each.body]
        until = time.monotonic() + PATIENCE
        while not (self._have_sold(scene) and not self._left(sent)) and time.monotonic() < until:
            time.sleep(0.5)
        gone, left = [each for each, _ in state.deleted if each.body], self._left(sent)
        handled = [(what, at) for _, at, what in _rows(f"SELECT id, at, what FROM {RECEIVED}")]
        answers = heard(self.engines.bootstrap, scene.registry, topics.full_topic(RESULTS, self.prefix))
        published = heard(self.engines.bootstrap, scene.registry, topics.full_topic(ORDERS, self.prefix))
        sold = [what for _, what in _rows(f"SELECT id, what FROM {SOLD}")]
        self.stock = {
            **consumed(names(gone + sent), names(left), names(answers), [what for what, _ in handled]),
            "out of order": out_of_order(names(sent), [what for what, _ in handled]),
            "thrown away": sum(1 for each in state.orders if not each.body),
            "longest silence": silence(at for _, at in handled),
            "first": round(min(at for _, at in handled) - began, 1) if handled else None,
            "ends": sum(len(member.ended) for member in scene.crew.neighbours),
            "named": sum(member.log.read_text(errors="replace").count(CANARY) > 0 for member in scene.crew.neighbours),
            "sold": len(sold), "never published": len(set(sold) - set(names(published))),
            "never sold": len(set(names(published)) - set(sold)),
        }  # fmt: skip
        when = Inbox.objects.filter(handled_at__isnull=False).values_list("handled_at", flat=True)
        self.ours = {"longest silence": silence(at.timestamp() for at in when)}
        return state

    def _have_sold(self, scene: Scene) -> bool:
        return all(member.over for member in scene.crew.shops)

    def _left(self, sent: Sequence[Heard]) -> list[Heard]:
        """What Kafka was not told of; all else was received, and is lost where it was not handled."""
        places = dict.fromkeys(((each.topic, each.partition) for each in sent), 0)
        try:
            said = committed(self.engines.bootstrap, self.group, places)
        except KafkaException:  # a coordinator is being chosen
            return list(sent)
        return [each for each in sent if each.offset >= said.get((each.topic, each.partition), 0)]


def _rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY id")
        return list(cursor.fetchall())


def names(messages: Iterable[Heard]) -> list[str]:
    """Events as the tables name them, in the order of their times."""
    return [told(each.event_type, each.body) for each in sorted(messages, key=lambda each: each.at) if each.body]


def consumed(
    sent: Sequence[str], left: Sequence[str], answered: Sequence[str], handled: Sequence[str]
) -> dict[str, int]:
    """What became of the events.

    Returns:
        ``events``; of these were ``lost`` (received, not handled) or ``left`` (not received); ``repeated``: handled
        more often than sent; ``results lost``: handled, and no result; ``results of nothing``: the other way round.
    """
    have = Counter(handled)
    missing = set(sent) - set(have)
    return {
        "events": len(set(sent)), "lost": len(missing - set(left)), "left": len(missing & set(left)),
        "repeated": sum((have - Counter(sent)).values()),
        "results lost": len(set(have) - set(answered)), "results of nothing": len(set(answered) - set(have)),
    }  # fmt: skip


def out_of_order(right: Iterable[str], found: Iterable[str]) -> int:
    """Orders whose events came in another order than they were sent: of those on both sides, each the first time."""
    wanted, came = _by_order(right), _by_order(found)
    both = {key: (wanted.get(key, []), there) for key, there in came.items()}
    return sum([each for each in a if each in b] != [each for each in b if each in a] for a, b in both.values())


def _by_order(events: Iterable[str]) -> Mapping[str, list[str]]:
    kept: dict[str, list[str]] = defaultdict(list)
    for what in dict.fromkeys(events):
        kept[what.split(" ")[0]].append(what)
    return kept


def silence(times: Iterable[float]) -> float:
    """Seconds between two events that were handled one after the other, at most."""
    return round(max((after - before for before, after in pairwise(sorted(times))), default=0.0), 1)
