"""`./muster up`: starts and supervises all local processes.

- `arguments`: the command line of `up`
- `startup`: from the first process to a running server
- `supervisor`: restarts children that end, and stops all of them
- `children`: child processes, and the record of those that run
- `copies`: a child that is forked, with what `up` has loaded
- `messages`: what `up` prints
- `valkey`: the embedded Valkey
"""
