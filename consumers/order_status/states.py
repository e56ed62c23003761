"""From results to the state of an order line, and from lines to the status of an order. Pure.

A result is the LMS's word on one *slot*: a line, what is done with it (fulfill, revoke) and, if it is revoked, for
which refund. Of each slot the result with the highest sequence counts. So whatever order results come in, and however
often, a line ends in the same state.

::

    published ─▶ accepted ─▶ fulfilled ─┐
                             deferred   ├─▶ revoked
                             failed     │   retained
                             skipped  ──┘
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

#: What each state of a line says. Accepted is where a line stays only for an outcome that this release does not know.
LINE_STATES = {
    "published": "was published; the LMS has not answered",
    "accepted": "was answered; with what, the results say",
    "fulfilled": "gives its learner access",
    "deferred": "waits in the LMS: for an account, for another try, or for a person there",
    "failed": "gives nobody access; the reason says why",
    "skipped": "needs nothing to be done",
    "revoked": "was refunded, and its access was removed or lowered",
    "retained": "was refunded, and the access stays; the reason says why",
}
#: What each status of an order says; the first that fits.
ORDER_STATUSES = {
    "needs_attention": "a line has failed, or was not answered or not ended in time",
    "refunded": "every line was given back",
    "fulfilled": "every line that was not given back has what it is to have",
    "partially_fulfilled": "some lines have, others are still under way",
    "open": "nothing is fulfilled yet",
}
_STATE_OF = {
    "completed": "fulfilled", "deferred": "deferred", "failed": "failed", "skipped": "skipped", "revoked": "revoked",
    "retained": "retained",
}  # fmt: skip
#: A refund that these are said of gave only a part of the line back.
_IN_PART = frozenset({"quantity_remaining", "amount_only_refund"})
_NOTHING_FOUND = "grant_not_found"
_OVERTAKEN = "refund_before_paid"


class Answer(NamedTuple):
    """The current result of one slot."""

    sequence: int
    outcome: str
    reason: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class LineState:
    """How a line stands. ``alarm`` is set from outside: time is no result."""

    state: str
    reason: str = ""
    is_final: bool = False
    alarm: str = ""

    @property
    def is_returned(self) -> bool:
        """The whole line was given back."""
        if self.state == "retained":
            return self.reason not in _IN_PART
        return self.state == "revoked" or (self.state == "skipped" and self.reason == _OVERTAKEN)


Answers = Mapping[str, Answer]


def slot(action: str, refund_id: str | None) -> str:
    """The name of a slot within its line."""
    return f"{action}:{refund_id}" if refund_id else action


def folded(answers: Answers, result: Mapping[str, Any]) -> Answers:
    """The answers with one more result: a new one, unless a higher or the same sequence is known of its slot."""
    name = slot(result["action"], result.get("refund_id"))
    known = answers.get(name)
    if known is not None and known.sequence >= result["sequence"]:
        return answers
    answer = Answer(result["sequence"], result["outcome"], result["reason_code"], result["is_final"])
    return {**answers, name: answer}


def line_state(answers: Answers, alarm: str = "") -> LineState:
    """The state of a line.

    What is said of a refund stands over what is said of the purchase, as a line's way leads forward only; of several
    refunds the newest word counts. A refund that found nothing says nothing of a purchase that was answered later.
    """
    bought = answers.get("fulfill")
    refunds = [answer for name, answer in answers.items() if name != "fulfill"]
    if bought is not None:
        refunds = [one for one in refunds if one.reason != _NOTHING_FOUND or one.sequence > bought.sequence]
    word = max(refunds, default=bought, key=lambda answer: answer.sequence)
    if word is None:
        return LineState("published", alarm=alarm)
    return LineState(_STATE_OF.get(word.outcome, "accepted"), word.reason, word.is_final, alarm)


def order_status(lines: Iterable[LineState]) -> str:
    """The status of an order, from its lines."""
    lines = list(lines)
    if any(line.state == "failed" or line.alarm for line in lines):
        return "needs_attention"
    left = [line for line in lines if not line.is_returned]
    if not left:
        return "refunded" if lines else "open"
    if all(line.state in ("fulfilled", "skipped", "retained") for line in left):
        return "fulfilled"
    return "partially_fulfilled" if any(line.state in ("fulfilled", "retained") for line in left) else "open"


def unanswered(line_ids: Iterable[str], action: str, refund_id: str, lines: Mapping[str, Answers]) -> list[str]:
    """The lines of one published event that no result of it has come for.

    Arguments:
        line_ids: the event's lines; none for a refund of money alone, which any result of that refund answers.
        lines: the answers by line id; those of the order as a whole under an empty id.

    Returns:
        Line ids; an empty one stands for the event as a whole.
    """
    wanted = slot(action, refund_id)
    listed = list(line_ids)
    if not listed:
        return [] if any(wanted in answers for answers in lines.values()) else [""]
    return [line_id for line_id in listed if wanted not in lines.get(line_id, {})]
