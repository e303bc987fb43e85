"""Workspaces as people name them, or do not."""
