"""Questions to the catalog, which is another service."""
from __future__ import annotations

import uuid
from typing import Any

import outside


def get_course_runs_for_course(course_uuid: Any) -> list[dict[str, Any]]:
    if course_uuid is None:
        raise ValueError("missing course_uuid")
    outside.tell("catalog", "runs", str(course_uuid))
    return [{"key": key} for key in outside.catalog.get(str(course_uuid), [])]


def get_course_uuid_for_course(course_run_key: Any) -> uuid.UUID | None:
    outside.tell("catalog", "course", str(course_run_key))
    for course_uuid, runs in outside.catalog.items():
        if str(course_run_key) in runs:
            return uuid.UUID(course_uuid)
    return None
