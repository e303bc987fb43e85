"""A backup of a running Muster in one file, and its restoration beside whatever else is on the machine.

- `archive`: the file: a manifest, checksums, parts
- `databases`: the database as a file, and back
- `commits`: the commits that rows name, which a backup must have
- `refs`: the refs of each workspace's repository as a bundle, with what only its authority has
- `placing`: the refs put back, into a repository that nobody else uses
- `saving`, `restoring`: all of it
"""
