"""Names of files: patterns that entries declare, names that git reserves, and ignored files that a tree asks for."""
