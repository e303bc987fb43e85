"""The hosts that run sessions."""
