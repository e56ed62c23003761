"""``commerce-events export``: every result in every format, with declared types; a file that is whole or not there."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from commerce_events import topics, wire
from commerce_events.cli import main
from commerce_events.contract import examples
from commerce_events.registry import Registry
from consumers.analytics.files import File, export_bodies
from consumers.analytics.tables import TABLES
from tests.engines.broker import Broker

COMPLETED, FAILED = (topics.RESULT_TYPES[outcome] for outcome in ("completed", "failed"))
REQUESTED = topics.REFUND_REQUESTED_TYPE
PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-tos" / "read-the-results.rst"
RESULTS = TABLES["results"]
#: Absent in every result below: their columns have a type nevertheless.
ABSENT = ("refund_id", "mode_before", "next_retry_at")


def result(number: int, outcome: str = "completed", **more: Any) -> dict[str, Any]:
    body = examples.valid(topics.RESULT_TYPES[outcome])["fulfillment"]
    key = {"source": "shop", "order_id": str(number), "order_key": f"shop:{number}", "order_number": str(number)}
    return {**body, **key, "result_id": str(UUID(int=number)), **dict.fromkeys(ABSENT), **more}


class Site:
    """A results topic: results of two types, a refund request, and what nobody can read."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        self.broker, self.prefix, self.topic = broker, prefix, f"{prefix}-{topics.FULFILLMENT_TOPIC}"
        self.registry = Registry(broker.registry_url)
        self.producer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "murmur2_random"})

    def put(self, event_type: str, body: dict[str, Any], value: bytes | None = None) -> None:
        if value is None:
            schema_id = self.registry.register(topics.subject(self.topic, event_type), wire.schema_text(event_type))
            value = wire.frame(schema_id, wire.encode(event_type, body))
        headers: Any = [("ce_type", event_type.encode()), ("ce_id", b"1")]
        self.producer.produce(self.topic, value, b"shop:1", headers=headers)
        assert self.producer.flush(20) == 0

    def export(self, *arguments: str) -> Result:
        where = ("--bootstrap", self.broker.bootstrap, "--registry", self.broker.registry_url, "--prefix", self.prefix)
        return CliRunner().invoke(main, ["export", *where, *arguments])


@pytest.fixture
def site(broker: Broker, prefix: str) -> Site:
    made = Site(broker, prefix)
    for number in range(3):
        made.put(COMPLETED, {"fulfillment": result(number)})
    made.put(COMPLETED, {"fulfillment": result(0)})  # sent twice
    made.put(FAILED, {"fulfillment": result(3, "failed", reason_code="course_not_found", lms_user_id=None)})
    made.put(REQUESTED, examples.valid(REQUESTED))
    return made


def test_parquet_has_the_contracts_types_and_duckdb_finds_how_things_are(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    ended = site.export("--output", str(path))
    assert ended.exit_code == 0, ended.output
    assert "5 rows of results. Once per fact: result_id; event time: decided_at." in ended.stderr
    assert list(tmp_path.iterdir()) == [path]

    table = pq.read_table(path)
    assert table.schema.names == [column.name for column in RESULTS.columns]
    types = {name: table.schema.field(name).type for name in table.schema.names}
    assert types["sequence"] == pa.int64() and types["is_final"] == pa.bool_()
    assert types["decided_at"] == types["next_retry_at"] == pa.timestamp("us", "UTC")
    assert types["refund_id"] == types["mode_before"] == pa.string()
    assert all(table.column(name).null_count == 5 for name in ABSENT)
    assert not table.schema.field("result_id").nullable and table.schema.field("refund_id").nullable
    assert table.schema.metadata[b"dedupe_key"] == b"result_id"
    written = result(0)
    (row,) = table.slice(0, 1).to_pylist()
    assert row["decided_at"] == datetime.fromisoformat(written["decided_at"]).astimezone(UTC)
    assert {**row, "decided_at": written["decided_at"]} == written

    as_they_stand, what_happened = re.findall(r"code-block:: sql\n\n((?: {4}.*\n|\n)+)", PAGE.read_text())
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW results AS SELECT * FROM '{path}'")
        assert len(database.execute(as_they_stand).fetchall()) == 4
        counts = set(database.execute(what_happened).fetchall())
        assert counts == {("completed", written["reason_code"], 3), ("failed", "course_not_found", 1)}
        days = database.execute("SELECT CAST(decided_at AS DATE) FROM results GROUP BY ALL").fetchall()
        assert len(days) == 1


def test_each_format_says_the_same(site: Site, tmp_path: Path) -> None:
    names = [column.name for column in RESULTS.columns]
    lines = [json.loads(line) for line in site.export("--format", "ndjson").stdout.splitlines()]
    assert [list(line) for line in lines] == [names] * 5
    assert sorted(line["order_id"] for line in lines) == ["0", "0", "1", "2", "3"]
    cells = list(csv.DictReader(io.StringIO(site.export("--format", "csv").stdout)))
    said = [{name: "" if line[name] is None else str(line[name]) for name in names} for line in lines]
    said = [{**each, **{k: v.lower() for k, v in each.items() if v in ("True", "False")}} for each in said]
    assert cells == said
    requests = site.export("--format", "ndjson", "--table", "refund-requests").stdout.splitlines()
    (request,) = map(json.loads, requests)
    assert request == examples.valid(REQUESTED)["refund_request"]


def test_a_dry_run_says_how_much_it_would_be(site: Site, tmp_path: Path) -> None:
    ended = site.export("--dry-run", "--output", str(tmp_path / "never.parquet"))
    assert ended.exit_code == 0, ended.output
    assert ended.stdout == f"6 messages of {site.topic}, in 3 partitions. Nothing was written.\n"
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept_unless_it_is_said(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("mine")
    ended = site.export("--format", "csv", "--output", str(path))
    assert ended.exit_code == 3 and "--overwrite" in ended.output
    assert path.read_text() == "mine"
    assert site.export("--format", "csv", "--output", str(path), "--overwrite").exit_code == 0
    assert path.read_text().startswith("result_id,")


def test_what_cannot_be_read_is_left_out_and_told(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    site.put(COMPLETED, {}, b"no event")
    site.put(COMPLETED, {"fulfillment": result(7, decided_at="yesterday")})
    ended = site.export("--output", str(path))
    assert ended.exit_code == 6
    assert "2 messages cannot be read and are left out" in ended.stderr
    assert pq.read_table(path).num_rows == 5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--format", "parquet"], 2, "needs --output FILE"),
        (["--from", "soon", "--output", "x"], 2, "--from takes"),
        (["--output", "/nowhere/at/all.parquet"], 3, "takes no file"),
        (["--prefix", "nobody", "--dry-run"], 3, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], code: int, says: str, broker: Broker, prefix: str) -> None:
    ended = Site(broker, prefix).export(*arguments)
    assert (ended.exit_code, says in ended.output) == (code, True), ended.output


@pytest.mark.real
def test_a_time_is_where_it_begins(site: Site) -> None:
    now = datetime.now(UTC).isoformat()
    site.put(COMPLETED, {"fulfillment": result(9)})
    lines = site.export("--format", "ndjson", "--from", now).stdout.splitlines()
    assert [json.loads(line)["order_id"] for line in lines] == ["9"]


@pytest.mark.parametrize("how", ["parquet", "ndjson", "csv"])
def test_what_breaks_off_leaves_nothing(how: str, tmp_path: Path) -> None:
    def broken_off() -> None:
        with File(str(tmp_path / "half"), how, RESULTS) as file:
            file.write([result(1)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert not list(tmp_path.iterdir())


def test_an_empty_export_has_its_columns(tmp_path: Path) -> None:
    assert export_bodies([], RESULTS, str(tmp_path / "none.parquet")) == 0
    assert pq.read_table(tmp_path / "none.parquet").schema.names == [column.name for column in RESULTS.columns]


def test_many_rows_are_written_in_groups(tmp_path: Path) -> None:
    bodies = [(COMPLETED, wire.encode(COMPLETED, {"fulfillment": result(number)})) for number in range(20_001)]
    assert export_bodies(bodies, RESULTS, str(tmp_path / "many.parquet")) == 20_001
    assert pq.ParquetFile(tmp_path / "many.parquet").num_row_groups == 2
    assert pq.read_table(tmp_path / "many.parquet", columns=["order_id"]).column(0)[20_000].as_py() == "20000"
