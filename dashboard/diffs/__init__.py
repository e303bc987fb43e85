"""What changed between two commits: read by git, taken apart, and painted as inert HTML. Agents wrote it: nothing in it is trusted."""
