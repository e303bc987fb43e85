"""A session's output: written in chunks, read in windows, searched."""
