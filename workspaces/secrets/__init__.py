"""Secrets: masked in text, and sealed in the database."""
