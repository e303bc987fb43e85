"""The landing queue and the integration branch, as rows. What runs checks and moves branches is `worker/lander`.

queue   verified work waits to be merged: enqueued, withdrawn
decisions  what a person decides: accept, put back, check again, revert, push, merge into the base branch
candidates  the merge commits of a batch, without moving anything
reads   what the page and the API show
branch  the integration branch: its known tip, what is known of it, and the lease of the lander that works on it
"""
