"""The site's choices, frozen: what the rules may be told, each with the default that is safe.

The caller builds one ``Policy`` from its settings at start and passes it to every decision, so a rule never reads a
setting by itself and a test can choose any combination.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .decision import Module

#: Course modes from best to least, as the platform's own upgrade path has them.
RANK = ("credit", "masters", "professional", "no-id-professional", "verified", "honor", "audit")
#: What ``access_hint`` and the site's refund policy may say, from mildest to strictest; ``default`` restores the base.
STRICTNESS = {"": 0, "keep": 1, "default": 2, "downgrade": 3, "deactivate": 4}
#: What a refund does when a certificate was already earned (R24).
CERTIFICATE_POLICIES = ("hold", "revoke", "keep")


@dataclass(slots=True, frozen=True)
class Source:
    """One store on the allow-list."""

    allow_test: bool = False  # R36: may send test orders
    force_enrollment: bool = True  # R12: money was taken, so a closed enrollment window does not matter
    refund_policy: str = ""  # "" means the site's


@dataclass(slots=True, frozen=True)
class Policy:
    """Everything a site decides about fulfillment.

    Raises:
        ValueError: a value is not one of those listed above.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    rank: tuple[str, ...] = RANK
    refund_policy: str = "default"  # R25: default downgrade deactivate keep
    certificate_policy: str = "hold"  # R24
    chargeback_certificate_hold: bool = False  # R32
    revoke_unknown_grants: bool = False  # R31
    waiting: timedelta = timedelta(days=180)  # R5
    mode_grace: timedelta = timedelta(0)  # R13
    modules: Mapping[str, Module] = field(default_factory=dict)  # a site's own product kinds
    worth: Mapping[str, int] = field(init=False, repr=False)  # mode → how good; an unranked mode is absent

    def __post_init__(self) -> None:
        for policy in (self.refund_policy, *(s.refund_policy or self.refund_policy for s in self.sources.values())):
            if policy not in STRICTNESS or not policy:
                raise ValueError(f"refund policy {policy!r} is not one of keep, default, downgrade, deactivate")
        if self.certificate_policy not in CERTIFICATE_POLICIES:
            raise ValueError(f"certificate policy {self.certificate_policy!r} is not one of hold, revoke, keep")
        object.__setattr__(self, "worth", {mode: len(self.rank) - place for place, mode in enumerate(self.rank)})

    def hint(self, source: str, access_hint: str) -> str:
        """The access policy one refund asks for: its own hint, or what the site (or the source) does by default."""
        if access_hint != "default":
            return access_hint
        settings = self.sources.get(source)
        return (settings.refund_policy if settings is not None else "") or self.refund_policy


def strictest(left: str, right: str) -> str:
    """Merge two access policies so that the order in which refunds arrive does not matter."""
    return left if STRICTNESS[left] >= STRICTNESS[right] else right
