"""The sandbox around every process of a session or a lander.

deciding  which confinement is in force
sandbox_command  the sandbox of one process: what it may see, read and write
visible_paths  what the config names, and what is never shown
faults    what counts as a fault of this host
direct    a short process of Muster's own in a sandbox
missing   what a process named and the sandbox does not show
stage     the network that the processes of one working copy share
programs  where the programs of the commands are installed
system    what every sandbox shows of the host
"""

from orchestration.sessions.sandbox.deciding import (
    Decision,
    HostFault,
    SandboxMissing,
    decide,
    in_force,
    network_sentence,
    of_workspace,
    offer,
    on_host,
    sentence_on_checks,
)
from orchestration.sessions.sandbox.direct import popen
from orchestration.sessions.sandbox.faults import check_start
from orchestration.sessions.sandbox.sandbox_command import Sandboxes, Started, for_workspace, remove_scratch

__all__ = [
    "Decision",
    "HostFault",
    "SandboxMissing",
    "Sandboxes",
    "Started",
    "check_start",
    "decide",
    "for_workspace",
    "in_force",
    "network_sentence",
    "of_workspace",
    "offer",
    "on_host",
    "popen",
    "remove_scratch",
    "sentence_on_checks",
]
