"""The fixtures fake_bus and commerce_bus."""
pytest_plugins = ["commerce_events.testing.plugin"]
