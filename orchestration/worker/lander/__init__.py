"""Lands verified work on the integration branch: one lander per workspace at a time, in a thread beside the sessions of a worker process.

service       the thread: finds workspaces where something is due, and takes their lease
lease         the hold on a workspace: every write carries its fence
batches       one lease: recover, watch the tip, follow the base, land what is queued
chains        unproven work, and what proves it
judging       the verdict on a tree: stored, or made now
swap          the intent, the refs, the rows: crash-safe at every point
refs          Muster's own ref and the named branch that follows it, here and where hosts share them
refusals      what happens to work that cannot land
tip_watch     commits on the integration branch that Muster did not write
base_branch   new commits of the base branch
pull_requests work that lands by pull request
runner        runs commands in a working copy, and keeps the lease meanwhile
pushing       pushes the integration branch
"""
