"""The backlog.

`entries` adds entries, `deletion` takes them off. `entry_actions` holds, resumes and finishes them, one or many at once. `entry_edits`
changes rounds, parallelism, assignee and spec; `content` all that a person writes about an entry, at once. `dependencies` adds and removes
dependencies; `graph` finds cycles. `entry_state` is the only writer of an entry's status; `transitions` decides where an entry goes when
its session ends. `splitting` splits an entry into children; `tree` has what its state and an action on it mean for them. `completion` records an idle backlog. `locks` takes and releases file locks, `paths` normalises them, `orphans` finds
locks that no entry needs.
"""
