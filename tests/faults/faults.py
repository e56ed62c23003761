"""The faults by name: what is done, and how it is undone; what one leaves behind, the run heals at its end."""
from __future__ import annotations

from tests.faults import on_brokers, on_databases, on_processes, on_registry, on_topics
from tests.faults.on_databases import thaw
from tests.faults.scene import Deed, Scene

__all__ = ["FAULTS", "Deed", "Scene", "thaw"]


def _sold(_: Scene, __: int, ___: float) -> None:
    """What the stores sell is the fault, and the plan has it (``plan._SALES``)."""


FAULTS: dict[str, Deed] = {
    **on_processes.FAULTS, **on_brokers.FAULTS, **on_databases.FAULTS, **on_registry.FAULTS,
    **on_topics.FAULTS,
    **dict.fromkeys(("everything tenfold", "nothing but poison", "poison in each batch", "other schemas"), _sold),
}  # fmt: skip
