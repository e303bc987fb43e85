"""The first process of a sandbox: `python -I -S init.py REPORT_FD LIMITS WITHOUT NETWORK -- COMMAND...`.

It starts the agent, adopts its orphans, and reports how the agent ended: bubblewrap itself cannot tell a signal from an exit code. Signals
from inside do not reach it, since it is the first process of its namespace.

Every process of a session waits for this one, so it imports modules in C only: json or signal would take as long as all the rest.
"""

import _signal
import _socket
import errno
import os
import resource
import sys
import time

RESTORED = (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT)  # Python ignores or handles them, and a child would inherit that
HANDED_OVER_S = 10.0
FREED_S = 5.0


def main() -> None:
    """LIMITS: `RLIMIT_NPROC=10,...`. WITHOUT: variables that the agent does not get, `A,B`. NETWORK: empty, or a socket's number and
    where to listen: ports of 127.0.0.1, or `address:port`."""
    report, limits, without, network, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[6:]
    os.set_inheritable(report, False)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    for name in without.split(","):
        os.environ.pop(name, None)
    if network:
        try:
            way_out, *places = network.split(",")
            listen(int(way_out), *places)
        except OSError as error:
            report_line(report, f"failed the sandbox's network: {error}")
            return
    ours, theirs = (
        _socket.socketpair()
    )  # closed by the exec: its end shows that the agent runs. A pipe could be opened by the agent
    problems, problem = ours.detach(), theirs.detach()
    leader = os.fork()
    if leader == 0:
        start(problem, limits, command)
    os.close(problem)
    failure = os.read(problems, 1000)
    os.close(problems)
    report_line(report, f"failed {failure.decode(errors='replace')}" if failure else "started")
    wait(report, leader)


def listen(way_out: int, *places: str) -> None:
    """Listen on the sandbox's own loopback, and hand the sockets to the worker. No copy is left when the agent starts."""
    worker = _socket.socket(fileno=way_out)
    worker.settimeout(HANDED_OVER_S)
    listeners = [bound(place) for place in places]
    numbers = b"".join(listener.fileno().to_bytes(4, sys.byteorder) for listener in listeners)
    worker.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)])
    if not worker.recv(1):
        raise OSError("the worker did not take it")
    for handle in (*listeners, worker):
        handle.close()


def bound(place: str) -> _socket.socket:
    """A socket that listens there."""
    address, _, port = place.rpartition(":")
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    # In a stage, connections of the process before may still be in TIME_WAIT on this port.
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    until = time.monotonic() + FREED_S
    while True:
        try:
            listener.bind((address or "127.0.0.1", int(port)))
            listener.listen(128)
            return listener
        except OSError as error:
            # The worker's proxy may still close the sockets of the process before: without this, some agents under load did not start.
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
            time.sleep(0.02)


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
