"""Lands verified work on the integration branch: one lander per workspace at a time, in a thread beside the sessions of a worker process.

service     the thread: finds workspaces where something is due, and takes their lease
batches     one lease: recover, watch the tip, follow the base, land what is queued
candidates  the merge commits of a batch, without moving anything
judging     the verdict on a tree: stored, or made now
swap        the intent, the refs, the rows: crash-safe at every point
refs        Muster's own ref and the named branch that follows it
refusals    what happens to work that cannot land
tip_watch   commits on the integration branch that Muster did not write
base_branch new commits of the base branch
runner      runs commands in a working copy, and keeps the lease meanwhile
pushing     pushes the integration branch
"""
