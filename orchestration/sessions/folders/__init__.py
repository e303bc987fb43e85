"""The files of a session: its folder, and those that belong to its agent."""
