"""Modules for product kinds: those of a site, from outside of this package, and what is said of wrong ones."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commerce_events.exceptions import OperatorError
from consumers.fulfillment import modules
from consumers.fulfillment.rules import nothing
from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.purchase import MODULES
from tests.unit.fulfillment.site import DEMO, OTHER, Site, learner, line, paid, refund_line, refunded, words

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "fulfillment"
BEGINS = datetime(2026, 6, 1, tzinfo=UTC)
EARLY, LATE = "2026-05-01T00:00:00.000000+00:00", "2026-07-01T00:00:00.000000+00:00"


@pytest.fixture
def webinars(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that sells webinars, as the documentation shows them."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    own = modules.load({"x_webinar": "webinar.Webinar"})
    site = Site(policy=Policy(sources={"shop": Source()}, modules=own))
    site.course("course-v1:edX+Webinar+2026", ("audit",), enrollment_end=BEGINS)
    return site


def webinar(**more: Any) -> dict[str, Any]:
    return line(course_key="course-v1:edX+Webinar+2026", mode="audit", product_kind="x_webinar", **more)


def test_a_kind_of_the_sites_own_is_fulfilled_and_revoked(webinars: Site) -> None:
    ada, bob = webinars.user("ada"), webinars.user("bob")
    assert words(webinars.deliver(paid("100", ada, webinar(), line("2", OTHER, "honor"), paid_at=EARLY))) == [
        ("completed", "ok"), ("completed", "ok"),
    ]  # fmt: skip
    assert words(webinars.deliver(paid("101", bob, webinar(), paid_at=LATE))) == [("failed", "x_webinar_over")]
    assert words(webinars.deliver(refunded("100", refund_line("1")))) == [("retained", "x_webinar_attended")]
    assert webinars.seats() == {(ada.pk, "course-v1:edX+Webinar+2026"): "audit", (ada.pk, OTHER): "honor"}
    assert words(webinars.deliver(refunded("101"))) == [("skipped", "refund_before_paid")]


def test_such_a_line_waits_for_its_learner_as_any_other(webinars: Site) -> None:
    order = paid("100", learner(email="learner@example.com"), webinar(), paid_at=EARLY)
    assert words(webinars.deliver(order)) == [("deferred", "learner_not_found")]
    late = webinars.user("late", email="learner@example.com")
    webinars.work()
    assert list(webinars.seats()) == [(late.pk, "course-v1:edX+Webinar+2026")]
    webinars.deliver(paid("101", learner(email="nobody@example.com"), webinar(), paid_at=EARLY))
    assert words(webinars.deliver(refunded("101"))) == [("skipped", "refund_before_paid")] * 2


def test_a_site_may_replace_what_is_built_in(site: Site) -> None:
    own = modules.load({"course_seat": "consumers.fulfillment.rules.nothing"})
    assert own == {"course_seat": nothing}
    site = Site(policy=Policy(sources={"shop": Source()}, modules=own))
    assert words(site.deliver(paid("100", site.user("ada"), line(course_key=DEMO)))) == [
        ("skipped", "nothing_to_fulfill")]


def test_what_is_built_in_serves_the_kinds_of_the_contract() -> None:
    assert list(MODULES) == ["course_seat", "course_entitlement", "donation", "other"]


@pytest.mark.parametrize(("kind", "path", "says"), [
    ("x_book", "no.such.module", "cannot be imported"),
    ("x_book", "consumers.fulfillment.modules.Nobody", "cannot be imported"),
    ("x_book", "nodots", "cannot be imported"),
    ("x_book", 7, "cannot be imported"),
    ("x_book", "consumers.fulfillment.modules.load", "has no fulfil and no revoke"),
    ("x_book", "consumers.fulfillment.data", "has no fulfil and no revoke"),
    ("book", "consumers.fulfillment.rules.nothing", "no order can have this kind"),
])
def test_a_wrong_one_is_refused_with_a_hint(kind: str, path: Any, says: str) -> None:
    with pytest.raises(OperatorError, match=says) as refused:
        modules.load({kind: path})
    assert kind in str(refused.value)
    assert refused.value.hint


def test_a_module_that_lacks_something_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacking.py").write_text("import nothing_like_this\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(OperatorError, match="nothing_like_this"):
        modules.load({"x_book": "lacking"})
