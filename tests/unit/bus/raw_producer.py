"""Any bytes as a header's name on a topic: confluent-kafka takes UTF-8 only, librdkafka anything."""

from __future__ import annotations

import ctypes

from confluent_kafka import cimpl

_PRODUCER, _END, _TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADERS, _COPY = 0, 0, 1, 3, 4, 7, 10, 2


def produce(bootstrap: str, topic: str, value: bytes, headers: list[tuple[bytes, bytes]], partition: int = 0) -> None:
    """Put one message on a partition and wait for the broker's word."""
    rdkafka = ctypes.CDLL(cimpl.__file__)  # a symbol is looked for in what cimpl is linked with, too
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new", "rd_kafka_error_string"):
        getattr(rdkafka, name).restype = ctypes.c_void_p
    said = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(rdkafka.rd_kafka_conf_new())
    assert rdkafka.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), said, 512) == 0, said.value
    client = ctypes.c_void_p(rdkafka.rd_kafka_new(_PRODUCER, conf, said, 512))
    named = ctypes.c_void_p(rdkafka.rd_kafka_headers_new(ctypes.c_size_t(len(headers))))
    for name, content in headers:
        sizes = ctypes.c_ssize_t(len(name)), ctypes.c_ssize_t(len(content))
        assert rdkafka.rd_kafka_header_add(named, name, sizes[0], content, sizes[1]) == 0
    error = rdkafka.rd_kafka_producev(
        client, ctypes.c_int(_TOPIC), ctypes.c_char_p(topic.encode()), ctypes.c_int(_PARTITION),
        ctypes.c_int32(partition), ctypes.c_int(_VALUE), ctypes.c_char_p(value), ctypes.c_size_t(len(value)),
        ctypes.c_int(_FLAGS), ctypes.c_int(_COPY), ctypes.c_int(_HEADERS), named, ctypes.c_int(_END),
    )  # fmt: skip
    assert error == 0
    assert rdkafka.rd_kafka_flush(client, 10_000) == 0
    rdkafka.rd_kafka_destroy(client)
