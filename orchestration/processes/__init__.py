"""Process trees: started under a shim, read, and ended completely.

agent_process  starts an agent under its shim and reads its output: the worker's side
shim_watch     whether that shim still does its work, or its worker must
frames         the bytes of a shim as its worker reads them
shim           supervises one agent's tree, in a process of its own
forked_shim    starts shims, by a fork server of the worker: fork_server, a program started by path
shim_output    forwards the agent's output in bounded memory, and keeps its journal
sandbox        the bubblewrap options of a process: what it may see; sandbox_probe: whether bubblewrap works here
sandbox_init   the first process of a sandbox; shim_sandbox: the shim's side of one
kill_sequence  the signals of a stop, as an agent module chooses them
tree_kill      sends them, until no process is left
procfs         processes as /proc shows them
cgroups        a control group for each agent, where possible
leftovers      processes and files of a dead worker

`fork_server`, `shim`, their imports (shim_output, shim_sandbox, tree_kill, procfs, cgroups), and `sandbox_init` use the standard library only.
"""
