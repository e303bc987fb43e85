"""Worker sessions: the list, one session, its log."""
