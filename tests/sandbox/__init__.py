"""Muster and an agent that does what it must not: every attack is refused, or without effect."""
