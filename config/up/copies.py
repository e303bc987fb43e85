"""Copies of this process: web server and workers need the same modules, which `up` loads once, before it forks.

A copy starts in a tenth of a second where a new Python takes two seconds of CPU, and shares the memory of what was loaded.
"""

import atexit
import ctypes
import gc
import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNUSED = ("bench", "tests")
PR_SET_NAME = 15
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_loaded: tuple[float, int] | None = None


def load(module: str) -> None:
    """Import what children need. Where that has started a thread, which no fork would keep, children start as programs of their own."""
    global _loaded
    if _libc is None:  # the system libraries of macOS do not survive a fork
        return
    _loaded = _loaded or _newest_source()
    gc.disable()  # what is being loaded stays: collections would only read it again and again
    try:
        import_module(module)
    finally:
        gc.enable()
    if threading.active_count() > 1:
        _loaded = None
        return
    gc.freeze()  # a collection in a child would copy the pages of every object


def can_copy(*, is_new: bool = False) -> bool:
    """`is_new`: the child starts together with the others, so that all have the code that was loaded."""
    return _loaded is not None and (is_new or not is_outdated())


def is_outdated() -> bool:
    """The code on disk is not the code that this process has loaded."""
    return _loaded is not None and _loaded != _newest_source()


def run(module: str, arguments: Sequence[str]) -> int:
    """`python -m module` with these arguments. Returns the exit code."""
    if module == "config.web":
        from config import web

        return web.main(arguments)
    if module == "config.gateway":
        from config import gateway

        return gateway.main(arguments)
    if module == "celery":
        from config.up import worker

        return worker.run(arguments)
    assert module == "manage"
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])
    return 0


def _newest_source() -> tuple[float, int]:
    """The time of the newest source file, and how many there are."""
    packages = [folder for folder in ROOT.iterdir() if folder.name not in UNUSED and (folder / "__init__.py").exists()]
    walks = (walk for package in packages for walk in os.walk(package))
    files = (Path(folder, name) for folder, _, names in walks for name in names if name.endswith(".py"))
    times = [file.stat().st_mtime for file in files]
    return max(times), len(times)


class Copy:
    """A child that began as a copy of this process: as much of subprocess.Popen as `up` uses."""

    def __init__(
        self, name: str, main: Callable[[], int], *, prepare: Callable[[], None], stdout: int, stderr: int, keep: Sequence[int]
    ) -> None:
        """`prepare` runs first in the child, which keeps the files `keep` open, and no others. Returns once it is a process group of its own."""
        self.returncode: int | None = None
        begun, beginning = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                prepare()
                _become(name, stdout, stderr, keep)
            except BaseException:
                os._exit(1)
            _run(main)
        os.close(beginning)
        os.read(begun, 1)  # its end: the child has closed it, or is gone
        os.close(begun)

    def poll(self) -> int | None:
        if self.returncode is None:
            self._wait(os.WNOHANG)
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self._wait(0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _wait(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)


def _become(name: str, stdout: int, stderr: int, keep: Sequence[int]) -> None:
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    limits = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for last, following in itertools.pairwise(limits):  # the lock of `up` ends with `up`
        os.closerange(last + 1, following)
    if _libc is not None:
        _libc.prctl(PR_SET_NAME, f"muster-{name}".encode()[:15], 0, 0, 0)
        _show_in_ps(name)


def _show_in_ps(name: str) -> None:
    """Write `python -m config.up NAME` over the arguments of `up`, which a fork keeps."""
    words = f"python\0-m\0config.up\0{name}\0".encode()
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # of the arguments in memory
    if len(words) <= end - start:  # behind the end is the environment, by which processes of a session are found
        ctypes.memmove(start, words.ljust(end - start, b"\0"), end - start)


def _run(main: Callable[[], int]) -> None:
    """Run `main` and end the process as a program ends: other threads first."""
    code = 1
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
