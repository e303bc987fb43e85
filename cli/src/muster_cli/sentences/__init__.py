"""Sentences for a person at the terminal."""
