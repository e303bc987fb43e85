"""Entries of the backlog: adding, changing, moving between states, dependencies, file locks.

`entry_state` is the only writer of an entry's status."""
