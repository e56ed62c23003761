"""``commerce_retire_learner``: after it nothing that we keep names the learner; the rest is as it was (R34)."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class
from openedx.core.djangoapps.user_api.accounts import views as retirement
from openedx.core.djangoapps.user_api.accounts.utils import create_retirement_request_and_deactivate_account

from commerce_events.bus.retention import CHUNKS
from commerce_events.models import DeadLetter, Inbox
from consumers.fulfillment import api, sweep
from consumers.fulfillment.management.commands.commerce_retire_learner import EXIT
from consumers.fulfillment.models import Grant, WaitingLine
from tests.platform.site import LmsSite
from tests.unit.fulfillment.site import learner, line, paid, refunded, words

SMALL = "course-v1:edX+Small+1"
EMAIL, NAME = "Canary.Learner@example.com", "canary_learner"
OTHER = "other.learner@example.com"


def forget(**options: Any) -> dict[str, int]:
    out = StringIO()
    call_command("commerce_retire_learner", stdout=out, **{"yes": True, "format": "json", **options})
    return {row["what"]: row["rows"] for row in json.loads(out.getvalue())}


def kept() -> str:
    """Everything in our tables, as one text."""
    tables: list[Any] = [Inbox.objects, Grant.objects, WaitingLine.objects, DeadLetter.objects]
    rows = [row for table in tables for row in table.order_by("pk").values()]
    return "\n".join(
        str(bytes(value) if isinstance(value, memoryview) else value) for row in rows for value in row.values()
    ).lower()


def letter(value: bytes, **more: Any) -> DeadLetter:
    return DeadLetter.objects.create(
        topic="orders", partition=0, offset=DeadLetter.objects.count(), reason="schema_invalid", value=value,
        key=b"shop:1", headers="[]", received_at=datetime.now(UTC), **more,
    )  # fmt: skip


@pytest.fixture
def canary(site: LmsSite) -> Any:
    """A learner with every kind of trace: fulfilled, refunded, held, failed at once, a gift, and unreadable."""
    user = site.user(NAME, email=EMAIL)
    other = site.user("other", email=OTHER)
    site.course(SMALL, max_student_enrollments_allowed=0)
    gift = {**learner(email=EMAIL.lower()), "store_customer_id": "canary-7"}
    site.deliver(
        paid("100", learner(user.pk, NAME, EMAIL)), paid("101", learner(email=EMAIL), line("1", SMALL)),
        paid("102", learner(username=NAME), line("1", "course-v1:edX+Missing+1")),
        paid("103", other, line("1", beneficiary=gift), line("2", SMALL)),
        paid("104", learner(other.pk, email=OTHER)),
    )  # fmt: skip
    site.deliver(refunded("100", learner=learner(user.pk, NAME, EMAIL)))
    letter(b"\x00" + bytes([len(NAME) * 2]) + NAME.encode() + b"\x02")
    letter(json.dumps({"email": EMAIL}).encode())
    assert site.grant("101").state == site.grant("103", "2").state == "held"
    return user


def test_nothing_names_a_learner_who_has_retired(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    site.deliver(paid("105", learner(email=EMAIL)))  # late: it fails at once, and the ledger knows no learner
    assert EMAIL.lower() in kept() and NAME in kept()
    assert "canary-7" in kept()
    forget(all=True)
    site.later(60)
    assert EMAIL.lower() not in kept()
    assert NAME not in kept()
    assert "canary-7" not in kept()
    assert OTHER in kept()


def test_open_lines_end_and_others_stay_open(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    found = forget(user_id=canary.pk)
    site.later(60)
    assert site.current("101") == {("1", "fulfill", None): ("failed", "learner_retired")}
    assert site.grant("103", "2").state == "held", "another learner's line of an order with a gift"
    assert (found["lines"], found["letters"]) == (1, 2)
    assert site.current("104")["1", "fulfill", None] == ("completed", "ok")


def test_copies_are_recognised_and_a_retry_finds_who_has_retired(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    forget(all=True)
    site.later(60)
    results, journey = site.results(), api.journey("shop", "101")
    site.receive(paid("101", learner(email=EMAIL), line("1", SMALL)))
    site.work()
    assert (site.results(), api.journey("shop", "101")) == (results, journey)

    site.course("course-v1:edX+Missing+1")
    assert api.retry("shop", "102", ["1"], "someone")
    site.later(60)
    assert site.current("102") == {("1", "fulfill", None): ("failed", "learner_retired")}


def test_order_and_line_ids_and_the_number_stay(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    forget(all=True)
    site.later(60)
    grant = site.grant("100")
    assert (grant.order_key, grant.line_id, grant.lms_user_id) == ("shop:100", "1", canary.pk)


def test_without_yes_it_says_the_same_and_changes_nothing(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    before = kept()
    said = forget(all=True, yes=False)
    assert kept() == before
    assert min(said.values()) > 0
    assert forget(all=True) == said
    site.later(60)
    assert forget(all=True) == {"lines": 0, "events": 0, "letters": 0}


def test_when_all_is_done_the_address_alone_still_finds_them(site: LmsSite, canary: Any) -> None:
    create_retirement_request_and_deactivate_account(canary)
    retirement.retire(NAME)
    retirement.cleanup([NAME])
    forget(email=EMAIL.upper(), username=NAME)
    site.later(60)
    assert EMAIL.lower() not in kept() and NAME not in kept()


def test_a_buyer_who_never_had_an_account(site: LmsSite) -> None:
    site.deliver(paid("100", learner(email=EMAIL)), paid("200", learner(email=OTHER)))
    assert words(site.results()) == [("deferred", "learner_not_found")] * 2
    assert forget(email=EMAIL)["lines"] == 1
    site.later(60)
    assert site.current("100") == {("1", "fulfill", None): ("failed", "discarded")}
    assert site.current("200") == {("1", "fulfill", None): ("deferred", "learner_not_found")}
    assert EMAIL.lower() not in kept() and OTHER in kept()


def test_a_name_is_found_as_a_whole_value_only(lms_site: LmsSite) -> None:
    user = lms_site.user("al")
    lms_site.deliver(paid("100", learner(username="alice")))
    kept_letter = letter(b"\x0aalice and \xffal\xff")
    create_retirement_request_and_deactivate_account(user)
    assert forget(user_id=user.pk) == {"lines": 0, "events": 0, "letters": 0}
    kept_letter.refresh_from_db()
    assert kept_letter.value is not None


def test_a_letter_that_was_settled_keeps_its_resolution(lms_site: LmsSite) -> None:
    row = letter(EMAIL.encode(), state="redriven", resolution="mended")
    still_open = letter(EMAIL.encode())
    assert forget(email=EMAIL, by="someone")["letters"] == 2
    row.refresh_from_db()
    still_open.refresh_from_db()
    assert (row.state, row.resolution, row.value) == ("redriven", "mended", None)
    assert (still_open.state, still_open.value) == ("discarded", None)
    assert still_open.resolution == f"{sweep.FORGOTTEN} (someone)"


def test_long_tables_and_many_people(site: LmsSite, canary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        create_retirement_request_and_deactivate_account(site.user(f"user{number}"))
    create_retirement_request_and_deactivate_account(canary)
    monkeypatch.setitem(CHUNKS, Inbox, 2)
    monkeypatch.setattr(sweep, "TOGETHER", 2)
    forget(all=True)
    site.later(60)
    assert EMAIL.lower() not in kept() and NAME not in kept()


@pytest.mark.parametrize(("options", "code", "says"), [
    ({}, 2, "who?"),
    ({"all": True, "user_id": 7}, 2, "who?"),
    ({"user_id": 4711}, 3, "no account 4711"),
    ({"username": "active"}, 3, "has not retired"),
    ({"email": "active@example.com", "username": "another"}, 3, "2 accounts"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(lms_site: LmsSite, options: dict[str, Any], code: int, says: str) -> None:
    lms_site.user("active")
    lms_site.user("another")
    with pytest.raises(CommandError, match=says) as ended:
        forget(**options)
    assert ended.value.returncode == code


def test_help_shows_examples_and_exit_codes() -> None:
    name = "commerce_retire_learner"
    shown = load_command_class("consumers.fulfillment", name).create_parser("manage.py", name).format_help()
    assert f"  manage.py {name} --all" in shown
    assert all(f"  {code}  {text}" in shown for code, text in EXIT.items())


@pytest.mark.parametrize("how", ["table", "ndjson", "csv"])
def test_every_format(lms_site: LmsSite, how: str) -> None:
    out = StringIO()
    call_command("commerce_retire_learner", stdout=out, all=True, format=how)
    assert "events" in out.getvalue()
