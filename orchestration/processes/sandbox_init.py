"""The first process of a sandbox: `python -I -S init.py REPORT_FD OPTIONS -- COMMAND...`. Standard library only, for a fast start.

It starts the agent, adopts its orphans, and reports how the agent ended: bubblewrap itself cannot tell a signal from an exit code. Signals
from inside do not reach it, since it is the first process of its namespace.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

RESTORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)  # Python ignores or handles them, and a child would inherit that


def main() -> None:
    report, options, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[4:]
    os.set_inheritable(report, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in options["without"]:
        os.environ.pop(name, None)
    leader = os.fork()
    if leader == 0:
        start(report, options, command)
    say(report, {"started": leader})
    wait(report, leader)


def start(report: int, options: dict[str, Any], command: list[str]) -> None:
    """Become the agent."""
    try:
        os.setpgid(0, 0)
        for signum in RESTORED:
            signal.signal(signum, signal.SIG_DFL)
        for name, value in options["limits"].items():
            if value:
                resource.setrlimit(getattr(resource, name), (value, value))
        os.execvp(command[0], command)
    except (OSError, ValueError) as problem:
        say(report, {"failed": str(problem)})
    finally:
        os._exit(127)


def wait(report: int, leader: int) -> None:
    """Until no process is left."""
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return
        if pid == leader:
            code = os.waitstatus_to_exitcode(status)
            say(report, {"exit_code": code, "signal": None} if code >= 0 else {"exit_code": None, "signal": -code})


def say(report: int, message: dict[str, Any]) -> None:
    try:
        os.write(report, json.dumps(message).encode() + b"\n")
    except OSError:  # the shim is gone, and this sandbox with it
        pass


if __name__ == "__main__":
    main()
    os._exit(0)
