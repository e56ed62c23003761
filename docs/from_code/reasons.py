"""The page of reason codes, from the rules' own list."""
from __future__ import annotations

from consumers.fulfillment.rules.reasons import REASONS, SITE_PREFIX

from .rst import code, heading, note


def page() -> str:
    """Every code: what it means, and what either side does next."""
    text = note("consumers/fulfillment/rules/reasons.py") + heading("Reason codes", "#")
    text += (
        "Every result says why, by one code of this closed list. A site's own modules add codes that start with\n"
        f"{code(SITE_PREFIX)}. Decide by ``outcome`` and ``is_final``; a code is for people and for counting.\n\n"
    )
    for reason in REASONS.values():
        text += f".. _reason-{reason.code.replace('_', '-')}:\n\n" + heading(reason.code, "*")
        text += f"{reason.meaning}\n\n"
        text += f":Stands with: {', '.join(reason.outcomes)}\n"
        text += f":Operator: {reason.operator}\n"
        text += f":Store: {reason.store}\n\n"
    return text
