"""The schemas of the contract, shipped as ``commerce_events.schemas``. Generated: see ``commerce-events schemas``."""
