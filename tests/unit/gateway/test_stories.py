"""Whatever is delivered of one story, through the service the same events go out; for every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from commerce_events.gateway import views
from commerce_events.stores import conf, sweep
from commerce_events.stores.models import Delivery, Notice
from commerce_events.stores.rounds import Rounds
from tests.unit.gateway.stories import SCENES, WAYS, Scene
from tests.unit.stores import fake_saleor
from tests.unit.stores.listening import NOW, Request
from tests.unit.stores.serving import served
from tests.unit.stores.told import told

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture
def scene(request: pytest.FixtureRequest, settings: Any) -> Iterator[Scene]:
    made = SCENES[request.param]()
    with served(made.store) as url:
        store = {"KIND": made.kind, "SECRETS": made.secrets, "OPTIONS": made.options(url)}
        settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {"shop": store}}
        settings.ROOT_URLCONF = "commerce_events.gateway.urls"
        views.reception().clock = clock
        yield made
        views.forget()


def deliver(request: Request) -> tuple[int, bytes]:
    headers, raw = request
    kind = headers.get("content-type", "application/json")
    others = {name: text for name, text in headers.items() if name != "content-type"}
    response = Client().post("/webhooks/shop", raw, content_type=kind, headers=others)
    return response.status_code, response.content


def work() -> None:
    """What the process beside the web server does; the sweeps are not due."""
    rounds = Rounds(conf.stores(), clock)
    while rounds.once():
        pass
    rounds.lease.release()


def events() -> list[Any]:
    return [content for _, content in told()]


EXPECTED: dict[str, list[Any]] = {}  # by kind; what the first way gave, that others must give


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_the_same_events_go_out(
    sqlite: Any, scene: Scene, way: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "is_due", lambda store, now: False)
    sent = scene.happen()
    for one in WAYS[way](sent):
        assert deliver(one)[0] == 200
        work()
    if way == "not_at_all":
        sweep.sweep(conf.stores()["shop"], clock, BEFORE)
        work()
    found = events()
    assert [content["type"] for content in found] == ["paid"] + ["refunded"] * (len(found) - 1)
    assert [content["is_full"] for content in found[1:]] == [False] * (len(found) - 2) + [True]
    totals = {line["line_id"]: line["refunded_total"] for content in found[1:] for line in content["lines"]}
    assert sorted(totals.values()) == [1, 2]
    assert found == EXPECTED.setdefault(scene.kind, found)
    assert not Delivery.objects.filter(state=Delivery.State.SET_ASIDE).exists()
    assert not Notice.objects.exists()
    # and once more, everything, and the sweep: nothing
    for one in sent:
        deliver(one)
    sweep.sweep(conf.stores()["shop"], clock, BEFORE)
    work()
    assert events() == found


@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_a_signature_of_one_store_is_none_for_another(sqlite: Any, scene: Scene, settings: Any) -> None:
    """The same kind of store, under another slug, with a secret of its own."""
    (store,) = settings.COMMERCE_EVENTS["STORES"].values()
    other = {**store, "SECRETS": ["whsec_" + "YW5vdGhlci1zZWNyZXQtb2YtYW5vdGhlcg=="]}
    if scene.kind == "saleor":  # signs with a key of its own, and has no secret
        other |= {"SECRETS": [], "OPTIONS": {"jwks": {"keys": [fake_saleor.public("k1", fake_saleor.key(2))]}}}
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {"shop": other}}
    views.reception().clock = clock
    assert {deliver(request)[0] for request in scene.happen()} == {401}
    assert events() == []


@pytest.mark.parametrize("scene", ["woocommerce"], indirect=True)
def test_the_ping_of_a_new_webhook_is_unsigned_and_gets_exactly_200(sqlite: Any, scene: Scene) -> None:
    """Else WooCommerce would not save the webhook."""
    assert deliver(({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=5"))[0] == 200
    assert deliver(({"content-type": "application/json"}, b'{"id": 5}'))[0] == 401
    assert events() == []
    assert not Delivery.objects.exists()
