"""A person's own pages: how they like it, their password, their tokens."""
