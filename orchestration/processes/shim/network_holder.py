"""Holds a network namespace with a loopback of its own: `python -I -S network_holder.py SETTINGS SOCKET,PORT...`.

Two processes. The holder makes the namespaces and stays in them; sandboxes join it. Its parent stays outside, takes the worker's commands
on SOCKET, and runs pasta, which gives the namespace a way out. Standard library only, like the shim.

`on`: start pasta, and answer `.` once its routes are there, or with what failed. `off`: end it, and answer `.`. The end of SOCKET ends all.
"""

import ctypes
import fcntl
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLMSG_ERROR = 0x1, 0x4, 0x400, 2
RTM_NEWADDR, IFA_ADDRESS, IFA_LOCAL, RT_SCOPE_HOST = 20, 1, 2, 254
NETLINK_XFRM, XFRM_MSG_NEWPOLICY, XFRM_POLICY_OUT, XFRM_POLICY_BLOCK = 6, 0x13, 1, 1
NO_LIMIT = 2**64 - 1
EEXIST = 17
READY_S = 10.0
POLL_S = 0.005
MAX_COMMAND_BYTES = 100

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    settings = json.loads(sys.argv[1])
    number, *ports = (int(part) for part in sys.argv[2].split(","))
    control = socket.socket(fileno=number)
    ours, theirs = socket.socketpair()
    holder = os.fork()
    if holder == 0:
        ours.close()
        hold(control, theirs, ports, settings)
        os._exit(0)
    theirs.close()
    serve(control, ours, holder, settings["pasta"])


# The holder.


def hold(control: socket.socket, parent: socket.socket, ports: list[int], settings: dict[str, list[str]]) -> None:
    """Make the namespaces, and send the worker the listening sockets with this process's pid."""
    has_routes = has_default_route if has_default_route() else has_any_route
    try:
        unshare()
        # After the namespaces: new credentials clear it. Without it, kill -9 of the parent would leave the holder.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        set_up("lo")
        refuse(settings["refused"])
        for address in settings["own"]:
            ask(socket.NETLINK_ROUTE, RTM_NEWADDR, address_message(address), f"no address {address}")
        listeners = [listen(port) for port in ports]
        numbers = b"".join(listener.fileno().to_bytes(4, sys.byteorder) for listener in listeners)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if numbers else []
        control.sendmsg([b"ready %d" % os.getpid()], rights)
        for listener in listeners:
            listener.close()
    except OSError as problem:
        control.send(f"failed {problem}".encode()[:MAX_COMMAND_BYTES])
        return
    control.close()
    while parent.recv(1):  # pasta was started
        try:
            wait_for_routes(has_routes)
            parent.send(b".")
        except OSError as problem:
            parent.send(str(problem).encode()[:MAX_COMMAND_BYTES])


def unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"no namespaces: {os.strerror(ctypes.get_errno())}")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def set_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket.fileno(), SIOCSIFFLAGS, struct.pack("16sh", interface.encode(), IFF_UP | IFF_RUNNING))


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def wait_for_routes(are_there: Callable[[], bool]) -> None:
    """Until pasta has set its routes. Raises OSError."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if are_there():
            return
        time.sleep(POLL_S)
    raise OSError("pasta set no routes")


def has_default_route() -> bool:
    return "00000000" in destinations("route", 1) or "0" * 32 in destinations("ipv6_route", 0)


def has_any_route() -> bool:
    """All that pasta sets where the host itself has no default route."""
    by_kernel = ("fe80", "ff00")  # of each interface that is up
    return bool(destinations("route", 1)) or any(not to.startswith(by_kernel) for to in destinations("ipv6_route", 0))


def destinations(table: str, column: int) -> set[str]:
    """Of the routes by interfaces other than the loopback, in hexadecimal."""
    try:
        with open(f"/proc/self/net/{table}") as file:
            rows = [line.split() for line in file]
    except OSError:  # a kernel without IPv6
        return set()
    return {row[column] for row in rows if len(row) > column and not {"lo", "Iface"} & {row[0], row[-1]}}


def refuse(networks: list[str]) -> None:
    """Policies of the namespace, which no sandbox can take away: it has no rights in this user namespace. Raises OSError.

    No unreachable routes: a process that names its interface (SO_BINDTODEVICE, or the scope of an IPv6 address) goes past them."""
    for network in networks:
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):  # of others pasta passes on echoes, and neighbours must be seen
            policy = block_message(ipaddress.ip_network(network), protocol)
            ask(NETLINK_XFRM, XFRM_MSG_NEWPOLICY, policy, f"{network} cannot be refused")


def ask(family: int, kind: int, body: bytes, problem: str) -> None:
    """Send the kernel a message, and read its answer. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0) + body)
        answer = netlink.recv(4096)
    answered, error = struct.unpack_from("=4xH", answer)[0], struct.unpack_from("=i", answer, 16)[0]
    if answered == NLMSG_ERROR and error and -error != EEXIST:
        raise OSError(-error, f"{problem}: {os.strerror(-error)}")


def address_message(address: str) -> bytes:
    """An IPv4 address of the loopback, which is the first interface of each namespace."""
    packed = socket.inet_aton(address)
    attributes = b"".join(struct.pack("=2H", 8, kind) + packed for kind in (IFA_LOCAL, IFA_ADDRESS))
    return struct.pack("=4BI", socket.AF_INET, 32, 0, RT_SCOPE_HOST, 1) + attributes


def block_message(network: "ipaddress.IPv4Network | ipaddress.IPv6Network", protocol: int) -> bytes:
    """A struct xfrm_userpolicy_info: a selector, limits of its life, priority, index, direction and action."""
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    policy = network.network_address.packed.ljust(16, b"\0") + bytes(24)
    policy += struct.pack("=H3B11x", family, network.prefixlen, 0, protocol)
    policy += struct.pack("=8Q", *[NO_LIMIT] * 4, 0, 0, 0, 0) + bytes(32)
    return policy + struct.pack("=2I4B4x", 0, 0, XFRM_POLICY_OUT, XFRM_POLICY_BLOCK, 0, 0)


# Its parent.


class Pasta:
    """The program that passes the namespace's packets on, as sockets of the host."""

    def __init__(self, command: list[str], holder: int) -> None:
        space = f"/proc/{holder}/ns"
        runas = ["--runas", "0"] if os.geteuid() == 0 else []  # as nobody, it could not join the namespaces
        self.argv = [*command, *runas, "--userns", f"{space}/user", "--netns", f"{space}/net"]
        self.pid = 0
        self.words = -1

    def start(self) -> None:
        self.words = os.memfd_create("pasta")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(self.words, 1)
                os.dup2(self.words, 2)
                os.execv(self.argv[0], self.argv)
            finally:
                os._exit(127)

    def has_ended(self) -> bool:
        if self.pid and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = 0
            return True
        return False

    def end(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)  # it keeps nothing: its interface goes with it
            os.waitpid(self.pid, 0)
            self.pid = 0

    def last_words(self) -> str:
        return os.pread(self.words, 2000, 0).decode("utf-8", "replace").strip().rpartition("\n")[2]


def serve(control: socket.socket, holder_link: socket.socket, holder: int, command: list[str]) -> None:
    """Until the worker closes its socket, or the holder or pasta ends."""
    pasta = Pasta(command, holder)
    try:
        while not pasta.has_ended() and not os.waitpid(holder, os.WNOHANG)[0]:
            if not select.select([control], [], [], 1.0)[0]:
                continue
            word = control.recv(MAX_COMMAND_BYTES)
            if word == b"on":
                control.send(switched_on(pasta, holder_link))
            elif word == b"off":
                pasta.end()
                control.send(b".")
            else:
                return
    finally:
        pasta.end()


def switched_on(pasta: Pasta, holder_link: socket.socket) -> bytes:
    pasta.start()
    holder_link.send(b".")
    until = time.monotonic() + READY_S + 1
    while time.monotonic() < until:
        if select.select([holder_link], [], [], 0.02)[0]:
            answer = holder_link.recv(MAX_COMMAND_BYTES)
            return answer if answer == b"." else b"failed " + (answer or b"its holder ended")
        if os.waitid(os.P_PID, pasta.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    return f"failed {pasta.last_words() or 'pasta did not get ready'}".encode()[:2000]


if __name__ == "__main__":
    main()
    os._exit(0)
