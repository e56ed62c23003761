"""A line waits for its learner, and goes on when the account is there."""
from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import update_last_login

from commerce_events.models import Inbox
from consumers.fulfillment.models import Grant, WaitingLine
from tests.unit.fulfillment.site import DEMO, Site, learner, line, paid, refunded, words

LATE = "learner@example.com"


def test_a_line_waits_for_an_unknown_learner_and_resumes_on_registration(site: Site) -> None:
    other = site.user("other")
    assert words(site.deliver(paid("100", learner(email=LATE)), paid("101", other))) == [
        ("deferred", "learner_not_found"), ("completed", "ok"),
    ]  # fmt: skip
    late = site.user("late", email="Learner@Example.com")
    site.work()
    assert site.seats() == {(late.pk, DEMO): "verified", (other.pk, DEMO): "verified"}
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert not WaitingLine.objects.exists()


@pytest.mark.parametrize("who", [learner(username="late"), learner(username="late", email=LATE)])
def test_a_line_waits_for_a_user_name(site: Site, who: dict[str, object]) -> None:
    site.deliver(paid("100", who))
    site.user("somebody")
    site.work()
    assert site.seats() == {}
    late = site.user("late", email=LATE)
    site.work()
    assert site.seats() == {(late.pk, DEMO): "verified"}


def test_an_unactivated_account_proves_nothing_about_its_email(site: Site) -> None:
    late = site.user("late", email=LATE, is_active=False)
    assert words(site.deliver(paid("100", learner(email=LATE)))) == [("deferred", "account_not_active")]
    late.is_active = True
    late.save()
    site.work()
    assert site.seat(late) == "verified"


def test_an_email_change_resumes_too(site: Site) -> None:
    late = site.user("late", email="before@example.com")
    site.deliver(paid("100", learner(email=LATE)))
    late.email = LATE
    late.save(update_fields=["email"])
    site.work()
    assert site.seat(late) == "verified"


def test_a_login_inserts_nothing(site: Site) -> None:
    user = site.user("ada")
    before = Inbox.objects.count()
    update_last_login(None, user)
    assert Inbox.objects.count() == before


def test_identifiers_are_kept_only_while_the_line_waits(site: Site) -> None:
    site.deliver(paid("100", learner(email=LATE), line("1"), line("2", mode="audit")))
    assert WaitingLine.objects.count() == 2
    assert LATE not in str(list(Grant.objects.values()))
    site.deliver(refunded("100"))
    assert not WaitingLine.objects.exists()
    site.user("late", email=LATE)
    site.work()
    assert site.seats() == {}
    assert all(LATE not in str(result) for result in site.results())


def test_the_wait_ends_after_half_a_year(site: Site) -> None:
    site.deliver(paid("100", learner(email=LATE)))
    site.now += timedelta(days=179)
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("deferred", "learner_not_found")
    site.now += timedelta(days=2)
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("failed", "learner_not_found")
    assert not WaitingLine.objects.exists()
    site.user("late", email=LATE)
    site.work()
    assert site.seats() == {}


def test_a_registration_that_the_deciding_transaction_could_not_see_is_not_lost(site: Site) -> None:
    site.receive(paid("100", learner(email=LATE)))
    due = site.stage.due(site.now, 10)
    site.stage.run(due, site.context)
    # The account appears, and its event is handled, before the waiting line is visible to anybody: here, never.
    get_user_model().objects.bulk_create([get_user_model()(username="late", email=LATE)])
    site.work()
    assert list(site.seats().values()) == ["verified"]


def test_two_people_under_one_address_are_a_conflict(site: Site) -> None:
    site.user("one", email="learner@example.com")
    site.user("two", email="LEARNER@example.com")
    assert words(site.deliver(paid("100", learner(email=LATE)))) == [("failed", "identity_conflict")]


def test_a_gift_waits_for_its_beneficiary(site: Site) -> None:
    buyer = site.user("buyer")
    gift = line(beneficiary=learner(email=LATE))
    assert words(site.deliver(paid("100", buyer, gift))) == [("deferred", "learner_not_found")]
    late = site.user("late", email=LATE)
    site.work()
    assert site.seats() == {(late.pk, DEMO): "verified"}


def test_an_id_that_no_account_can_have_harms_nobody_else(site: Site) -> None:
    ada = site.user("ada")
    site.receive(paid("100", learner(2**40)), paid("101", ada))
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("deferred", "learner_not_found")
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert not Inbox.objects.filter(attempts__gt=0).exists()
