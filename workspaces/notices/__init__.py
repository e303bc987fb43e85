"""Notices by webhook and e-mail (docs/reference/notices.md describes the receiver's side).

- `channels`: created, changed and removed by admins
- `digests`, `schedule`: summaries that a channel gets once a period
- `deliveries`: claims, results, retries
- `sending`: the sender's thread
- `messages`: the payload and the layout; subjects are the `notice` of each event (`*/events.py`)
- `posting`, `signing`, `addresses`: webhooks
- `mail`: e-mail
- `api`, `schemas`: the calls
"""
