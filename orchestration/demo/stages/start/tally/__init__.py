"""Balances from a plain-text journal."""
