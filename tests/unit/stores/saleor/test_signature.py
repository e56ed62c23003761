"""Saleor's signature: the shop's key and nothing else lets a body in."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import SignatureError
from commerce_events.stores.saleor import signature
from commerce_events.stores.saleor.adapter import Saleor
from tests.unit.stores.fake_saleor import FakeSaleor, hex_hmac, jws, key, public
from tests.unit.stores.listening import NOW
from tests.unit.stores.serving import served

RAW = b'{"__typename": "OrderUpdated", "order": {"id": "1"}}'
JWKS = {"keys": [public("k1", key())]}
SHOP = Saleor("shop", {"jwks": JWKS})


def passes(header: str, raw: bytes = RAW, shop: Saleor = SHOP, secrets: tuple[str, ...] = ()) -> bool:
    try:
        shop.verify({"saleor-signature": header}, raw, secrets, NOW)
    except SignatureError:
        return False
    return True


def part(of: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def test_the_shops_key_lets_a_body_in_and_the_library_agrees() -> None:
    header = jws(RAW, key())
    assert passes(header)
    assert header.split(".")[1] == ""
    assert jwt.PyJWS().decode(header, key().public_key(), algorithms=["RS256"], detached_payload=RAW) == RAW


@pytest.mark.parametrize("raw", [RAW + b" ", RAW.replace(b"1", b"2"), b"", json.dumps(json.loads(RAW)).encode()[1:]])
def test_any_other_bytes_are_refused(raw: bytes) -> None:
    assert not passes(jws(RAW, key()), raw)


def test_another_key_under_the_same_name_is_refused() -> None:
    assert not passes(jws(RAW, key(2)))


def test_a_name_that_the_shop_does_not_publish_is_refused() -> None:
    assert not passes(jws(RAW, key(), kid="k2"))


@pytest.mark.parametrize("kid", [None, 1, ["k1"], {"k1": 1}])
def test_a_signature_that_names_no_key_is_refused(kid: Any) -> None:
    _, _, sealed = jws(RAW, key()).split(".")
    said = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": kid}
    assert not passes(f"{part(said)}..{sealed}")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_the_algorithm_is_pinned_even_where_the_key_would_fit(algorithm: str) -> None:
    assert not passes(jws(RAW, key(), algorithm))


def test_an_hmac_with_the_public_key_as_its_secret_is_refused() -> None:
    pem = key().public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    said = part({"alg": "HS256", "b64": False, "crit": ["b64"], "kid": "k1"})
    sealed = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(said.encode() + b"." + RAW, pem)
    assert not passes(f"{said}..{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}")


@pytest.mark.parametrize("said", [
    {"alg": "none", "b64": False, "crit": ["b64"], "kid": "k1"}, {"alg": "RS256", "kid": "k1"},
    {"alg": "RS256", "b64": True, "kid": "k1"}, {"alg": "RS256", "b64": False, "kid": "k1"},
    {"alg": "RS256", "b64": False, "crit": [], "kid": "k1"},
    {"alg": "RS256", "b64": False, "crit": ["b64", "exp"], "exp": 1, "kid": "k1"},
    {"alg": "RS256", "b64": 0, "crit": ["b64"], "kid": "k1"}, {"b64": False, "crit": ["b64"], "kid": "k1"},
    {"alg": "RS256", "b64": False, "crit": "b64", "kid": "k1"},
])  # fmt: skip
def test_a_header_that_says_anything_else_is_refused_even_if_it_was_signed_so(said: dict[str, Any]) -> None:
    protected = part(said)
    sealed = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        protected.encode() + b"." + RAW, key()
    )
    assert not passes(f"{protected}..{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}")


def test_a_body_inside_of_the_token_is_refused() -> None:
    assert not passes(jwt.PyJWS().encode(RAW, key(), algorithm="RS256", headers={"kid": "k1"}))
    protected, _, sealed = jws(RAW, key()).split(".")
    assert not passes(f"{protected}.{part({})}.{sealed}")


@pytest.mark.parametrize("header", ["é.é.é", "\ud800..\ud800", "....", "..", "a..b"])
def test_what_is_no_jws_is_refused(header: str) -> None:
    assert not passes(header)


def test_without_a_signature_nobody_enters() -> None:
    for headers in ({}, {"saleor-signature": ""}, {"x-saleor-signature": jws(RAW, key())}):
        with pytest.raises(SignatureError):
            SHOP.verify(headers, RAW, [], NOW)


def test_a_webhook_with_a_secret_key_is_signed_by_its_hmac_and_two_count_while_one_follows_the_other() -> None:
    shop = Saleor("shop", {})
    for secret in ("right", "former"):
        assert passes(hex_hmac(secret, RAW), shop=shop, secrets=("right", "former"))
    assert not passes(hex_hmac("wrong", RAW), shop=shop, secrets=("right", "former"))
    assert not passes(hex_hmac("", RAW), shop=shop, secrets=("",))
    assert not passes(hex_hmac("right", RAW), shop=shop)


def test_where_the_webhook_has_a_secret_key_the_shops_own_key_does_not_count() -> None:
    """The shop signs with it for any other app as well."""
    assert not passes(jws(RAW, key()), secrets=("right",))
    assert passes(hex_hmac("right", RAW), secrets=("right",))


def test_without_keys_nobody_enters() -> None:
    assert not passes(jws(RAW, key()), shop=Saleor("shop", {}))


# ----------------------------------------------------------------------------------------------------------- fuzzed


@given(raw=st.binary(max_size=300))
def test_the_right_key_opens_for_any_bytes(raw: bytes) -> None:
    assert passes(jws(raw, key()), raw)


@given(
    header=st.one_of(
        st.text(max_size=80), st.from_regex(r"[A-Za-z0-9_-]{0,60}\.{1,3}[A-Za-z0-9_-]{0,60}", fullmatch=True),
        st.builds(
            lambda said, sealed: f"{part(said)}..{sealed}",
            st.dictionaries(
                st.sampled_from(["alg", "kid", "b64", "crit", "jku", "x5u", "jwk", "typ"]),
                st.sampled_from(["RS256", "none", "HS256", "k1", True, False, None, 1, ["b64"], [], {}]),
            ),
            st.from_regex("[A-Za-z0-9_-]{0,342}", fullmatch=True),
        ),
    ),
    raw=st.binary(max_size=60),
    secrets=st.lists(st.text(max_size=8), max_size=2),
)  # fmt: skip
def test_anything_else_is_refused_in_one_way(header: str, raw: bytes, secrets: list[str]) -> None:
    assert not passes(header, raw, secrets=tuple(secrets))


@settings(deadline=None)
@given(data=st.data())
def test_one_flipped_bit_refuses(data: st.DataObject) -> None:
    """Of the body or of the header; the last sign of a base64 text has bits that a lenient reading passes over."""
    header = bytearray(jws(RAW, key()).encode())
    body = bytearray(RAW)
    of = data.draw(st.sampled_from([header, body]))
    bit = data.draw(st.one_of(st.integers(0, len(of) * 8 - 1), st.integers(len(of) * 8 - 8, len(of) * 8 - 1)))
    of[bit // 8] ^= 1 << bit % 8
    assert not passes(header.decode("latin-1"), bytes(body))


@settings(deadline=None)
@given(data=st.data())
def test_one_flipped_bit_refuses_an_hmac_as_well(data: st.DataObject) -> None:
    header = bytearray(hex_hmac("right", RAW).encode())
    bit = data.draw(st.integers(0, len(header) * 8 - 1))
    header[bit // 8] ^= 1 << bit % 8
    assert not passes(header.decode("latin-1"), secrets=("right",))


# ------------------------------------------------------------------------------------------------- the shop's own keys


def test_keys_are_read_at_the_shops_address_once_and_kept() -> None:
    shop = FakeSaleor()
    with served(shop) as url:
        here = Saleor("shop", {"url": url})
        for _ in range(3):
            assert passes(jws(RAW, key()), shop=here)
    assert [asked["path"] for asked in shop.asked] == ["/.well-known/jwks.json"]


def test_an_address_in_the_request_is_never_asked() -> None:
    """Whoever could say where keys are could bring his own."""
    shop, stranger = FakeSaleor(), FakeSaleor()
    stranger.keys = {"k1": key(2)}
    with served(shop) as url, served(stranger) as elsewhere:
        here = Saleor("shop", {"url": url})
        header = jws(RAW, key(2), jku=f"{elsewhere}/.well-known/jwks.json", jwk=public("k1", key(2)))
        with pytest.raises(SignatureError):
            here.verify({
                "saleor-signature": header, "saleor-domain": elsewhere, "saleor-api-url": f"{elsewhere}/graphql/",
            }, RAW, [], NOW)  # fmt: skip
    assert stranger.asked == []


def test_a_new_key_is_asked_for_when_it_is_first_named_and_strangers_names_are_not_asked_for_again() -> None:
    shop = FakeSaleor()
    with served(shop) as url:
        here = Saleor("shop", {"url": url})
        here.verify({"saleor-signature": jws(RAW, key())}, RAW, [], NOW)
        shop.keys["k2"] = key(2)
        later = NOW + signature.ASKED_AGAIN
        here.verify({"saleor-signature": jws(RAW, key(2), kid="k2")}, RAW, [], later)
        for number in range(5):
            with pytest.raises(SignatureError):
                here.verify({"saleor-signature": jws(RAW, key(), kid=f"s{number}")}, RAW, [], later)
    assert len(shop.asked) == 2


def test_a_key_that_was_withdrawn_counts_an_hour_at_most() -> None:
    shop = FakeSaleor()
    with served(shop) as url:
        here = Saleor("shop", {"url": url})
        here.verify({"saleor-signature": jws(RAW, key())}, RAW, [], NOW)
        shop.keys = {"k2": key(2)}
        here.verify({"saleor-signature": jws(RAW, key())}, RAW, [], NOW + timedelta(minutes=59))
        with pytest.raises(SignatureError):
            here.verify({"saleor-signature": jws(RAW, key())}, RAW, [], NOW + timedelta(minutes=61))


def test_while_the_shop_is_away_known_keys_count_and_unknown_ones_are_to_come_again() -> None:
    """A 401 would end Saleor's tries; it comes again only after a 5xx."""
    shop = FakeSaleor()
    with served(shop) as url:
        fresh, known = Saleor("shop", {"url": url}), Saleor("shop", {"url": url})
        known.verify({"saleor-signature": jws(RAW, key())}, RAW, [], NOW)
        shop.is_away = True
        later = NOW + timedelta(hours=2)
        known.verify({"saleor-signature": jws(RAW, key())}, RAW, [], later)
        for _ in range(3):
            with pytest.raises(TransientError):
                fresh.verify({"saleor-signature": jws(RAW, key())}, RAW, [], later)
    assert len(shop.asked) == 3  # known once, known again, and fresh once for all three


def test_keys_that_are_too_short_or_of_another_kind_are_no_keys() -> None:
    with pytest.raises(OperatorError):
        Saleor("shop", {"jwks": {"keys": [public("k1", key(3, 1024))]}})
    elliptic = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
    for other in ({**elliptic, "kid": "k2"}, {**public("k2", key(2)), "use": "enc"}):
        shop = Saleor("shop", {"jwks": {"keys": [public("k1", key()), other]}})
        assert not passes(jws(RAW, key(2), kid="k2"), shop=shop)
