"""Checks and repairs of what is stored twice: counters against what they count."""
