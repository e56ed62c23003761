"""Finding an engine: offers in a fixed order, the first that comes up is taken, and what was passed over is told.

With ``COMMERCE_EVENTS_REQUIRE_ENGINES=1`` an engine that is not there is a failure; otherwise the tests that need it
are skipped, and the summary of the run counts them.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from commerce_events.exceptions import OperatorError

REQUIRED = os.environ.get("COMMERCE_EVENTS_REQUIRE_ENGINES", "") not in ("", "0")


@dataclass(frozen=True)
class Offer[E]:
    """One way to get an engine.

    Arguments:
        how: in the words of the run's header.
        lacks: what is missing for it, cheaply asked; '' when nothing is.
        open: starts it; ends it on exit.
    """

    how: str
    lacks: Callable[[], str]
    open: Callable[[], AbstractContextManager[E]]


@dataclass
class Search[E]:
    """An engine that tests may ask for; started at the first question, ended with the run."""

    name: str
    offers: Sequence[Offer[E]]
    used: str = ""
    passed_over: list[str] = field(default_factory=list)
    _found: E | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def plan(self) -> str:
        """What would be used, without starting it."""
        for offer in self.offers:
            if not offer.lacks():
                return offer.how
        return "none: " + "; ".join(f"{offer.how}: {offer.lacks()}" for offer in self.offers)

    def get(self) -> E | None:
        """The engine, started if need be; None if no offer works. The reasons are in ``passed_over``."""
        if self._found is None and not self.passed_over:
            for offer in self.offers:
                try:
                    if lack := offer.lacks():
                        raise OperatorError(lack, hint="")
                    self._found = self._stack.enter_context(offer.open())
                except OperatorError as error:
                    self.passed_over.append(f"{offer.how}: {error} {error.hint}".strip())
                    continue
                self.used = offer.how
                break
        return self._found

    def need(self, test: pytest.Item) -> E:
        """The engine; without one the test is skipped, or fails where engines are required."""
        if (found := self.get()) is None:
            self.miss(test)
        test.user_properties.append((f"used {self.name}", self.used))
        return found

    def miss(self, test: pytest.Item) -> NoReturn:
        """Skip a test for want of the engine. The note on it reaches the summary from other processes too."""
        reason = f"no {self.name}: " + "; ".join(self.passed_over)
        test.user_properties.append((f"missed {self.name}", reason))
        if REQUIRED:
            pytest.fail(f"{reason} (COMMERCE_EVENTS_REQUIRE_ENGINES is set)", pytrace=False)
        pytest.skip(reason)

    def close(self) -> None:
        """End what was started."""
        self._stack.close()
        self._found = None
