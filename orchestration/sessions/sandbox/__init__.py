"""The sandbox around every process of a session or a lander.

deciding  which confinement is in force
boxes     the sandbox of one process: what it may see, read and write
faults    what counts as a fault of this host
direct    a short process of Muster's own in a sandbox
missing   what a process named and the sandbox does not show
shown     what the config names, and what is never shown
programs  where the programs of the commands are installed
system    what every sandbox shows of the host
"""

from orchestration.sessions.sandbox.boxes import Boxes, Started, for_workspace, remove_scratch
from orchestration.sessions.sandbox.deciding import Decision, HostFault, SandboxMissing, decide, in_force, on_host
from orchestration.sessions.sandbox.direct import popen
from orchestration.sessions.sandbox.faults import check_start

__all__ = [
    "Boxes",
    "Decision",
    "HostFault",
    "SandboxMissing",
    "Started",
    "check_start",
    "decide",
    "for_workspace",
    "in_force",
    "on_host",
    "popen",
    "remove_scratch",
]
