"""Bodies that arrive in pieces: decoded, and split into events."""
