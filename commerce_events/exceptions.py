"""Errors, named by what the one who catches them should do.

::

    CommerceEventsError
    ├── TransientError      wait and try again: broker, registry or database away
    ├── PermanentError      never try again: the input will not get better
    │   └── ContractError   an event breaks the contract; says where, why, and what would be right
    └── OperatorError       somebody must act: configuration, permissions, a decision; carries a hint
"""
from __future__ import annotations


class CommerceEventsError(Exception):
    """Everything this project raises on purpose."""


class TransientError(CommerceEventsError):
    """The other side is away or busy. The same call can succeed later."""


class PermanentError(CommerceEventsError):
    """The same call fails for ever."""


class OperatorError(CommerceEventsError):
    """Somebody must act; ``hint`` says how, also in a traceback."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
        self.add_note(hint)


class ContractError(PermanentError):
    """An event or its bytes break the contract.

    Never quotes a value, which might be an e-mail address: ``path`` says where, ``message`` what, ``hint`` what would
    be right.
    """

    def __init__(self, message: str, *, path: str = "", hint: str = "", reason_code: str = "schema_invalid") -> None:
        super().__init__(": ".join(part for part in (path, message) if part))
        self.path, self.message, self.hint, self.reason_code = path, message, hint, reason_code
