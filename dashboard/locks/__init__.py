"""Locked paths: holders, waiting entries, and orphaned locks."""
