"""The engines that tests run on: found on this machine or started here, and broken on purpose by tests of outages."""
