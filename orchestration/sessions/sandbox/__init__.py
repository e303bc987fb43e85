"""The sandbox around every process of a session or a lander.

deciding  which confinement is in force
boxes     the sandbox of one process: what it may see, read and write
programs  where the programs of the commands are installed
system    what every sandbox shows of the host
"""

from orchestration.sessions.sandbox.boxes import Boxes, Started, for_workspace, remove_scratch
from orchestration.sessions.sandbox.deciding import Decision, SandboxMissing, decide

__all__ = ["Boxes", "Decision", "SandboxMissing", "Started", "decide", "for_workspace", "remove_scratch"]
