"""Stripe's signature: checked as the vendor's own library does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.stores.adapter import SignatureError
from commerce_events.stores.stripe.adapter import Stripe
from tests.unit.stores.fake_stripe import API_KEY, SECRET, FakeStripe, header
from tests.unit.stores.listening import NOW

HERE = Stripe("shop", {"api_key": API_KEY})
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40)


def passes(said: str, raw: bytes, *known: str, now: datetime = NOW) -> bool:
    try:
        HERE.verify({"stripe-signature": said}, raw, known, now)
    except SignatureError:
        return False
    return True


def stripe_passes(said: str, raw: bytes, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(raw, said, secret, None)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_stripes_own_library_takes_what_is_taken_here() -> None:
    account = FakeStripe()
    _, raw = account.complete(account.session(account.line()))
    now = datetime.now(UTC)
    said = header(raw, SECRET, at=now)
    assert stripe.Webhook.construct_event(raw, said, SECRET).id == account.events[-1]["id"]
    assert passes(said, raw, SECRET, now=now)


@given(raw=st.text(max_size=100).map(str.encode), secret=secrets.filter(str.strip))
def test_what_the_library_signs_opens_for_any_bytes(raw: bytes, secret: str) -> None:
    said = stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, int(NOW.timestamp()))
    assert passes(said, raw, secret) and stripe_passes(said, raw, secret)


def test_the_whole_secret_is_the_key() -> None:
    """Where Standard Webhooks take the base64 behind the prefix."""
    assert not passes(header(b"{}", "c2VjcmV0"), b"{}", SECRET)
    assert not passes(header(b"{}", "secret"), b"{}", SECRET)


def test_while_a_secret_is_rolled_there_are_two_signatures_or_two_secrets() -> None:
    assert passes(header(b"{}", "whsec_new", "whsec_old"), b"{}", "whsec_old")
    assert passes(header(b"{}", "whsec_old"), b"{}", "whsec_new", "whsec_old")


@pytest.mark.parametrize(("seconds", "is_taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_counts_five_minutes(seconds: int, is_taken: bool) -> None:
    assert passes(header(b"{}", SECRET, at=NOW - timedelta(seconds=seconds)), b"{}", SECRET) is is_taken


def test_the_time_is_signed_and_stands_there_once() -> None:
    said = header(b"{}", SECRET, at=NOW - timedelta(hours=1))
    late, now = str(int(NOW.timestamp()) - 3600), str(int(NOW.timestamp()))
    assert not passes(said.replace(late, now), b"{}", SECRET)
    assert not passes(f"t={now}," + said, b"{}", SECRET)
    assert not passes(said.replace(f"t={late},", ""), b"{}", SECRET)


def test_v0_and_other_schemes_do_not_count() -> None:
    said = header(b"{}", SECRET)
    assert not passes(said.replace("v0=deprecated", "").replace("v1=", "v0="), b"{}", SECRET)


@given(said=st.one_of(
    st.text(max_size=80), st.builds("t={},v1={}".format, st.integers(), st.text(max_size=64)),
    st.builds(
        lambda parts: ",".join(f"{name}={value}" for name, value in parts),
        st.lists(st.tuples(st.sampled_from(["t", "v1", "v0", ""]), st.one_of(
            st.just(str(int(NOW.timestamp()))), st.text(max_size=20), st.from_regex("[0-9a-f]{64}", fullmatch=True),
        )), max_size=4),
    ),
), raw=st.binary(max_size=60), known=st.lists(st.text(max_size=10), max_size=2))  # fmt: skip
def test_anything_else_is_refused_in_one_way(said: str, raw: bytes, known: list[str]) -> None:
    assert not passes(said, raw, *known)


@given(raw=st.binary(min_size=1, max_size=100), data=st.data())
@settings(deadline=None)
def test_one_flipped_bit_refuses(raw: bytes, data: st.DataObject) -> None:
    said = bytearray(header(raw, SECRET).split(",v0")[0].encode())
    body = bytearray(raw)
    of = data.draw(st.sampled_from([said, body]))
    bit = data.draw(st.integers(0, len(of) * 8 - 1))
    of[bit // 8] ^= 1 << bit % 8
    assert not passes(said.decode("latin-1"), bytes(body), SECRET)


@given(raw=st.binary(max_size=60))
def test_without_a_signature_or_without_a_secret_nobody_enters(raw: bytes) -> None:
    assert not passes(header(raw, ""), raw, "") and not passes(header(raw, SECRET), raw)
    with pytest.raises(SignatureError):
        HERE.verify({}, raw, [SECRET], NOW)
