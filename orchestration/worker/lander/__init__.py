"""Lands verified work on the integration branch: one lander per workspace at a time, in a thread beside the sessions of a worker process.

service       the thread: finds due workspaces, and takes their lease
lease         the lease of a workspace: every write carries its fencing token
batches       one lease: recover, watch the tip, follow the base, land the queue
chains        unproven work, and its proof
judging       the verdict on a tree: stored, or made now
swap          the intent, the refs, the rows: crash-safe at every point
refs          Muster's own ref and the named branch behind it, here and at a shared repository
refusals      the return of work that cannot land
tip_watch     foreign commits on the integration branch
base_branch   new commits of the base branch
pull_requests landing by pull request
runner        runs commands in a working copy, and renews the lease meanwhile
pushing       pushes the integration branch
"""
