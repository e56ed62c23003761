"""``commerce-events listen``: what is on the topics, in every format, of one order or of all, and handed on."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from commerce_events import topics, wire
from commerce_events.bus.client import StoreClient
from commerce_events.bus.reader import Heard
from commerce_events.cli import main
from commerce_events.cli.listen import COLUMNS, rows
from commerce_events.contract import examples
from commerce_events.testing import builders
from tests.engines.broker import Broker

COMPLETED = topics.RESULT_TYPES["completed"]


class Topics:
    """Two orders, a result of the first, and something that nobody can read."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        self.broker, self.prefix = broker, prefix
        with StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, register=True) as store:
            lines = [builders.line("a"), builders.line("b")]
            store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("1", lms_user_id=7, lines=lines))
            store.publish(topics.ORDER_PAID_TYPE, builders.order_paid("2", email="learner@example.com"))
            schema_id = store.registry.register(
                topics.subject(f"{prefix}-{topics.FULFILLMENT_TOPIC}", COMPLETED), wire.schema_text(COMPLETED)
            )
        body = examples.valid(COMPLETED)
        body["fulfillment"] |= {"source": "shop", "order_id": "1", "order_key": "shop:1"}
        self.result = body
        headers = [("ce_type", COMPLETED.encode()), ("ce_id", b"1")]
        self._put(topics.FULFILLMENT_TOPIC, b"shop:1", wire.frame(schema_id, wire.encode(COMPLETED, body)), headers)
        self._put(topics.ORDER_TOPIC, b"shop:3", b"?", [("ce_type", topics.ORDER_PAID_TYPE.encode())])

    def _put(self, topic: str, key: bytes, value: bytes, headers: list[Any]) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "partitioner": "murmur2_random"})
        producer.produce(f"{self.prefix}-{topic}", key=key, value=value, headers=headers)
        assert producer.flush(20) == 0

    def listen(self, *arguments: str) -> Result:
        where = ("--bootstrap", self.broker.bootstrap, "--registry", self.broker.registry_url, "--prefix", self.prefix)
        from_start = () if "--from" in arguments else ("--from", "earliest")
        ended = CliRunner().invoke(main, ["listen", *where, *from_start, "--until-idle", "2", *arguments])
        assert ended.exit_code == 0, ended.output
        return ended

    def records(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.listen("--format", "ndjson", *arguments).stdout.splitlines()]


@pytest.fixture
def there(broker: Broker, prefix: str) -> Topics:
    return Topics(broker, prefix)


def test_every_message_of_both_topics_is_told_and_what_cannot_be_read_says_why(there: Topics) -> None:
    found = there.records()
    assert sorted(record["key"] for record in found) == ["shop:1", "shop:1", "shop:2", "shop:3"]
    (result,) = [record for record in found if record["type"] == COMPLETED]
    told = {name: value for name, value in result["data"]["fulfillment"].items() if value is not None}
    assert told == {name: value for name, value in there.result["fulfillment"].items() if value is not None}
    (bad,) = [record for record in found if record["problem"]]
    assert bad["key"] == "shop:3" and bad["data"] == {}


@pytest.mark.parametrize(
    ("arguments", "count"), [(["--orders"], 3), (["--results"], 1), (["--orders", "--results"], 4)]
)
def test_one_topic_can_be_chosen(arguments: list[str], count: int, there: Topics) -> None:
    assert len(there.records(*arguments)) == count


def test_one_order_is_told_over_both_topics(there: Topics) -> None:
    found = there.records("--order", "shop:1")
    assert {record["type"] for record in found} == {topics.ORDER_PAID_TYPE, COMPLETED}
    assert {record["key"] for record in found} == {"shop:1"}


def test_json_is_one_document(there: Topics) -> None:
    assert len(json.loads(there.listen("--format", "json").stdout)) == 4


def test_csv_has_a_row_for_each_line_of_an_order_and_for_each_result(there: Topics) -> None:
    rows = list(csv.DictReader(io.StringIO(there.listen("--format", "csv", "--order", "shop:1").stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert sorted((row["event"], row["line"]) for row in rows if row["event"] == "order.paid") == [
        ("order.paid", "a"), ("order.paid", "b"),
    ]  # fmt: skip
    (result,) = [row for row in rows if row["event"] == "fulfillment.completed"]
    assert (result["outcome"], result["reason"]) == ("completed", there.result["fulfillment"]["reason_code"])


def test_the_table_names_nobody_by_address(there: Topics) -> None:
    shown = there.listen()
    assert "(by e-mail)" in shown.stdout and "learner@example.com" not in shown.stdout
    assert "cannot be read" in shown.stdout
    assert "outcome" in shown.stderr, "the heading is chatter: a program reads rows only"


def test_it_ends_after_so_many(there: Topics) -> None:
    assert len(there.records("--count", "2")) == 2


def test_where_nothing_comes_it_says_what_to_do(there: Topics) -> None:
    ended = there.listen("--from", "latest", "--until-idle", "0.5")
    assert ended.stdout == ""
    assert "commerce-events trigger" in ended.stderr


@pytest.mark.real
def test_it_begins_at_a_time(there: Topics) -> None:
    assert there.records("--from", "2100-01-01T00:00:00Z") == []
    assert len(there.records("--from", "2020-01-01T00:00:00")) == 4


@pytest.fixture
def hook() -> Iterator[Any]:
    """An address that takes what is posted, and answers what it is told to."""

    class Handler(BaseHTTPRequestHandler):
        taken: list[dict[str, Any]] = []
        answer = 200

        def do_POST(self) -> None:
            self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(type(self).answer)
            self.end_headers()

        def log_request(self, *_: Any) -> None:
            """Not on the tests' stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/hook"  # type: ignore[attr-defined]
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_heard_is_handed_on(there: Topics, hook: Any) -> None:
    shown = there.records("--forward-to", hook.url)
    assert hook.taken == shown


def test_a_refusal_is_told_and_reading_goes_on(there: Topics, hook: Any) -> None:
    hook.answer = 500
    ended = there.listen("--format", "ndjson", "--forward-to", hook.url)
    assert len(ended.stdout.splitlines()) == len(hook.taken) == 4
    assert ended.stderr.count("answered 500") == 4
    nobody = there.listen("--format", "ndjson", "--forward-to", "http://127.0.0.1:9/", "--count", "1")
    assert "does not answer" in nobody.stderr


def test_the_table_names_nobody_by_name_either() -> None:
    body = builders.order_paid("4", username="somebody")
    heard = Heard("t", 0, 0, datetime.now(UTC), "shop:4", topics.ORDER_PAID_TYPE, "id", body)
    ((*_, who, _, _, _),) = rows(heard)
    assert who == "(by name)"
