"""The hosts that run sessions: all session workers with one data directory.

- `placing`: on which host a session runs (pure)
- `online`: the hosts that are online now, as a workspace sees them
- `problems`: what is wrong with this host
- `draining`: a host that takes no new sessions
- `service_manager`: what a host asks systemd for
"""
