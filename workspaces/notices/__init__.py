"""Notices by webhook and e-mail (docs/reference/notices.md describes the receiver's side).

- `channels`: created, changed and removed by admins
- `deliveries`: claims, results, retries
- `sending`: the sender's thread
- `messages`: the text of notices
- `posting`, `signing`, `addresses`: webhooks
- `mail`: e-mail
- `api`, `schemas`: the calls
"""
