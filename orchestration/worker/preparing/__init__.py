"""The preparation of a session: the surroundings of its steps, read once and passed as values.

workbench      the repository, the config, the sandboxes and the folders of one session, or of one lander's lease
newest_commit  brings the entry's newest work to its branch
stacked_start  the start commit of the work
candidate_places  the working copies of candidates, and their later use
sharing        claims the work for this host, and shares it with others
"""
