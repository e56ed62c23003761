"""Addresses and logins are checked before anything connects, and no secret is ever said."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer

from commerce_events.bus import access, kafka
from commerce_events.exceptions import OperatorError

SAID = {
    access.BOOTSTRAP: "kafka:9092", access.REGISTRY: "https://user:hidden@registry:8081/apis", access.PREFIX: "prod",
}  # fmt: skip
LOGIN = dict(zip(access.BROKER_LOGIN, ("key", "hidden"), strict=True))


def read(**more: Any) -> access.Access:
    said = {**SAID, **more}.get
    return access.access(said, [said], [said], {})


@pytest.mark.parametrize(
    "address", ["kafka", "kafka:", ":9092", "kafka:nine", "kafka:0", "kafka:65536", "a b:9092", "kafka:9092,other", ","]
)
def test_a_broker_without_host_and_port_is_refused(address: str) -> None:
    with pytest.raises(OperatorError, match="host:port") as raised:
        access.bootstrap(address)
    assert "kafka-1:9092" in raised.value.hint


@pytest.mark.parametrize("address", ["kafka:9092", "a:1, b:2", "[::1]:9092", "SASL_SSL://kafka:9092"])
def test_what_librdkafka_takes_is_taken(address: str) -> None:
    assert access.bootstrap(address) == address


@pytest.mark.parametrize("prefix", ["a b", "ü", "a/b", "x" * 219, "a\n"])
def test_a_prefix_that_begins_no_topic_is_refused(prefix: str) -> None:
    with pytest.raises(OperatorError, match="cannot begin"):
        access.prefix(prefix)


@pytest.mark.parametrize("url", ["registry:8081", "nourl", "ftp://registry", "http://"])
def test_a_registry_that_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(OperatorError, match="no address of the web") as raised:
        access.registry_url(url)
    assert "registry:8081" not in str(raised.value)


@pytest.mark.parametrize("pair", [access.BROKER_LOGIN, access.REGISTRY_LOGIN])
@pytest.mark.parametrize("half", [0, 1])
def test_half_a_login_is_refused(pair: tuple[str, str], half: int) -> None:
    with pytest.raises(OperatorError, match="set together"):
        read(**{pair[half]: "said"})


def test_a_login_is_never_a_mixture_of_two_places() -> None:
    first: access.Said = {"KEY": "a", "SECRET": "b"}.get
    second: access.Said = {"KEY": "c", "SECRET": "d"}.get
    nobody: access.Said = {}.get
    assert access.login([nobody, first, second], "KEY", "SECRET") == ("a", "b")
    with pytest.raises(OperatorError):
        access.login([{"KEY": "a"}.get, second], "KEY", "SECRET")


def test_nothing_that_is_shown_holds_a_secret() -> None:
    found = read(**LOGIN, **dict(zip(access.REGISTRY_LOGIN, ("user", "hidden"), strict=True)))
    assert found.kafka["sasl.password"] == "hidden" and found.registry_auth == ("user", "hidden")
    assert "hidden" not in repr(found)
    assert "hidden" not in found.registry().shown
    secrets = {
        "sasl.password": "hidden", "ssl.key.pem": "hidden", "ssl.key.password": "hidden",
        "ssl.keystore.password": "hidden", "sasl.oauthbearer.client.secret": "hidden",
        "sasl.oauthbearer.config": "hidden", "sasl.oauthbearer.assertion.private.key.passphrase": "hidden",
    }  # fmt: skip
    assert set(access.masked(secrets).values()) == {access.MASK}
    assert access.masked({"security.protocol": "SSL"}) == {"security.protocol": "SSL"}


@pytest.mark.parametrize(
    "wrong", [{"nonsense": "1"}, {"linger.ms": "soon"}, {"sasl.mechanism": "NONE", "security.protocol": "SASL_SSL"}]
)
def test_settings_that_librdkafka_refuses_are_the_operators_matter(wrong: dict[str, str]) -> None:
    with pytest.raises(OperatorError, match="does not take its settings") as raised:
        kafka.made(Producer, wrong)
    assert "--kafka" in raised.value.hint


def test_what_librdkafka_quotes_of_a_secret_is_masked() -> None:
    said = access.without_secrets('"hidden" is no password', {"sasl.password": "hidden", "linger.ms": "no"})
    assert said == f'"{access.MASK}" is no password'
