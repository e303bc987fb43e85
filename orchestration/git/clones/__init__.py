"""Working copies with a .git of their own. No git that Muster runs opens a .git that an agent could write.

store         a workspace's bare repository on this host, from which working copies take their objects
safety        keeps a working copy safe from what its agent writes in it
gitdirs       makes the .git of a working copy
files         puts and reads the files of a working copy, by Muster's own index
entry_clones  an entry's clone: prepare, commit, discard
gathering     all that an agent left in it, as one commit
agent_git     what the agent's .git says, read as files
submodules    the submodules of a working copy
delivery      moves the entry's branch in the user's repository
adopting      makes a clone of a worktree that an earlier version began
checkouts     clean working copies for what judges a commit
"""
