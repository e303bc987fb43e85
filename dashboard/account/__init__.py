"""A person's own pages: preferences, password, tokens, logins of command lines."""
