"""Programs that are started by their path, and what they import: the standard library only, and each other without a package.

fork_server    forks shims
shim           supervises one agent's process tree
shim_output    forwards the agent's output in bounded memory, and keeps its journal
shim_sandbox   the shim's side of a sandbox
sandbox_init   the first process of a sandbox
tree_kill      sends the signals of a stop, until no process is left
namespaces     joins the namespaces of a running process
network_holder  makes and holds a network namespace
procfs         processes as /proc shows them; Muster itself uses it too
cgroups        a control group for each agent, where possible; cgroup_limits: what it limits
"""
