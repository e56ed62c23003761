"""The page of settings, from the dictionaries of defaults and the comments beside their entries."""
from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import NamedTuple

from consumers.fulfillment.settings.common import DEFAULTS as PLUGIN

from .rst import code, heading, note, table

ROOT = Path(__file__).resolve().parents[2]
OUR_SETTINGS = {
    "COMMERCE_EVENTS": ("the durable bus", "commerce_events/bus/conf.py"),
    "COMMERCE_EVENTS['STORES']['<slug>']": ("one store of the gateway", "commerce_events/stores/conf.py"),
    "COMMERCE_GATEWAY": ("the gateway service", "commerce_events/gateway/conf.py"),
    "COMMERCE_FULFILLMENT": ("fulfillment", "consumers/fulfillment/conf.py"),
    "COMMERCE_ORDER_STATUS": ("a store's order status", "consumers/order_status/conf.py"),
}
STOCK_SETTINGS = (
    ("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "addresses of the brokers; required"),
    ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL", "address of the schema registry; required"),
    ("EVENT_BUS_KAFKA_API_KEY", "user name for SASL PLAIN over TLS; anything else goes into ``KAFKA`` below"),
    ("EVENT_BUS_KAFKA_API_SECRET", "its password; one without the other is refused"),
    ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "user name for the registry"),
    ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET", "its password; one without the other is refused"),
    ("EVENT_BUS_TOPIC_PREFIX", "put in front of every topic, with a ``-``"),
)


class Entry(NamedTuple):
    """One entry of a dictionary of defaults, as the source has it."""

    key: str
    default: str
    comment: str


def entries(path: str, name: str = "DEFAULTS") -> list[Entry]:
    """Read the entries of a dictionary from a source file."""
    source = (ROOT / path).read_text(encoding="utf-8")
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Dict):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if isinstance(target, ast.Name) and target.id == name:
            return [
                Entry(ast.literal_eval(key), ast.unparse(value), comments.get(value.end_lineno or 0, ""))
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if key is not None
            ]
    raise SystemExit(f"{path} holds no dictionary {name}")


def page() -> str:
    """Every setting: the stock event bus's, and each entry of our dictionaries with its default."""
    text = note(" and ".join(path for _, path in OUR_SETTINGS.values())) + heading("Settings", "#")
    text += (
        "Addresses are the settings of the platform's event bus; everything else stands in one dictionary per app.\n"
        "What is not said holds as listed. An entry that is not listed is refused when a process starts.\n\n"
    )
    text += heading("The platform's event bus", "*")
    text += table(("Setting", "Meaning"), ((code(name), meaning) for name, meaning in STOCK_SETTINGS))
    for name, (what, path) in OUR_SETTINGS.items():
        text += heading(f"{name}: {what}", "*")
        rows = ((code(entry.key), code(entry.default), entry.comment) for entry in entries(path))
        text += table(("Entry", "Default", "Meaning"), rows, "25 25 50")
        for key, value in PLUGIN.get(f"{name}_DEFAULTS", {}).items():
            text += f"As a plugin of an LMS, {code(key)} is {code(repr(value))} where the site says nothing.\n\n"
    return text
