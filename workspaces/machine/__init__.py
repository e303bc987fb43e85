"""This host: its disk, its identity, and the release that runs on it."""
