"""Servers that repeat the secret that they were sent."""
