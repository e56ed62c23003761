"""Whoever signs with the right secret is let in, whatever the bytes; everybody else is a SignatureError, always."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from commerce_events.stores.adapter import Adapter, SignatureError
from commerce_events.stores.shopify.adapter import Shopify
from commerce_events.stores.woocommerce.adapter import WooCommerce
from tests.unit.stores.listening import NOW

#: by name the adapter and its header
SIGNED: dict[str, tuple[Adapter, str]] = {
    "shopify": (Shopify("shop", {}), "x-shopify-hmac-sha256"),
    "woocommerce": (WooCommerce("shop", {}), "x-wc-webhook-signature"),
}
NAMES = pytest.mark.parametrize("name", SIGNED)

bodies = st.binary(max_size=300)
secrets = st.text(min_size=1, max_size=40)
headers = st.one_of(st.text(max_size=60), st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()))


def signature(secret: str, raw: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), raw, sha256).digest()).decode()


@NAMES
@given(raw=bodies, right=secrets, former=secrets)
def test_the_right_secret_opens_for_any_bytes_and_so_does_the_former_while_it_counts(
    name: str, raw: bytes, right: str, former: str
) -> None:
    here, header = SIGNED[name]
    for secret in (right, former):
        here.verify({header: signature(secret, raw)}, raw, [right, former], NOW)


@NAMES
@given(raw=bodies, given_header=headers, others=st.dictionaries(st.text(max_size=30), st.text(max_size=30)))
def test_anything_else_is_refused_in_one_way(
    name: str, raw: bytes, given_header: str, others: dict[str, str]
) -> None:
    here, header = SIGNED[name]
    assume(given_header != signature("secret", raw))
    with pytest.raises(SignatureError):
        here.verify({**others, header: given_header}, raw, ["secret"], NOW)


@NAMES
@given(raw=bodies)
def test_without_a_signature_or_without_a_secret_nobody_enters(name: str, raw: bytes) -> None:
    here, header = SIGNED[name]
    empty = {header: signature("", raw)}
    for given_headers, known in (({}, ["secret"]), (empty, []), (empty, [""])):
        with pytest.raises(SignatureError):
            here.verify(given_headers, raw, known, NOW)


@NAMES
@given(raw=st.binary(min_size=1, max_size=300), data=st.data())
def test_one_flipped_bit_refuses(name: str, raw: bytes, data: st.DataObject) -> None:
    here, header = SIGNED[name]
    whole = signature("secret", raw)
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        here.verify({header: whole}, bytes(changed), ["secret"], NOW)
    bit = data.draw(st.integers(0, 255))
    other = bytearray(base64.b64decode(whole))
    other[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        here.verify({header: base64.b64encode(bytes(other)).decode()}, raw, ["secret"], NOW)


@NAMES
@given(raw=bodies)
def test_a_signature_is_read_strictly(name: str, raw: bytes) -> None:
    """A lenient reading of base64 takes several texts for one signature, and a byte that is no base64 for none."""
    here, header = SIGNED[name]
    right = signature("secret", raw)
    for text in (right + "=", right.rstrip("="), right[:-2] + "*" + right[-2:], base64.b64decode(right).hex()):
        with pytest.raises(SignatureError):
            here.verify({header: text}, raw, ["secret"], NOW)
