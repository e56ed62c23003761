"""A store's hook with a memory; named by settings, so it stands in a module of its own."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar

from consumers.order_status.hooks import News


class Listener:
    """What it heard, and what it does next."""

    heard: ClassVar[list[News]] = []
    answers: ClassVar[list[Callable[[], None]]] = []

    def __init__(self, *, timeout: float, word: str = "") -> None:
        self.word = word

    def tell(self, news: News) -> None:
        self.heard.append(news)
        if self.answers:
            self.answers.pop(0)()


def fail(error: Exception) -> Callable[[], None]:
    def raising() -> None:
        raise error

    return raising


class Hanging:
    """Answers nobody until it is released."""

    release: ClassVar[threading.Event] = threading.Event()

    def __init__(self, *, timeout: float) -> None:
        self.timeout = timeout

    def tell(self, news: News) -> None:
        self.release.wait(self.timeout)
