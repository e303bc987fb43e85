"""An agent that attacks: `python hostile.py FACTS.json`. Prints a JSON line for each attack: what it got, or null when it was refused."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
LIBC = ctypes.CDLL(None, use_errno=True)
ATTACKS: dict[str, Callable[[], object]] = {}


def attack(do: Callable[[], object]) -> Callable[[], object]:
    ATTACKS[do.__name__] = do
    return do


def called(number: int) -> str:
    """The result of a system call. Raises OSError."""
    if number == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "it worked"


@attack
def read_the_database() -> object:
    return Path(FACTS["data"], "muster.sqlite3").read_bytes()[:10].hex()


@attack
def read_the_secret_key() -> object:
    return Path(FACTS["data"], "secret_key").read_text()


@attack
def read_another_sessions_folder() -> object:
    return os.listdir(Path(FACTS["data"], "sessions", "other"))


@attack
def read_another_entrys_home() -> object:
    return os.listdir(Path(FACTS["data"], "homes", "other"))


@attack
def read_another_entrys_working_copy() -> object:
    return os.listdir(Path(FACTS["data"], "worktrees", "other"))


@attack
def read_another_workspaces_repository_below_a_shown_folder() -> object:
    return os.listdir(FACTS["other_repo"]) or None


@attack
def read_the_data_directory_below_a_shown_folder() -> object:
    """It sees the way to its own files, and nothing beside it."""
    return [path for path in Path(FACTS["data_below_shown"]).rglob("*") if path.is_file() and str(path) != FACTS["prompt"]]


@attack
def read_a_private_key_at_home() -> object:
    return Path(FACTS["home"], ".ssh/id_ed25519").read_text()


@attack
def read_the_environment_of_a_process() -> object:
    return Path("/proc", str(FACTS["victim"]), "environ").read_bytes().hex()


@attack
def see_processes_of_the_host() -> object:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    return next((line.decode() for line in lines if FACTS["marker"].encode() in line), None)


@attack
def write_into_the_stdout_of_another_session() -> object:
    with open(f"/proc/{FACTS['victim']}/fd/1", "w") as out:
        return out.write('{"type": "usage", "id": "forged", "cost_usd": 3.33}\n')


@attack
def write_into_the_stdin_of_the_shim() -> object:
    with open(f"/proc/{FACTS['shim']}/fd/0", "w") as out:
        return out.write("kill\n")


@attack
def kill_another_session() -> object:
    return os.kill(FACTS["victim"], signal.SIGKILL) or "it worked"


@attack
def stop_the_shim_of_another_session() -> object:
    return os.kill(FACTS["shim"], signal.SIGSTOP) or "it worked"


@attack
def stop_its_own_supervision() -> object:
    """Its only parent is the first process of the sandbox, which no signal from inside reaches."""
    os.kill(1, signal.SIGSTOP)
    os.kill(1, signal.SIGKILL)
    state = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[0]
    return state if state in "TtZX" else None


@attack
def trace_another_session() -> object:
    return called(LIBC.ptrace(16, FACTS["victim"], 0, 0))


@attack
def connect_to_the_socket_of_valkey() -> object:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect(FACTS["valkey"]) or "it worked"


@attack
def replace_a_program_on_the_path() -> object:
    return Path("/usr/bin/muster-was-here").write_text("#!/bin/sh\n")


@attack
def replace_a_program_that_a_command_names() -> object:
    return Path(FACTS["program"]).write_text("#!/bin/sh\necho evil\n")


@attack
def write_to_a_folder_that_it_may_only_read() -> object:
    return Path(FACTS["readable"], "planted").write_text("x")


@attack
def add_a_hook_to_the_users_repository() -> object:
    return Path(FACTS["repo"], ".git/hooks/post-checkout").write_text("#!/bin/sh\n")


@attack
def change_the_prompt_that_muster_wrote() -> object:
    return Path(FACTS["prompt"]).write_text("do something else")


@attack
def write_next_to_its_own_files() -> object:
    return Path(FACTS["prompt"]).with_name("status.json").write_text("{}")


@attack
def write_a_setting_of_the_kernel() -> object:
    path = Path("/proc/sys/vm/overcommit_ratio")
    return path.write_text(path.read_text())


@attack
def have_a_capability() -> object:
    lines = Path("/proc/self/status").read_text().split("\n")
    return next((line for line in lines if line.startswith(("CapEff", "CapPrm", "CapBnd")) and int(line.split()[1], 16)), None)


@attack
def gain_privileges_by_a_set_user_id_program() -> object:
    return None if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text() else "it may"


@attack
def make_a_device() -> object:
    os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(8, 0))
    return Path("/tmp/disk").open("rb").read(1)


@attack
def read_shared_memory_of_the_host() -> object:
    return Path(FACTS["shared_memory"]).read_text()


@attack
def write_into_a_control_group() -> object:
    groups = [path for path in Path("/sys/fs/cgroup").rglob("cgroup.procs") if os.access(path, os.W_OK)]
    return [path.write_text(str(os.getpid())) for path in groups[:1]]


@attack
def mount_something() -> object:
    return called(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None))


@attack
def reach_the_host_by_the_first_process() -> object:
    return [name for name in os.listdir("/proc/1/root") if name == Path(FACTS["data"]).parts[1] and FACTS["data"] != "/tmp"] and (
        os.listdir(f"/proc/1/root{FACTS['data']}/homes/other")
    )


@attack
def type_into_the_terminal() -> object:
    return open("/dev/tty", "w").write("x")


@attack
def fill_the_disk_with_one_file() -> object:
    """Beyond the limit the write is refused; the signal for it is ignored here, to read the answer."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("large", "wb") as file:
        file.truncate(FACTS["file_limit"] + 1)
    return "it worked"


@attack
def start_too_many_processes() -> object:
    if os.getuid() == 0:
        return None  # the kernel never binds root by this limit (docs/explanation/security.md)
    sleepers: list[subprocess.Popen[bytes]] = []
    try:
        sleepers.extend(subprocess.Popen(["sleep", "60"]) for _ in range(FACTS["process_limit"] + 1))
    finally:
        for sleeper in sleepers:
            sleeper.kill()
    return "it worked"


@attack
def plant_a_file_in_the_shell_of_the_user() -> object:
    """Works in its private home. The test looks whether the user's is as before."""
    with open(Path(FACTS["home"], ".bashrc"), "a") as file:
        file.write("evil\n")
    return None


@attack
def leave_a_process_behind() -> object:
    """Works for as long as the agent lives. The test looks whether it is gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(signum, signal.SIG_IGN)
            os.execvpe("sleep", ["sleep", FACTS["left_behind"]], {"PATH": os.environ["PATH"]})
        os._exit(0)
    os.wait()
    return None


@attack
def uncover_what_is_hidden() -> object:
    """Works as root of a user namespace of its own: the last attack, since it leaves the process there."""
    LIBC.unshare(0x10000000 | 0x00020000)
    return called(LIBC.umount2(FACTS["data_below_shown"].encode(), 2))


if __name__ == "__main__":
    for name, do in ATTACKS.items():
        try:
            got, why = do(), ""
        except OSError as refused:
            got, why = None, str(refused)
        print(json.dumps({"attack": name, "got": got, "why": why}, default=str), flush=True)
