"""A network namespace with a loopback of its own, which several sandboxes share: the worker's side of shim/network_holder.py."""

import ipaddress
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestration.processes import agent_process, sandbox_probe
from orchestration.processes.agent_process import Process, Spec
from orchestration.processes.shim import procfs

HOLDER = Path(__file__).parent / "shim/network_holder.py"
DNS = "192.0.0.8"
"""The dummy address of RFC 7600: pasta answers there for the host's own name server, which may listen on the host's loopback."""
ALWAYS_REFUSED = ("169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32")
"""Link-local addresses, groups, and those of clouds' metadata services."""
ANSWER_S = 20.0
MAX_ANSWER_BYTES = 2100
MAX_PORTS = 200
FLAGS = ("-f", "-q", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--dns-forward", DNS)


class NoPrivateNetwork(Exception):
    """The message says what is missing."""


class PrivateNetwork:
    """One namespace, until `close` or the end of this process. It has no way out before `open_egress`. `on_end`: called once it has ended."""

    def __init__(self, spec: Spec, *, ports: Iterable[int] = (), refused: Iterable[str] = (), own: Iterable[str] = ()) -> None:
        """`spec`: all but its command. `ports`: of its loopback, on which it listens for this process. `refused`: networks that it cannot
        reach, besides the host's addresses. `own`: IPv4 addresses that its loopback has too. Raises NoPrivateNetwork."""
        self.ports = sorted(ports)
        settings = {
            "pasta": [shutil.which("pasta") or "", *FLAGS],
            "refused": [*ALWAYS_REFUSED, *addresses_of_host(), *refused],
            "own": [*own],
        }
        interpreter, env = sandbox_probe.python()
        argv = [interpreter, "-I", "-S", str(HOLDER), json.dumps(settings)]
        self._turn = threading.Lock()
        self._words = ""
        self.on_end: Callable[[], None] = lambda: None
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(ANSWER_S)
        self._theirs = theirs
        self.process: Process = agent_process.start(replace(spec, argv=argv, env=env, way_out=self))
        self._reader = threading.Thread(target=self._read, name="private-network", daemon=True)
        self._reader.start()
        try:
            self.holder, self.listeners = self._begin()
        except BaseException:
            self.close()
            raise

    def open(self) -> socket.socket:
        """For agent_process: the socket of its process."""
        return self._theirs

    def refused(self) -> list[str]:
        return []

    def open_egress(self) -> None:
        """Let its processes out, as from the host. Raises NoPrivateNetwork."""
        self._command(b"on")

    def close_egress(self) -> None:
        """Raises NoPrivateNetwork."""
        self._command(b"off")

    @property
    def is_alive(self) -> bool:
        return self._reader.is_alive() and procfs.read_process(self.holder.pid) == self.holder

    def close(self) -> None:
        """End it. What still runs in it loses its way out, and ends by its own shim."""
        self.on_end = lambda: None  # an end in order is no fault of the process that runs by then
        self._control.close()
        self.process.kill()
        self._reader.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _begin(self) -> tuple[procfs.ProcessInfo, list[socket.socket]]:
        try:
            answer, handles, _, _ = socket.recv_fds(self._control, MAX_ANSWER_BYTES, MAX_PORTS)
        except OSError as problem:
            raise NoPrivateNetwork(f"its holder did not answer: {problem}") from None
        word, _, detail = answer.decode("utf-8", "replace").partition(" ")
        holder = procfs.read_process(int(detail)) if word == "ready" else None
        if holder is None:
            raise NoPrivateNetwork(detail or self._last_words())
        return holder, [socket.socket(fileno=handle) for handle in handles]

    def _command(self, word: bytes) -> None:
        with self._turn:
            try:
                self._control.send(word)
                answer = self._control.recv(MAX_ANSWER_BYTES)
            except OSError as problem:
                raise NoPrivateNetwork(f"its holder did not answer: {problem}") from None
        if answer != b".":
            raise NoPrivateNetwork(answer.decode("utf-8", "replace").removeprefix("failed ") or self._last_words())

    def _last_words(self) -> str:
        self._reader.join(ANSWER_S)
        return self._words or "its holder has ended"

    def _read(self) -> None:
        """Read its output, or its shim would believe this process dead; its last line says why it ended."""
        with self.process:
            for line in self.process.lines():
                if line is not None:
                    self._words = line.text
            self._words = self.process.ended.error or self._words
        self.on_end()


def addresses_of_host() -> list[str]:
    """All addresses of this host at this moment, but its loopback, as networks."""
    return sorted({*_local_ipv4()} | {f"{address}/128" for address in _local_ipv6()})


def _local_ipv4() -> Iterable[str]:
    """`|-- 192.0.2.2` with the line `/32 host LOCAL` below it; a shorter prefix: a network whose addresses are all this host's."""
    address = ""
    for line in _lines("/proc/net/fib_trie"):
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[1:] == ["host", "LOCAL"] and not ipaddress.ip_address(address).is_loopback:
            yield address + words[0]


def _local_ipv6() -> Iterable[str]:
    for line in _lines("/proc/net/if_inet6"):
        address = ipaddress.IPv6Address(int(line.split()[0], 16))
        if not address.is_loopback:
            yield str(address)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # a kernel without it
        return []
