"""A backup of a running Muster in one file, and its restoration on an empty machine.

- `databases`: the database as a file, and back
- `refs`: the refs of each workspace's repository as a bundle, and back
- `saving`, `restoring`: all of it, with a manifest
"""
