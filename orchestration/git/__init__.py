"""Git repositories, by the git command line.

command         runs git, shielded from the user's hooks, signing and environment
branches        checks a repository, lists its working copies, creates the integration branch
working_copies  an entry's working copy: prepare, commit, export, discard
worktrees       an entry's working copy, and clean checkouts
merging         merges an entry's branch without a working copy
conflicts       merges that conflict, and the files in which a conflict is still unresolved
large_files     files that are too large to commit
recovery        repairs the git state that an agent or a crash left in a worktree
repo_guard      restores what an agent must not change in the shared repository
"""
