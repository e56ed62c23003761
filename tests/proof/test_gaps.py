"""A log that changes under our feet: a topic made anew, offsets expired. Seen, told, halted; gone on by decision."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from commerce_events import topics
from commerce_events.models import Gap, Position
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.proof import checkers
from tests.proof.shop import Shop
from tests.proof.steady import all_done, eventually

SETTINGS = {"SESSION_TIMEOUT": 6}

pytestmark = pytest.mark.real


def _run(processes: Processes, *flags: str) -> tuple[int, str]:
    ended = processes.manage("consume_commerce_events", "--until-idle", *flags, settings=SETTINGS)
    return ended.returncode, ended.stdout + ended.stderr


def _again(admin: AdminClient, topic: str, partitions: int = 3) -> None:
    """Delete a topic and make it again under its name."""
    admin.delete_topics([topic])[topic].result(20)
    until = time.monotonic() + 20
    while True:
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
            return
        except KafkaException:  # the deletion is still under way
            assert time.monotonic() < until
            time.sleep(0.2)


@pytest.mark.parametrize("more", [True, False], ids=["more messages than before", "fewer messages than before"])
def test_a_topic_made_anew_under_its_name_halts_until_somebody_decides(
    more: bool, postgresql: Any, broker: Broker, shop: Shop, prefix: str, processes: Processes
) -> None:
    for number in range(6):
        shop.paid(number)
    assert _run(processes, "--from", "earliest")[0] == 0
    _again(AdminClient({"bootstrap.servers": broker.bootstrap}), topics.full_topic(topics.ORDER_TOPIC, prefix))
    shop.reconnect()  # the client remembers for a while that the topic was gone
    for number in range(6, 26 if more else 8):
        shop.paid(number)

    code, said = _run(processes)
    assert code == 5, said
    assert "ALARM gap" in said and "commerce_gaps" in said and "made again under its name" in said
    assert set(Gap.objects.values_list("reason", flat=True)) == {"topic_recreated"}
    assert Position.objects.exclude(halted="").count() == 3

    looked = processes.manage("commerce_gaps", "--accept", "all")
    assert looked.returncode == 0 and "Nothing was changed" in looked.stdout, looked.stderr
    assert Position.objects.exclude(halted="").count() == 3
    decided = processes.manage("commerce_gaps", "--accept", "all", "--yes", "--by", "operator")
    assert decided.returncode == 0, decided.stderr
    assert _run(processes)[0] == 0
    checkers.nothing_waits()
    checkers.seats_are_right(shop)
    assert not Gap.objects.filter(resolved_at=None).exists()


@pytest.mark.parametrize("running", [False, True], ids=["at the start", "below a running process"])
def test_partitions_that_a_topic_made_anew_does_not_have_are_gaps_too(
    running: bool, mariadb: Any, broker: Broker, shop: Shop, prefix: str, processes: Processes
) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    for number in range(6):
        shop.paid(number)
    assert _run(processes, "--from", "earliest")[0] == 0
    if running:
        process = processes.consume(settings={**SETTINGS, "TOPIC_CHECK": 1})
        shop.paid(6)
        eventually(lambda: all_done(7), "it is at work")
    stood = dict(Position.objects.values_list("partition", "offset"))
    _again(AdminClient({"bootstrap.servers": broker.bootstrap}), topic, partitions=1)
    if running:
        eventually(lambda: Gap.objects.count() == 3, "every partition has its gap", 40)
        process.stop()
    else:
        assert _run(processes)[0] == 5
    assert {gap.partition: gap.from_offset for gap in Gap.objects.all()} == stood
    assert set(Gap.objects.values_list("reason", flat=True)) == {"topic_recreated"}

    looked = processes.manage("commerce_gaps", "--accept", "all")
    assert "its position is forgotten" in looked.stdout and Position.objects.count() == 3, looked.stderr
    decided = processes.manage("commerce_gaps", "--accept", "all", "--yes", "--by", "operator")
    assert decided.returncode == 0, decided.stderr
    assert not Gap.objects.filter(resolved_at=None).exists()
    assert list(Position.objects.values_list("partition", "halted")) == [(0, "")]
    shop.reconnect()
    shop.paid(7)
    assert _run(processes)[0] == 0
    checkers.nothing_waits()
    checkers.seats_are_right(shop)


def test_a_topic_made_anew_is_told_as_what_it_is_also_before_the_next_look_at_its_id(
    mariadb: Any, broker: Broker, shop: Shop, prefix: str, processes: Processes
) -> None:
    """A position beyond the new log's end is found out by reading: that must not be told as a log cut short."""
    for number in range(6):
        shop.paid(number)
    process = processes.consume("--from", "earliest", settings={**SETTINGS, "TOPIC_CHECK": 600})
    eventually(lambda: all_done(6), "it is at work")
    beyond = Position.objects.filter(offset__gt=0).count()
    _again(AdminClient({"bootstrap.servers": broker.bootstrap}), topics.full_topic(topics.ORDER_TOPIC, prefix))
    eventually(lambda: Gap.objects.count() == beyond, "every partition that was read has its gap", 40)
    process.stop()
    assert set(Gap.objects.values_list("reason", flat=True)) == {"topic_recreated"}
    assert all(gap.new_topic_id not in ("", gap.old_topic_id) for gap in Gap.objects.all())


def test_expired_offsets_halt_their_partition_and_no_other(
    mariadb: Any, broker: Broker, shop: Shop, prefix: str, processes: Processes
) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    for number in range(3):
        shop.paid(number)
    assert _run(processes, "--from", "earliest")[0] == 0
    for number in range(3, 15):
        shop.paid(number)
    stand = max(Position.objects.filter(topic=topic), key=lambda row: shop.end(topic, row.partition) - row.offset)
    end = shop.end(topic, stand.partition)
    assert end > stand.offset
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.delete_records([TopicPartition(topic, stand.partition, end)]).values():
        future.result(20)

    code, said = _run(processes)
    assert code == 5 and "ALARM gap" in said and "retention" in said, said
    gap = Gap.objects.get()
    assert (gap.reason, gap.partition, gap.from_offset, gap.to_offset) == (
        "offsets_expired",
        stand.partition,
        stand.offset,
        end,
    )
    for row in Position.objects.filter(topic=topic).exclude(partition=stand.partition):
        assert row.offset == shop.end(topic, row.partition), "the other partitions go on"


def test_messages_that_expired_in_a_partition_nobody_had_read_yet_are_a_gap_too(
    postgresql: Any, broker: Broker, shop: Shop, prefix: str, processes: Processes
) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    shop.paid(0)
    assert _run(processes, "--from", "earliest")[0] == 0
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_partitions([NewPartitions(topic, 12)])[topic].result(20)
    shop.reconnect()
    for number in range(1, 40):
        shop.paid(number)
    added = max(range(3, 12), key=lambda partition: shop.end(topic, partition))
    end = shop.end(topic, added)
    assert end > 0
    admin.delete_records([TopicPartition(topic, added, end)])[TopicPartition(topic, added, end)].result(20)

    code, said = _run(processes)
    assert code == 5 and "ALARM gap" in said and "retention" in said, said
    gap = Gap.objects.get()
    assert (gap.reason, gap.partition, gap.from_offset, gap.to_offset) == ("offsets_expired", added, 0, end)
