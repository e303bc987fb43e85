"""Work that waits for approval: what it changes, what speaks for it, and what a person decides."""
