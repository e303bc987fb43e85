"""Git repositories, by the git command line.

command         runs git, shielded from the user's hooks, signing and environment
branches        checks a repository, lists its working copies, creates the integration branch
changes         what commits changed
working_copies  an entry's working copy: prepare, commit, export, discard; and clean checkouts
prepared        what they answer
clones          behind working copies: a .git of their own, objects from the workspace's store
unsupported     refuses repositories whose files git alone would get wrong
merging         merges an entry's branch without a working copy
conflicts       merges that conflict, and the files in which a conflict is still unresolved
path_patterns   which names a pattern of a config matches
large_files     files that are too large to commit
history         which commit contains which, read from the disk where it is short
places          where git keeps its files, read from the disk
reserved_names  names that git keeps for itself
locking         a lock on a folder
recovery        removes locks that a killed git left behind
"""
