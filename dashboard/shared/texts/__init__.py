"""Words of pages: labels, states, events, and what to do about a reason."""
