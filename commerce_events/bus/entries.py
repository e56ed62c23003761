"""What each entry of ``COMMERCE_EVENTS`` may be; what it means stands beside its default, in ``conf``.

The bounds are where something would break, or where a value can only be a slip; what is wise is narrower.
"""

from __future__ import annotations

from commerce_events.entries import (
    ANYTHING,
    DOTTED,
    SLUG,
    TEXT,
    YES_OR_NO,
    Kind,
    either,
    listed,
    mapping,
    number,
    text,
    whole,
)

YEAR = 365 * 24 * 60 * 60
NOTHING = text("empty", "")
TOPIC = text("the name of a topic: letters, digits, '.', '_' and '-'", r"[A-Za-z0-9._-]{1,249}")

ENTRIES: dict[str, Kind] = {
    "INSTALLATION": SLUG,
    "CONSUMER_GROUP": TEXT,
    "TOPICS": listed(TOPIC, such_as=["commerce-order-lifecycle"]),
    "SOURCE_TOPICS": mapping(TOPIC, keys=SLUG, such_as={"shop": "shop-commerce-order-lifecycle"}),
    "HANDLERS": listed(DOTTED, such_as=["consumers.fulfillment.handler.FulfillmentHandler"]),
    "KAFKA": mapping(ANYTHING, such_as={"compression.type": "lz4"}),
    "BATCH": whole(1, 10_000),
    "LANES": whole(1, 16),
    "STRAIGHT_PATH": YES_OR_NO,
    "RESEND_AFTER": number(0, YEAR),
    "RESEND_EVERY": number(0, YEAR),
    "UNKNOWN_ATTEMPTS": whole(1, 1000),
    "TRANSIENT_HOURS": number(0, YEAR / 3600),
    "BREAKER_WINDOW": whole(1, 100_000),
    "BREAKER_SHARE": number(0.01, 1),
    "BREAKER_PROBE": number(0.1, 86_400),
    "BREAKER_SUCCESSES": whole(1, 100_000),
    "SOURCE_LIMITS": mapping(number(0.01, 1_000_000), keys=SLUG, such_as={"shop": 600}),
    "CROWD": whole(0, 1_000_000),
    "SESSION_TIMEOUT": number(1, 3600),
    "LEASE": number(1, 3600),
    "REGISTER_SCHEMAS": YES_OR_NO,
    "MAX_VALUE_BYTES": whole(1, 1 << 30),
    "POISON_PAUSE": whole(1, 1_000_000),
    "MIRROR_DEAD_LETTERS": YES_OR_NO,
    "TOPIC_CHECK": number(1, 86_400),
    "RETENTION_DAYS": whole(1, 36_500),
    "HEALTH_FILE": either(NOTHING, TEXT, such_as="/run/commerce-events/health"),
    "METRICS": either(NOTHING, text("host:port", r".+:\d{1,5}"), such_as="127.0.0.1:9464"),
    "STORES": mapping(ANYTHING, such_as={"shop": {"KIND": "woocommerce", "SECRETS": ["env:SHOP_SECRET"]}}),
    "CONSUMER": DOTTED,
}
