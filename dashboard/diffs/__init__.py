"""Diffs between two commits: read by git, parsed, and rendered as inert HTML. Agents wrote the content: nothing in it is trusted.

`reading` calls git, `parse` and `paint` are pure, `viewing` decides how much a page shows.
"""
