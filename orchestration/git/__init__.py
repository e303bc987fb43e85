"""The git command line: commands, branches, merges and worktrees."""
