"""The client of the schema registry: what each answer means, and that no call outlives its deadline."""
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from commerce_events import avsc, topics
from commerce_events.exceptions import CommerceEventsError, ContractError, OperatorError, TransientError
from commerce_events.registry import REMEMBERED, Registry

TEXT = avsc.schema_text(topics.ORDER_PAID_TYPE)
Answer = tuple[int, bytes]


class Server:
    """A registry that answers what a test tells it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = (200, b"{}")
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.seen: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.asked.append((self.command, self.path))
                server.seen.append(dict(self.headers))
                status, body = server.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **server.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 – http.server's name

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def says(self, status: int, body: Any = None, **headers: str) -> None:
        self.answer = (status, body if isinstance(body, bytes) else json.dumps(body or {}).encode())
        self.headers = headers

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


CALLS: dict[str, Callable[[Registry], Any]] = {
    "schema_by_id": lambda registry: registry.schema_by_id(7),
    "look_up": lambda registry: registry.look_up("s", TEXT),
    "register": lambda registry: registry.register("s", TEXT),
    "versions": lambda registry: registry.versions("s"),
}
EVERY_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@EVERY_CALL
@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {}, OperatorError, "refuses"),
        (403, {}, OperatorError, "refuses"),
        (409, {"error_code": 409}, OperatorError, "not compatible"),
        (422, {"error_code": 42201}, OperatorError, "takes the schema for none"),
        (405, {}, OperatorError, "answers 405"),
        (429, {}, TransientError, "answers 429"),
        (500, {"error_code": 50001}, TransientError, "answers 500"),
        (503, b"<html>", TransientError, "answers 503"),
        (200, b"<html>", TransientError, "no JSON"),
        (404, b"<html>", OperatorError, "answers 404"),
        (404, {"status": 404, "title": "Not Found"}, OperatorError, "answers 404"),
        (404, {"error_code": 404}, OperatorError, "answers 404"),
    ],
)
def test_each_answer_is_the_error_of_the_one_who_must_act(
    server: Server, call: Callable[[Registry], Any], status: int, body: Any, error: type[Exception], words: str
) -> None:
    assert issubclass(error, CommerceEventsError)
    server.says(status, body)
    with pytest.raises(error, match=words):
        call(Registry(server.url))


def test_an_unknown_id_is_the_messages_fault(server: Server) -> None:
    server.says(404, {"error_code": 40403, "message": "Schema not found"})
    with pytest.raises(ContractError, match="id 7 is unknown"):
        Registry(server.url).schema_by_id(7)


def test_a_schema_that_is_no_avro_is_the_messages_fault(server: Server) -> None:
    server.says(200, {"schema": "{}", "schemaType": "JSON"})
    with pytest.raises(ContractError, match="no Avro"):
        Registry(server.url).schema_by_id(7)


def test_a_schema_that_is_not_registered_is_the_operators_business(server: Server) -> None:
    server.says(404, {"error_code": 40401})
    registry = Registry(server.url)
    assert registry.find("s", TEXT) is None
    assert registry.versions("s") == []
    with pytest.raises(OperatorError, match="not registered") as refused:
        registry.look_up("s", TEXT)
    assert "commerce-events schemas register" in refused.value.hint


@pytest.mark.parametrize("body", [{}, [], {"schema": 1, "id": "x"}])
def test_an_answer_of_another_shape_is_no_answer(server: Server, body: Any) -> None:
    server.says(200, json.dumps(body).encode())
    with pytest.raises(TransientError, match="something else"):
        Registry(server.url).schema_by_id(7)
    with pytest.raises(TransientError, match="something else"):
        Registry(server.url).look_up("s", TEXT)


def test_what_was_learned_is_not_asked_again(server: Server) -> None:
    server.says(200, {"schema": TEXT, "id": 7})
    registry = Registry(server.url)
    assert [registry.schema_by_id(7) for _ in range(3)] == [TEXT] * 3
    assert [registry.look_up("s", TEXT) for _ in range(3)] == [7] * 3
    assert registry.register("s", TEXT) == 7
    assert len(server.asked) == 2


def test_a_failure_is_not_remembered(server: Server) -> None:
    registry = Registry(server.url)
    server.says(503)
    with pytest.raises(TransientError):
        registry.schema_by_id(7)
    server.says(200, {"schema": TEXT})
    assert registry.schema_by_id(7) == TEXT


def test_subjects_are_quoted(server: Server) -> None:
    server.says(200, {"id": 1})
    Registry(server.url).look_up("a/b c", TEXT)
    assert server.asked == [("POST", "/subjects/a%2Fb%20c")]


def test_credentials_go_to_the_registry_and_into_no_message(server: Server) -> None:
    server.says(500)
    with pytest.raises(TransientError) as refused:
        Registry(server.url, auth=("key", "s3cret")).schema_by_id(7)
    assert server.seen[0]["Authorization"].startswith("Basic ")
    with pytest.raises(TransientError) as also:
        Registry(server.url.replace("//", "//key:s3cret@")).schema_by_id(7)
    assert "s3cret" not in f"{refused.value} {also.value}"


def test_redirects_are_not_followed(server: Server) -> None:
    server.says(302, {}, Location=f"{server.url}/elsewhere")
    with pytest.raises(OperatorError, match="answers 302"):
        Registry(server.url).schema_by_id(7)
    assert len(server.asked) == 1


def test_an_endless_answer_is_not_read_to_its_end(server: Server) -> None:
    server.says(200, b'{"schema": "' + b"x" * (5 << 20))
    with pytest.raises(TransientError, match="more than"):
        Registry(server.url).subjects()
    server.says(503, b"x" * (5 << 20))
    with pytest.raises(TransientError, match="answers 503"):
        Registry(server.url).schema_by_id(7)


@pytest.mark.parametrize("length", [300 << 10, 5 << 20])
def test_a_schema_of_absurd_length_is_the_messages_fault(server: Server, length: int) -> None:
    """No waiting makes it shorter: who may register one could stop the consumer with it."""
    server.says(200, {"schema": "x" * length})
    with pytest.raises(ContractError, match="longer than"):
        Registry(server.url).schema_by_id(7)


def test_what_is_remembered_of_schemas_is_bounded(server: Server) -> None:
    registry = Registry(server.url)
    server.says(200, {"schema": TEXT})
    for number in range(REMEMBERED + 1):
        registry.schema_by_id(number)
    asked = len(server.asked)
    registry.schema_by_id(REMEMBERED)
    assert len(server.asked) == asked
    registry.schema_by_id(0)
    assert len(server.asked) == asked + 1


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@EVERY_CALL
def test_a_registry_that_hangs_holds_nobody_up(listener: socket.socket, call: Callable[[Registry], Any]) -> None:
    started = time.monotonic()
    with pytest.raises(TransientError, match="does not answer"):
        call(Registry(address(listener), timeout=(1, 0.3)))
    assert time.monotonic() - started < 5


def test_a_registry_that_drips_holds_nobody_up(listener: socket.socket) -> None:
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-")
            while not stop.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        started = time.monotonic()
        with pytest.raises(TransientError, match="does not answer"):
            Registry(address(listener), timeout=(1, 1), total=0.5).schema_by_id(7)
        assert time.monotonic() - started < 5
    finally:
        stop.set()
        thread.join()


def test_a_registry_that_is_away_is_away(listener: socket.socket) -> None:
    url = address(listener)
    listener.close()
    with pytest.raises(TransientError, match="does not answer"):
        Registry(url).subjects()


def test_a_call_that_hangs_does_not_hold_up_another_thread(server: Server, listener: socket.socket) -> None:
    server.says(200, {"schema": TEXT})
    hanging = Registry(address(listener), timeout=(1, 2))
    errors: list[BaseException] = []

    def hang() -> None:
        try:
            hanging.schema_by_id(7)
        except TransientError as error:
            errors.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    assert Registry(server.url).schema_by_id(7) == TEXT
    assert not errors
    thread.join()
    assert len(errors) == 1


def test_against_the_registry_of_the_tests(broker: Any) -> None:
    registry = Registry(broker.registry_url)
    subject = topics.subject(f"test-{time.time_ns()}", topics.ORDER_PAID_TYPE)
    assert registry.find(subject, TEXT) is None
    assert registry.versions(subject) == []
    schema_id = registry.register(subject, TEXT)
    fresh = Registry(broker.registry_url)
    assert avsc.compact(fresh.schema_by_id(schema_id)) == TEXT
    assert fresh.look_up(subject, TEXT) == schema_id
    assert fresh.register(subject, TEXT) == schema_id
    (version,) = fresh.versions(subject)
    assert fresh.version(subject, version) == (schema_id, fresh.schema_by_id(schema_id))
    assert fresh.subjects()
    with pytest.raises(ContractError, match="unknown"):
        fresh.schema_by_id(2**31 - 1)
    with pytest.raises(OperatorError, match="no version"):
        fresh.version(subject, 99)
    with pytest.raises(OperatorError, match="answers 404"):
        Registry(broker.registry_url + "/nowhere").schema_by_id(schema_id)
