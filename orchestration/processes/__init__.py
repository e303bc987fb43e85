"""Process trees: started under a shim, read, and ended completely.

agent_process  starts an agent under its shim and reads its output: the worker's side
forked_shim    starts shims, by a fork server of the worker
shim           what runs in that server, in a shim and as the first process of a sandbox
shim_watch     whether a shim still does its work, or its worker must
frames         the bytes of a shim as its worker reads them
sandbox        the bubblewrap options of a process: what it may see; sandbox_probe: whether bubblewrap works here
private_network  a network namespace with a loopback of its own, which several sandboxes share; stage_probe: whether that works here
kill_sequence  the signals of a stop, as an agent module chooses them
leftovers      processes and files of a dead worker
"""
