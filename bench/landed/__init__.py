"""P1, P2, P3, P6: what an entry costs from its claim to its landing, against a shell script that does only the git of it."""
