"""Names of files: patterns that entries declare, and names that git reserves."""
