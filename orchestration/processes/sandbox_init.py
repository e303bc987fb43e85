"""The first process of a sandbox: `python -I -S init.py REPORT_FD LIMITS WITHOUT -- COMMAND...`.

It starts the agent, adopts its orphans, and reports how the agent ended: bubblewrap itself cannot tell a signal from an exit code. Signals
from inside do not reach it, since it is the first process of its namespace.

Every process of a session waits for this one, so it imports modules in C only: json or signal would take as long as all the rest.
"""

import _signal
import _socket
import os
import resource
import sys

RESTORED = (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT)  # Python ignores or handles them, and a child would inherit that


def main() -> None:
    """LIMITS: `RLIMIT_NPROC=10,...`. WITHOUT: variables that the agent does not get, `A,B`."""
    report, limits, without, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[5:]
    os.set_inheritable(report, False)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    for name in without.split(","):
        os.environ.pop(name, None)
    ours, theirs = _socket.socketpair()  # closed by the exec: its end shows that the agent runs. A pipe could be opened by the agent
    problems, problem = ours.detach(), theirs.detach()
    leader = os.fork()
    if leader == 0:
        start(problem, limits, command)
    os.close(problem)
    failure = os.read(problems, 1000)
    os.close(problems)
    report_line(report, f"failed {failure.decode(errors='replace')}" if failure else "started")
    wait(report, leader)


def start(problems: int, limits: str, command: list[str]) -> None:
    """Become the agent."""
    try:
        os.setpgid(0, 0)
        for signum in RESTORED:
            _signal.signal(signum, _signal.SIG_DFL)
        for limit in limits.split(",") if limits else ():
            name, _, value = limit.partition("=")
            resource.setrlimit(getattr(resource, name), (int(value), int(value)))
        os.execvp(command[0], command)
    except (OSError, ValueError) as problem:
        report_line(problems, str(problem))
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
            report_line(report, f"exited {code}" if code >= 0 else f"signalled {-code}")


def report_line(pipe: int, message: str) -> None:
    try:
        os.write(pipe, message.replace("\n", " ").encode(errors="replace") + b"\n")
    except OSError:  # the shim is gone, and this sandbox with it
        pass


if __name__ == "__main__":
    main()
    os._exit(0)
