"""Machines in namespaces of their own: network, processes, files and name. One of them has the bridge that joins them. Needs root."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from config.up.children import die_with_parent
from tests.faults.harness import ROOT

NETWORK = "10.77.0"  # exists in these namespaces only
NOWHERE = "02:00:00:00:00:99"  # no card has this address: what is sent there is lost in silence
_CLONE_NEWNET = 0x40000000
# The first process of a machine. `--mount-proc` gave it a /proc of its own; its orphans are reaped by the kernel.
_INIT = """
import signal, socket, subprocess, sys
name, *mounts = sys.argv[1:]
socket.sethostname(name)
for folder, options in zip(mounts[::2], mounts[1::2]):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""


class Machine:
    """`hidden`: folders of other machines, which are empty here. `disk_mb`: the size of a disk of its own at its folder; 0: the one below."""

    def __init__(self, name: str, folder: Path, number: int, *, hidden: list[Path], disk_mb: int = 0) -> None:
        self.name, self.folder, self.address = name, folder, f"{NETWORK}.{number}"
        mounts = [word for path in hidden for word in (str(path), "size=1m")]
        mounts += [str(folder), f"size={disk_mb}m"] if disk_mb else []
        spaces = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._init = subprocess.Popen(
            ["unshare", *spaces, sys.executable, "-c", _INIT, name, *mounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
        assert self._init.stdout and self._init.stdout.readline() == b"ready\n", f"{name} did not start"
        self.pid = psutil.Process(self._init.pid).children()[0].pid
        self._space = os.readlink(f"/proc/{self.pid}/ns/pid")

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a command on this machine."""
        return ["nsenter", "-t", str(self.pid), "--net", "--mount", "--uts", "--pid", f"--wd={ROOT}", *command]

    def run(self, *command: str) -> None:
        subprocess.run(self.inside(*command), check=True)

    def start(self, *command: str, env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        with open(log, "ab") as out:
            return subprocess.Popen(
                self.inside(*command), env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def path(self, file: Path) -> Path:
        """A file as this machine sees it."""
        return Path(f"/proc/{self.pid}/root{file}")

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        """A connection from this machine. A socket stays in the network in which it was made."""
        with ThreadPoolExecutor(1) as pool:  # a thread of its own: the network is changed for it alone
            return pool.submit(self._connect, address, timeout).result()

    def listen(self) -> socket.socket:
        """A listener at its address."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._listen).result()

    def _enter_network(self) -> None:
        assert threading.current_thread() is not threading.main_thread()
        with open(f"/proc/{self.pid}/ns/net") as network:
            assert ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET) == 0

    def _listen(self) -> socket.socket:
        self._enter_network()
        return socket.create_server((self.address, 0), backlog=64)

    def _connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self._enter_network()
        return socket.create_connection(address, timeout)

    def processes(self, words: str = "") -> list[int]:
        """Its living processes, or those of them whose command line has these words."""
        return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if self._has(folder, words.encode())]

    def _has(self, folder: Path, words: bytes) -> bool:
        try:
            if os.readlink(folder / "ns/pid") != self._space or words not in (folder / "cmdline").read_bytes():
                return False
            return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def end(self) -> None:
        """End it as a power cut does."""
        self._init.kill()
        self._init.wait()


def send(sig: signal.Signals, pids: list[int]) -> None:
    """To those that are still there: processes end while they are listed."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sig)


class Network:
    """A bridge on the first machine, and a cable to each other one."""

    def __init__(self, centre: Machine) -> None:
        self.centre = centre
        centre.run("ip", "link", "add", "bridge", "type", "bridge")
        centre.run("ip", "address", "add", f"{centre.address}/24", "dev", "bridge")
        centre.run("ip", "link", "set", "bridge", "up")

    def join(self, machine: Machine) -> None:
        cable = f"to-{machine.name}"
        self.centre.run("ip", "link", "delete", cable) if self._is_there(cable) else None
        # `netns PID` is read in the centre's /proc, which does not have the machine's processes: it is moved from outside.
        with open(f"/proc/{self.centre.pid}/ns/net") as here, open(f"/proc/{machine.pid}/ns/net") as there:
            subprocess.run(
                [
                    *("nsenter", f"--net=/proc/self/fd/{here.fileno()}", "ip", "link", "add", cable, "type", "veth"),
                    *("peer", "name", "card", "netns", f"/proc/self/fd/{there.fileno()}"),
                ],
                check=True,
                pass_fds=(here.fileno(), there.fileno()),
            )
        self.centre.run("ip", "link", "set", cable, "master", "bridge", "up")
        machine.run("ip", "address", "add", f"{machine.address}/24", "dev", "card")
        machine.run("ip", "link", "set", "card", "up")

    def _is_there(self, cable: str) -> bool:
        return subprocess.run(self.centre.inside("ip", "link", "show", cable), capture_output=True).returncode == 0

    def cut(self, machine: Machine, *, to: bool = True, back: bool = True) -> None:
        """Lose all packets `to` the centre, and those `back`, without an error at either end."""
        if to:
            machine.run("ip", "neigh", "replace", self.centre.address, "lladdr", NOWHERE, "dev", "card", "nud", "permanent")
        if back:
            self.centre.run("ip", "neigh", "replace", machine.address, "lladdr", NOWHERE, "dev", "bridge", "nud", "permanent")

    def repair(self, machine: Machine) -> None:
        for side, device, other in ((machine, "card", self.centre), (self.centre, "bridge", machine)):
            subprocess.run(side.inside("ip", "neigh", "del", other.address, "dev", device), capture_output=True)
