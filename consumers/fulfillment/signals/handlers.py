"""Receivers that run inside a learner's own request, and therefore do next to nothing.

They insert one inbox row of an internal type; the handle stage does the work. Anything more would take locks in another
order than the handle stage does and deadlock learners' requests; any error without a savepoint would end them.
"""
from __future__ import annotations


def connect() -> None:
    """Connect the receivers. Called once, when the app is ready."""
