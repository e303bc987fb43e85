"""`./muster up`: starts and supervises all local processes.

- `arguments`: command lines of `up` and of worker processes
- `startup`: from the first process to a running server
- `supervisor`: restarts children that end, and stops all of them
- `children`: child processes, and the record of those that run
- `copies`: a child that is forked, with what `up` has loaded
- `messages`: what `up` prints
- `valkey`: the embedded Valkey
"""

from config.up.arguments import worker_args

__all__ = ["worker_args"]
