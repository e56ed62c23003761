"""What holds where a site says nothing."""
from __future__ import annotations

from consumers.fulfillment.rules.policy import Policy


def test_modes_rank_as_in_the_platform_unless_a_site_says_otherwise() -> None:
    """Who changes this default changes which seat learners keep, on every site that did not set RANK."""
    assert Policy().rank == ("credit", "masters", "professional", "no-id-professional", "verified", "honor", "audit")
    assert sorted(Policy().worth, key=Policy().worth.__getitem__)[0] == "audit"
