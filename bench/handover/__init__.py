"""P4: from an agent's exit to the process of the entry that waited for it, in a real Muster with a check that does nothing."""
