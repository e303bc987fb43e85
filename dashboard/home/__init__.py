"""Home: all workspaces of a person, and one queue of what needs them."""
