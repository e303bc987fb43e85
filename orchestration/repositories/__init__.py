"""A workspace's repository, on whichever host a process runs.

The **authority** is the one repository that every host reaches: the remote that the workspace was added by, or the repository of the host where
it was added by a path, which its web server serves to the others (`serving`). A host that does not have it keeps a mirror.

- `local_repository`: the repository on this host, and its authority
- `authority`: what each authority can do, and the repository of this host as one
- `remote`: another repository as one, by URL; its `problems`, in sentences
- `claims`: the ref of an entry's work at the authority: claimed by an attempt, then moved by its rounds
- `shared_branch`: the integration branch there, as last seen
- `patches`: the difference of two commits, as git writes it
- `repository_check`: describes a repository on the server before it becomes a workspace
- `worker_tokens`: what a worker shows to the host that serves an authority
"""
