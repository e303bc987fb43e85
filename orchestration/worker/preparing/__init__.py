"""Prepares the work of a session: what its steps work with is looked up here once, and passed on as a value.

workbench      the repository, the config, the sandboxes and the folders of one session, or of one lander's lease
newest_commit  has the entry's newest work on its branch
stacked_start  the commit that the work starts from
candidate_places  where each of several candidates works, and what becomes of it
sharing        claims the work for this host, and lets the others have it
"""
