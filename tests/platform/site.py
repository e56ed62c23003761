"""A site whose platform is an LMS."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment, UserProfile
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx_filters import PipelineStep
from openedx_filters.learning.filters import CourseEnrollmentStarted, CourseUnenrollmentStarted

from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.platform.gateway import PlatformGateway
from consumers.fulfillment.rules.policy import Policy
from tests.unit.fulfillment.site import DEMO, SHOP, Site

KEY = CourseKey.from_string(DEMO)
PRICED = {"verified": 100, "professional": 900, "no-id-professional": 900, "credit": 500}


class LmsSite(Site):
    """The site of the other tests, with the platform's tables instead of the reference gateway's."""

    def __init__(self, gateway: Gateway | None = None, policy: Policy = SHOP) -> None:
        super().__init__(gateway or PlatformGateway(), policy)

    def user(self, name: str, *, profile: bool = True, country: str = "", **more: Any) -> Any:
        user = super().user(name, **more)
        if profile:
            UserProfile.objects.create(user=user, name="Some Learner", country=country)
        return user

    def course(self, key: str = DEMO, modes: Iterable[str] = ("audit", "verified"), **more: Any) -> Any:
        course_key = CourseKey.from_string(key)
        if hasattr(CourseOverview, "_location"):  # the platform keeps more of a course than its double
            more["_location"] = course_key.make_usage_key("course", "course")
        course = CourseOverview.objects.create(
            id=course_key, display_name="A course", version=CourseOverview.VERSION, **more
        )
        for mode in modes:
            self.mode(key, mode)
        return course

    def mode(self, key: str = DEMO, slug: str = "verified", **more: Any) -> Any:
        return CourseMode.objects.create(
            course_id=CourseKey.from_string(key), mode_slug=slug, mode_display_name=slug,
            min_price=PRICED.get(slug, 0), **more,
        )  # fmt: skip

    def set_seat(self, user: Any, mode: str | None, course_key: str = DEMO) -> None:
        """Staff enrolls, moves or unenrolls a learner, in a request of their own."""
        key = CourseKey.from_string(course_key)
        row = CourseEnrollment.objects.filter(user_id=getattr(user, "pk", user), course_id=key).first()
        if mode is None:
            if row is not None:
                row.update_enrollment(is_active=False)
        elif row is None:
            CourseEnrollment.enroll(user, key, mode=mode)
        else:
            row.update_enrollment(mode=mode, is_active=True)
        PlatformGateway().begin()

    def seat(self, user: Any, course_key: str = DEMO) -> str | None:
        rows = CourseEnrollment.objects.filter(user_id=getattr(user, "pk", user), is_active=True)
        row = rows.filter(course_id=CourseKey.from_string(course_key)).first()
        return row.mode if row else None

    def attributes(self, user: Any, course_key: str = DEMO) -> dict[str, str]:
        row = CourseEnrollment.objects.get(user=user, course_id=CourseKey.from_string(course_key))
        return {f"{item.namespace}:{item.name}": item.value for item in row.attributes.all()}


@contextmanager
def filtered(filter_: type, step: Any, settings: Any) -> Iterator[None]:
    """The site has a filter: a pipeline of one step, which is given and returns keyword arguments."""
    Step.run = staticmethod(step)
    settings.OPEN_EDX_FILTERS_CONFIG = {
        filter_.filter_type: {"pipeline": ["tests.platform.site.Step"], "fail_silently": False}  # type: ignore[attr-defined]
    }
    try:
        yield
    finally:
        del settings.OPEN_EDX_FILTERS_CONFIG


class Step(PipelineStep):  # type: ignore[misc]
    """A pipeline step whose work a test says."""

    run: Any = None

    def run_filter(self, **kwargs: Any) -> Any:
        return type(self).run(**kwargs)


def refuse_enrollment(**kwargs: Any) -> Any:
    raise CourseEnrollmentStarted.PreventEnrollment("You may not enter.")


def refuse_unenrollment(**kwargs: Any) -> Any:
    raise CourseUnenrollmentStarted.PreventUnenrollment("You may not leave.")
