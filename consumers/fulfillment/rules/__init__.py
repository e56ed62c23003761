"""The business rules: facts in, decisions out. Pure: neither Django nor Kafka nor a clock is imported here."""
