"""One entry: its page, the actions on it, its rounds and their diffs."""
