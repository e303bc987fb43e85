"""Working copies with a .git of their own. No git that Muster runs opens a .git that an agent could write.

store         a workspace's bare repository on this host, from which working copies take their objects
config        how the store and working copies are configured
records       what Muster keeps of a working copy, outside of it
gitdirs       makes the .git of a working copy
files         puts and reads the files of a working copy, by Muster's own index
entry_clones  an entry's clone: prepare, commit, discard
gathering     all that an agent left in it, as one commit
agent_git     what the agent's .git says, read as files
wrapping      how git is started on what an agent wrote: the sandbox
untrusted     reads and removes files that an agent can write
submodules    the submodules of a working copy
delivery      moves the entry's branch in the user's repository
adopting      makes a clone of a worktree that an earlier version began
checkouts     clean working copies for what judges a commit
"""
