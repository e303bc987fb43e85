"""What the agents of runs do between the start and the end of their session: `planning` turns a goal into proposals."""
