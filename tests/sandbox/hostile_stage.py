"""A hostile process of a stage: `python hostile_stage.py FACTS.json` prints each wall that it got through."""

import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())


def connect(host: str, port: int, through: str) -> object:
    """`through`: an interface that it names: the kernel goes past unreachable routes then."""
    family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as client:
        client.settimeout(0.5)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, through.encode())
        return client.connect(place) or "connected"


def send(host: str, port: int, through: str) -> object:
    """The host's server says whether it came."""
    family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, through.encode())
        return client.sendto(f"{host} {through}".encode(), place) and None


def connect_to_an_abstract_socket() -> object:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect("\0" + FACTS["abstract"]) or "connected"


def flush_the_policies() -> object:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6) as netlink:
        netlink.send(struct.pack("=IHHII", 16, 0x1D, 0x5, 1, 0))
        return struct.unpack_from("=i", netlink.recv(4096), 16)[0] == 0


def set_the_loopback_down() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket.fileno(), 0x8914, struct.pack("16sh", b"lo", 0))


def send_packets_of_its_own() -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).fileno()


def end(pid: int) -> object:
    return os.kill(pid, 9) or "killed"


def walls() -> Iterator[tuple[Any, ...]]:
    for through in ("", *(name for _, name in socket.if_nameindex())):
        for host in FACTS["hosts"]:
            yield from ((connect, host, port, through) for port in FACTS["ports"])
            yield send, host, FACTS["datagrams"], through
    for do in (connect_to_an_abstract_socket, flush_the_policies, set_the_loopback_down, send_packets_of_its_own):
        yield (do,)
    for pid in FACTS["pids"]:
        yield end, pid
        yield os.listdir, f"/proc/{pid}/ns"


def got(do: Callable[..., object], *given: object) -> object:
    try:
        return do(*given)
    except OSError:
        return None


if __name__ == "__main__":
    for each in walls():
        if got(*each):
            print(*each)
