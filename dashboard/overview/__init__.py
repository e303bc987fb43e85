"""A workspace's overview with its attention list, and the list of workspaces."""
