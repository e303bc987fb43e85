"""Commands that set up a workspace."""
