"""The page of landings: the integration branch, its queue and history, and the way to the base branch."""
