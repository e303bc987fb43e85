"""`./muster up`: the supervisor of all local processes."""

from config.up.supervisor import worker_args

__all__ = ["worker_args"]
