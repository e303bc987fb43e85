"""The backlog as a run of an agent read it: files, entries, and what changed since."""
