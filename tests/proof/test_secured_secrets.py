"""A secret is set in every place that takes one; everything is run, as talkative as it can be; nobody tells one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from commerce_events.bus.client import StoreClient
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.testing import builders
from tests.engines.broker import Broker
from tests.engines.processes import MANAGE, Processes
from tests.proof import secured
from tests.proof.secured import CONSUME, GROUP, LMS, LOGINS, PREFIX, STORE, Secured
from tests.proof.service import Service
from tests.proof.steady import eventually
from tests.unit.stores import tiny

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Java and Maven")]

CLI = ("-c", "from commerce_events.cli import main; main()")
ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "django", "database", "registry", "registry-url", "webhook", "webhook-env", "store-key", "store", "token",
    "hook-url", "hook", "pem", "key-password", "oauth", "gateway",
)  # fmt: skip
SECRETS = {name: f"{name}-canary-hunter2" for name in NAMES} | {"broker": LOGINS["lms"]}
SECRETS["pem"] = f"-----BEGIN PRIVATE KEY-----\n{SECRETS['pem']}\n-----END PRIVATE KEY-----"
SECRETS["hook"] = "whsec_" + b64encode(b"hook-canary-hunter2-of-32-bytes!").decode()
#: Settings of librdkafka that hold secrets, beside the login itself.
KAFKA = {"ssl.key.password": SECRETS["key-password"], "sasl.oauthbearer.client.secret": SECRETS["oauth"]}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured.secured(tmp_path_factory.mktemp("secrets")) as running:
        running.allow("store", STORE)
        running.allow("lms", LMS)
        yield running


@pytest.fixture
def lms(postgresql: Any, broker: Broker, kafka: Secured, tmp_path: Path) -> Iterator[Processes]:
    with secured.lms(tmp_path, postgresql.url, kafka.bootstrap, broker.registry_url) as started:
        started.environment |= {
            "COMMERCE_EVENTS_TEST_SECRETS": json.dumps(SECRETS),
            "COMMERCE_EVENTS_TEST_WEBHOOK": SECRETS["webhook-env"], "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.proof.secret_settings",
            "COMMERCE_EVENTS_TEST_SETTINGS": json.dumps({
                "CONSUMER_GROUP": GROUP,
                "KAFKA": {"ssl.ca.location": str(kafka.certificate), "sasl.mechanism": "PLAIN", **KAFKA},
            }),
        }  # fmt: skip
        yield started


def assert_silent(text: str, *exempt: str) -> None:
    """No secret stands in it, nor a part that would do."""
    told = [name for name, secret in SECRETS.items() if name not in exempt and secret.split("\n")[-2:][0] in text]
    parts = [word for word in ("canary", "hunter2") if word in text]
    where = [line[:300] for line in text.splitlines() if "canary" in line or LOGINS["lms"] in line]
    assert not told and not parts, where


def run(lms: Processes, *program: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program], env={**os.environ, **lms.environment, **(environment or {})}, cwd=ROOT,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def test_what_is_set_is_in_use_and_told_by_no_command(kafka: Secured, broker: Broker, lms: Processes) -> None:
    with StoreClient(
        kafka.bootstrap, broker.registry_url, prefix=PREFIX, kafka=kafka.kafka("store"), register=True
    ) as store:
        store.publish_order_paid(builders.order_paid("1"))
        store._producer.produce(f"{PREFIX}-commerce-order-lifecycle", b"no event")
    settings = json.loads(lms.environment["COMMERCE_EVENTS_TEST_SETTINGS"])
    loud = {**settings, "KAFKA": {**settings["KAFKA"], "debug": "all", "log_level": 7}}
    (port,) = free_ports(1)
    consumer = lms.consume("--from", "earliest", f"--metrics=127.0.0.1:{port}", settings=loud)

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    eventually(lambda: 'ok' in (lms.folder / "health-1").read_text(), "every stage gets on")
    said = [metrics(), (lms.folder / "health-1").read_text()]
    for arguments in (
        ["check"], ["check", "--database", "default"], ["commerce_stores"], ["commerce_stores", "--format", "json"],
        ["commerce_sources"], ["commerce_dead_letters", "list"], ["commerce_gaps"], ["commerce_order_status"],
        ["showmigrations"],
    ):  # fmt: skip
        ended = lms.manage(*arguments)
        said += [ended.stdout, ended.stderr]
    for how in ("table", "json", "ndjson", "csv"):
        ended = run(lms, *CLI, "doctor", "--format", how)
        assert "***" in ended.stdout, ended.stdout + ended.stderr
        assert "broker" in ended.stdout
        said += [ended.stdout, ended.stderr]
    consumer.stop(60)
    log = consumer.log.read_text()
    assert "SASL" in log and "apiversion" in log.lower()  # it was as talkative as it can be
    assert "dead letter" in log
    assert_silent("\n".join([*said, log]))


def test_no_object_and_no_error_tells_one(kafka: Secured, lms: Processes) -> None:
    ended = run(lms, "-m", "tests.proof.told")
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "BusSettings" in ended.stdout and "Traceback" in ended.stderr and "OperatorError" in ended.stderr
    assert_silent(ended.stdout + ended.stderr)


def test_the_search_finds_what_is_told(kafka: Secured, lms: Processes) -> None:
    ended = run(lms, "-m", "tests.proof.told", "--careless")
    with pytest.raises(AssertionError):
        assert_silent(ended.stdout)


@pytest.mark.parametrize("away", ["database", "broker", "registry", "login"])
def test_nor_does_what_fails(away: str, kafka: Secured, lms: Processes) -> None:
    settings = json.loads(lms.environment["COMMERCE_EVENTS_TEST_SETTINGS"])
    nowhere = {
        "database": {"COMMERCE_EVENTS_TEST_DATABASE": "postgres://us:canary-hunter2@127.0.0.1:9/nowhere"},
        "broker": {"COMMERCE_EVENTS_TEST_BOOTSTRAP": "127.0.0.1:9"},
        "registry": {"COMMERCE_EVENTS_TEST_REGISTRY": "http://127.0.0.1:9"},
        "login": {"COMMERCE_EVENTS_TEST_SECRETS": json.dumps({**SECRETS, "broker": "canary-hunter2"})},
    }[away]
    ended = run(lms, *CLI, "doctor", environment=nowhere)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert_silent(ended.stdout + ended.stderr)
    for arguments in (["check"], ["commerce_stores", "--traceback"]):
        ended = run(lms, MANAGE[1], *arguments, environment=nowhere)
        assert_silent(ended.stdout + ended.stderr)
    if away in {"broker", "login"}:
        consumer = lms.environment
        lms.environment = {**consumer, **nowhere}
        started = subprocess.Popen(
            [*MANAGE, *CONSUME], env={**os.environ, **lms.environment, "COMMERCE_EVENTS_TEST_SETTINGS": json.dumps(
                {**settings, "KAFKA": {**settings["KAFKA"], "debug": "all"}}
            )}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        )  # fmt: skip
        try:
            out, _ = started.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            started.terminate()
            out, _ = started.communicate(timeout=60)
        assert "FAIL" in out
        assert_silent(out)


def test_the_gateway_tells_none_either(postgresql: Any, broker: Broker, prefix: str, tmp_path: Path) -> None:
    database = postgresql.url.replace("://postgres@", f"://postgres:{quote(SECRETS['database'])}@")
    assert SECRETS["database"] in database
    service = Service(tmp_path, database, broker, prefix)
    service.environment["SHOP_SECRET"] = SECRETS["gateway"]
    service.environment["EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL"] = broker.registry_url.replace(
        "://", f"://somebody:{SECRETS['registry-url']}@"
    )
    said = []
    try:
        for arguments in (["migrate"], ["check"], ["commerce_stores"]):
            ended = service.manage(*arguments)
            said += [ended.stdout, ended.stderr]
        server = service.gunicorn()
        raw = b'{"orders": []}'
        for secret in ("wrong", SECRETS["gateway"]):
            answer = service.ask("POST", "/webhooks/shop", raw, tiny.signed(secret, raw))
            said.append(repr(answer))
        said.append(repr(service.ask("POST", "/webhooks/nobody", raw, {})))
        server.stop()
        said.append(server.log.read_text())
        for url in (
            f"nothing://a:{SECRETS['database']}@x/y", f"postgres://a:{SECRETS['database']}@127.0.0.1:9/y",
            f"postgres://a:{SECRETS['database']}#unquoted@x/y",
        ):  # fmt: skip
            broken = {**os.environ, **service.environment, "DATABASE_URL": url}
            for program in (
                ["-m", "commerce_events.gateway", "commerce_stores"], ["-m", "django", "check"],
                ["-c", "import django; django.setup()"],
            ):
                ended = subprocess.run(
                    [sys.executable, *program], env=broken, capture_output=True, text=True, timeout=60, check=False
                )
                said += [ended.stdout, ended.stderr]
    finally:
        service.close()
    assert_silent("\n".join(said))
