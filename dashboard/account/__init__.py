"""A person's own pages: preferences, password, tokens."""
