"""A ladder of agents against each of them alone, on entries whose difficulty is known."""
