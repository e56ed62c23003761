"""``commerce_stores``: look, decide, work."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from commerce_events.stores import conf, deliveries
from commerce_events.stores.management.commands.commerce_stores import Command
from commerce_events.stores.models import Delivery, Notice
from commerce_events.stores.orders import note
from commerce_events.stores.snapshot import Notice as Said
from tests.unit.stores import tiny
from tests.unit.stores.conftest import STORES
from tests.unit.stores.tiny import Shop, Tiny, order_of, picture
from tests.unit.stores.told import kinds, told

NOW = datetime(2026, 5, 2, tzinfo=UTC)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("commerce_stores", *arguments, stdout=out, stderr=io.StringIO(), skip_checks=True)
    return out.getvalue()


def records(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*arguments, "--format", "json"))
    return found


def code(*arguments: str) -> int:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return error.value.returncode


def take(raw: bytes, name: str | None = None) -> None:
    headers = {"x-delivery": name} if name else {}
    deliveries.take(conf.stores()["shop"], {**headers, "authorization": "secret"}, raw, NOW)


@pytest.fixture
def kept(sqlite: Any, shops: dict[str, Shop]) -> None:
    """Two deliveries were set aside: a body that is none, and an order that an adapter stumbled over."""
    take(b"{", "d1")
    take(json.dumps({"boom": 1, "mended": order_of("77")}).encode(), "d2")


@pytest.fixture
def mended(kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new release of the adapter."""
    read = Tiny.read

    def better(self: Tiny, headers: Any, raw: bytes) -> Any:
        order = json.loads(raw).get("mended") if raw != b"{" else None
        return read(self, headers, json.dumps({"orders": [order]}).encode()) if order else read(self, headers, raw)

    monkeypatch.setattr(Tiny, "read", better)


def test_the_list_says_what_waits_of_each_store(kept: None) -> None:
    note("gone", "1", [Said(code="refund_bounced")], NOW)
    shown = {record["source"]: record for record in records("list")}
    assert [shown["shop"][name] for name in ("kind", "state", "set_aside", "notices")] == [
        "tests.unit.stores.tiny:Tiny", "running", 2, 0,
    ]  # fmt: skip
    assert shown["other"]["set_aside"] == 0
    assert (shown["gone"]["kind"], shown["gone"]["notices"]) == ("not in the settings", 1)
    assert "SOURCE" in run()


def test_deliveries_are_listed_without_a_byte_of_theirs(kept: None) -> None:
    assert [(row["name"], row["reason"]) for row in records("deliveries")] == [
        ("d2", "adapter_failed"), ("d1", "body_invalid"),
    ]  # fmt: skip
    assert [row["name"] for row in records("deliveries", "--reason", "body_invalid")] == ["d1"]
    assert records("deliveries", "--source", "other") == []
    assert "learner@example.com" not in run("deliveries", "--format", "ndjson")


def test_bytes_are_shown_to_whoever_says_it_twice(kept: None) -> None:
    number = str(Delivery.objects.get(name="d2").pk)
    (shown,) = records("show", number)
    assert shown["now"].startswith("adapter_failed: ")
    assert "learner@example.com" not in run("show", number)
    assert code("show", number, "--bytes") == 2
    (shown,) = records("show", number, "--bytes", "--show-personal-data")
    assert "learner@example.com" in shown["raw"]
    assert json.loads(shown["headers"]) == {"x-delivery": "d2"}
    assert code("show", "99999") == 3


def test_redo_is_dry_and_then_uses_what_can_be_used(mended: None) -> None:
    assert code("redo", "--all") == 6
    assert told() == []
    assert code("redo", "--all", "--yes", "--by", "operator") == 6
    assert kinds("shop:77") == ["paid"]
    done = Delivery.objects.get(name="d2")
    assert (done.state, done.raw, done.headers, done.settled_by) == ("done", None, "", "operator")
    assert [row["name"] for row in records("deliveries")] == ["d1"]


def test_a_delivery_that_was_redone_is_a_repeat_when_it_comes_again(mended: None) -> None:
    run("redo", str(Delivery.objects.get(name="d2").pk), "--yes")
    again = json.dumps({"boom": 1, "mended": order_of("77")}).encode()
    assert deliveries.take(conf.stores()["shop"], {"x-delivery": "d2"}, again, NOW) == "repeated"
    assert kinds() == ["paid"]


def test_redo_keeps_what_would_break_the_contract(sqlite: Any, shops: dict[str, Shop]) -> None:
    take(json.dumps({"orders": [order_of("x" * 129)]}).encode())
    assert code("redo", "--all", "--yes") == 6
    kept = Delivery.objects.get()
    assert (kept.state, kept.reason, kept.raw is not None) == ("set_aside", "contract_broken", True)


def test_what_would_break_the_contract_is_said_before_it_is_tried(
    sqlite: Any, shops: dict[str, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(json.dumps({"orders": [order_of("x" * 129)]}).encode(), "d1")
    assert code("redo", "--all") == 6
    (shown,) = records("show", str(Delivery.objects.get().pk))
    assert shown["now"].startswith("contract_broken: ")
    assert Delivery.objects.get().state == "set_aside"

    def shorter(self: Tiny, headers: Any, raw: bytes) -> Any:
        return [picture(order_of("77"))]

    monkeypatch.setattr(Tiny, "read", shorter)
    (row,) = records("redo", "--all")
    assert row["state"] == "can be used"
    (shown,) = records("show", str(Delivery.objects.get().pk))
    assert shown["now"] == "can be used: 1 new events, 0 questions to the store"
    assert told() == []


def test_discard_is_dry_and_then_forgets_the_bytes(kept: None) -> None:
    assert len(records("discard", "--all", "--because", "tests")) == 2
    assert Delivery.objects.filter(raw=None).count() == 0
    run("discard", "--all", "--because", "tests", "--yes", "--by", "operator")
    assert list(Delivery.objects.values_list("state", "raw", "settled_by").distinct()) == [
        ("discarded", None, "operator: tests")
    ]
    assert code("discard", "--because", "tests") == 2
    assert code("discard", "1", "--because", "tests") == 3


def test_notices_are_there_until_somebody_has_seen_them(sqlite: Any, shops: dict[str, Shop]) -> None:
    note("shop", "77", [Said(code="chargeback_won", about="r1"), Said(code="refund_gone", about="r2")], NOW)
    assert [row["code"] for row in records("notices")] == ["refund_gone", "chargeback_won"]
    number = str(Notice.objects.get(code="refund_gone").pk)
    records("seen", number)
    assert len(records("notices")) == 2
    records("seen", number, "--yes", "--by", "operator")
    assert [row["code"] for row in records("notices")] == ["chargeback_won"]
    assert [row["seen_by"] for row in records("notices", "--seen")] == ["operator", ""]


def test_a_sweep_by_hand_is_dry_and_may_go_further_back(sqlite: Any, shops: dict[str, Shop]) -> None:
    shops["shop"].sell("77")
    (shown,) = records("sweep", "shop", "--since", "2026-01-01T00:00:00")
    assert (shown["events"], shown["done"]) == (1, False)
    assert told() == []
    (shown,) = records("sweep", "shop", "--since", "2026-01-01T00:00:00", "--yes")
    assert (shown["events"], shown["done"]) == (1, True)
    assert kinds() == ["paid"]
    assert {since.isoformat() for since in shops["shop"].since} == {"2026-01-01T00:00:00+00:00"}
    assert code("sweep", "nobody") == 3
    shops["shop"].is_away = True
    assert code("sweep", "shop", "--yes") == 7


def test_a_sweep_of_all_goes_on_behind_a_store_that_fails(
    sqlite: Any, shops: dict[str, Shop], settings: Any
) -> None:
    never = {**STORES["shop"], "SWEEP": 0}
    stores = dict.fromkeys(("away", "locked", "shop"), STORES["shop"]) | {"never": never}
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": stores}
    for name in stores:
        tiny.SHOPS[name] = Shop()
        tiny.SHOPS[name].sell("77")
    tiny.SHOPS["away"].is_away = tiny.SHOPS["locked"].is_locked = True
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"2 of 3 .*\nLook at the key") as error:
        call_command("commerce_stores", "sweep", "--yes", "--format", "json", stdout=out, skip_checks=True)
    assert error.value.returncode == 3
    assert [(row["source"], row["done"], row["trouble"]) for row in json.loads(out.getvalue())] == [
        ("away", False, "the store does not answer"), ("locked", False, "the store refuses our key"),
        ("shop", True, ""),
    ]  # fmt: skip
    assert [key for key, _ in told()] == ["shop:77"]
    tiny.SHOPS["locked"].is_locked = False
    assert code("sweep", "--yes") == 7
    (shown,) = records("sweep", "never", "--yes")
    assert shown["done"]


def test_a_store_that_cannot_be_asked_is_not_swept_and_says_so(
    sqlite: Any, shops: dict[str, Shop], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mute = {"KIND": "woocommerce", "SECRETS": ["the-secret-of-the-mute-one"]}
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {**STORES, "mute": mute}}
    shops["other"].is_away = True
    for _ in range(2):
        run("work", "--until-idle")
    assert [line for line in caplog.messages if "mute" in line] == [
        "store mute is not swept: it has no address or key of an API"
    ] * 2
    shown = {row["source"]: (row["swept_until"] is not None, row["trouble"]) for row in records("list")}
    assert shown == {
        "mute": (False, "cannot be asked"), "other": (True, ""), "shop": (True, ""),
    }  # fmt: skip
    assert code("sweep", "mute") == 3


def test_a_store_was_swept_until_nothing_before_it_was_swept_once(sqlite: Any, shops: dict[str, Shop]) -> None:
    shops["shop"].sell("77")
    shops["shop"].is_away = True
    assert code("sweep", "shop", "--yes") == 7
    shown = {row["source"]: row for row in records("list")}["shop"]
    assert (shown["swept_until"], shown["trouble"]) == (None, "the store does not answer")
    shops["shop"].is_away = False
    run("sweep", "shop", "--yes")
    shown = {row["source"]: row for row in records("list")}["shop"]
    assert shown["swept_until"] and not shown["trouble"]


@pytest.mark.parametrize(("said", "words"), [
    (("sweep", "shop", "--since", "yesterday"), "'yesterday' is no time of ISO 8601, such as 2026-"),
    (("discard", "1", "--because", " "), "say why"),
    (("redo", "--all", "--reason", "nosuch"), "contract_broken"),
    (("redo", "1", "--all"), "numbers or --all, not both"),
    (("redo",), "say which"),
])  # fmt: skip
def test_a_wrong_command_line_ends_with_2_and_says_what_is_right(
    kept: None, said: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "commerce_stores", *said])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_what_is_not_there_is_said_in_its_own_words(kept: None) -> None:
    for action in ("deliveries", "notices", "asks"):
        assert code(action, "--source", "nosuch") == 3
    note("gone", "1", [Said(code="refund_bounced")], NOW)
    assert len(records("notices", "--source", "gone")) == 1
    for action, word in (("seen", "notices"), ("redo", "deliveries")):
        with pytest.raises(CommandError, match=f"not among the {word}"):
            run(action, "999")


def test_work_ends_when_nothing_is_left(sqlite: Any, shops: dict[str, Shop]) -> None:
    shops["shop"].sell("77")
    shops["other"].sell("78")
    run("work", "--until-idle")
    assert sorted(key for key, _ in told()) == ["other:78", "shop:77"]
    assert records("asks") == []
