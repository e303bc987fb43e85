"""The files of entries: their patterns, and the locks on them."""
