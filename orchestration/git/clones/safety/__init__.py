"""Keeps a working copy safe from what its agent writes in it.

config     how the store and working copies are configured
records    what Muster keeps of a working copy, outside of it
wrapping   how git is started on what an agent wrote: the sandbox
untrusted  reads and removes files that an agent can write
"""
