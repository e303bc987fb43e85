"""The pages of triggers: the list, one trigger with its firings, and its form."""
