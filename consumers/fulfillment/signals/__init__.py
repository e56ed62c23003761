"""Receivers of what happens to learners."""
