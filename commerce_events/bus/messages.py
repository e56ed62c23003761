"""Event metadata as headers, for events that were sent through openedx-events and carry metadata of their own."""

from __future__ import annotations

from typing import Any

from commerce_events import topics


def stock_headers(metadata: Any) -> dict[str, str]:
    """The headers that edx-event-bus-kafka makes of an ``EventsMetadata``, as text."""
    return {
        topics.HEADER_TYPE: metadata.event_type,
        topics.HEADER_ID: str(metadata.id),
        topics.HEADER_SOURCE: metadata.source,
        topics.HEADER_SPEC_VERSION: "1.0",
        topics.HEADER_TIME: metadata.time.isoformat(),
        topics.HEADER_MINOR_VERSION: str(metadata.minorversion),
        topics.HEADER_SOURCE_HOST: metadata.sourcehost,
        topics.HEADER_SOURCE_LIB: ".".join(map(str, metadata.sourcelib)),
        topics.HEADER_CONTENT_TYPE: topics.CONTENT_TYPE,
        topics.HEADER_DATA_CONTENT_TYPE: topics.CONTENT_TYPE,
    }
