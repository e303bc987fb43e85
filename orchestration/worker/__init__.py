"""Runs claimed sessions on a worker host. `session_run` is one session; `heartbeat` and `reaper` keep leases honest."""
