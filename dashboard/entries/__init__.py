"""The list of entries: search, counts by status and reason, headings, the board, saved views, and bulk edits."""
