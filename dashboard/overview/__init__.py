"""A workspace's overview: progress, the attention list, the last day."""
