"""Notices outside Muster (docs/reference/notices.md describes the receiver's side).

- `kinds/`: one module for each kind of channel: its targets, the form of its messages, how they are sent
- `channels`: created, changed and removed by admins
- `digests`, `schedule`: summaries that a channel gets once a period
- `deliveries`: claims, results, retries
- `sending`: the sender's thread
- `api`, `schemas`: the calls
"""
