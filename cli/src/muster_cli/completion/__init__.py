"""Completion in a shell: of names on this machine, and of those that the server knows."""
