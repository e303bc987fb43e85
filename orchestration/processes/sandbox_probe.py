"""A probe of bubblewrap on this host: a real run, whose result is kept."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from orchestration.processes import sandbox
from orchestration.processes.sandbox import Link, Mount, Overlay

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0
INIT_FILE = Path(__file__).parent / "shim/sandbox_init.py"
SYSTEM = ("/usr", "/nix")
USUAL_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True, slots=True)
class Probe:
    """`bwrap`: the program. `problem`: why it does not work; empty: it works."""

    bwrap: str = ""
    version: str = ""
    problem: str = ""

    @property
    def works(self) -> bool:
        return not self.problem


_result: Probe | None = None
_lock = threading.Lock()


def probe() -> Probe:
    """The result for this host. The first call takes some tens of milliseconds."""
    global _result
    with _lock:
        if _result is None:
            _result = _run()
            if _result.works:
                log.info("sandbox.works", version=_result.version)
            else:
                log.warning("sandbox.unavailable", problem=_result.problem)
        return _result


def overlays(folder: Path) -> str:
    """Why a sandbox on this host cannot show a folder of this disk with changes of its own; empty: it can. The result is kept."""
    with _lock:
        return _overlays(folder)


@lru_cache
def _overlays(folder: Path) -> str:
    with tempfile.TemporaryDirectory(dir=folder, prefix="overlay-") as name:
        below, upper, work = (Path(name, part) for part in ("below", "upper", "work"))
        for place in (below, upper, work):
            place.mkdir()
        own = (*machinery(), Overlay((str(below),), "/probe", str(upper), str(work)))
        box = sandbox.Box(cwd="/", own=own, home="", home_at="", tmp="", system=base_system(), proc=proc_read_only())
        problem = _output(box, "open('/probe/new', 'w'); print(1)").problem
        if "Unknown option" in problem:
            return "bubblewrap is older than 0.11"
        return problem or ("" if (upper / "new").is_file() and not (below / "new").exists() else "changes are not apart")


def python() -> tuple[str, dict[str, str]]:
    """The interpreter for the sandbox's first process, outside of any virtual environment, and what it needs in its environment."""
    needed = {"LD_LIBRARY_PATH": os.environ["LD_LIBRARY_PATH"]} if "LD_LIBRARY_PATH" in os.environ else {}
    base = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base), needed


def machinery() -> tuple[Mount, ...]:
    """The mounts that the first process needs: its file, and its interpreter where that is no part of the system."""
    interpreter = os.path.realpath(sys.base_prefix)
    shown = [interpreter, *(os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))]
    extra = [path for path in shown if os.path.isabs(path) and Path(path).is_dir() and not _is_system(path)]
    return (Mount(str(INIT_FILE), sandbox.INIT), *(Mount(os.path.realpath(path), path) for path in extra))


def base_system() -> tuple[Mount | Link, ...]:
    """Programs and libraries of the system, read-only."""
    items: list[Mount | Link] = [Mount(path, path) for path in SYSTEM if Path(path).is_dir()]
    for name in USUAL_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            items.append(Link(os.readlink(path), str(path)))
        elif path.is_dir():
            items.append(Mount(str(path), str(path)))
    return tuple(items)


def proc_read_only() -> tuple[str, ...]:
    return tuple(name for name in sandbox.PROC_READ_ONLY if Path("/proc", name).exists())


def _is_system(path: str) -> bool:
    return any(sandbox.is_in(os.path.realpath(path), folder) for folder in SYSTEM)


def _run() -> Probe:
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"
    box = sandbox.Box(
        cwd="/",
        own=machinery(),
        home="",
        home_at="",
        tmp=scratch,
        system=base_system(),
        proc=proc_read_only(),
    )
    return _output(box, "import os; print(os.getpid())")


def _output(box: sandbox.Box, code: str) -> Probe:
    """Run this Python, which prints 1, in the box."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Probe(problem="bubblewrap is not installed (the package bubblewrap, the program bwrap)")
    interpreter, env = python()
    command = [bwrap, *sandbox.options(box), interpreter, "-I", "-S", "-c", code]
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        version_output = subprocess.run(
            [bwrap, "--version"], env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as problem:
        return Probe(bwrap, problem=str(problem))
    if done.returncode or done.stdout.strip() != "1":
        return Probe(bwrap, problem=(done.stderr.strip() or f"bwrap ended with {done.returncode}").split("\n")[-1][:300])
    return Probe(bwrap, version_output.split()[-1] if version_output.split() else "")
