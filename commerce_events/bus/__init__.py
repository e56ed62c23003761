"""The durable bus: intake, handling, relay, and their tables. Featherweight: see the modules."""
