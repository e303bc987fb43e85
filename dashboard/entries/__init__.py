"""The list of entries: search, counts by status and reason, bulk edits, and adding entries."""
