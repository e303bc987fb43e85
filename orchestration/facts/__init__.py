"""Reasons and events: the words that the rest of the orchestration records."""
