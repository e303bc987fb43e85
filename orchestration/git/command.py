"""The git command line, shielded from the user's hooks, signing and surroundings."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from orchestration.processes import procfs

TIMEOUT_S = 120.0
_OPTIONS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.editor": "true",
    "core.filesRefLockTimeout": "3000",
    "core.packedRefsTimeout": "3000",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "merge.verifySignatures": "false",
    "merge.autoStash": "false",
    "log.showSignature": "false",
    "user.name": "Muster",
    "user.email": "muster@localhost",
    "user.useConfigOnly": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "color.ui": "false",
    "diff.noprefix": "false",
    "diff.mnemonicPrefix": "false",
    "submodule.recurse": "false",
    "worktree.guessRemote": "false",
    "worktree.useRelativePaths": "false",
}
# For agents that commit by themselves in a HOME that knows nobody.
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Muster"), ("EMAIL", "muster@localhost"))
}
_GIT = ["git", "--no-pager", "--literal-pathspecs"] + [part for item in _OPTIONS.items() for part in ("-c", "=".join(item))]
# HOME stays: the user's global configuration may hold filters (LFS) and safe directories that the repository needs.
_session: ContextVar[str] = ContextVar("session", default="")
_aloof: ContextVar[bool] = ContextVar("aloof", default=False)
# Whatever the repository's settings say: nothing is fetched (a remote's address can name a program), and no object stands in for another.
_ALOOF = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "LD_LIBRARY_PATH")


class GitError(Exception):
    """git could not, or we would not. As text: a sentence for a person."""

    def __init__(self, command: str | Sequence[str], stderr: str) -> None:
        self.command = command if isinstance(command, str) else "git " + " ".join(command)
        self.stderr = stderr.strip()
        super().__init__(self.command, self.stderr)

    def __str__(self) -> str:
        return self.stderr or f"{self.command} failed without a word"


def run(place: Path, *command: str, text: str = "", timeout_s: float = TIMEOUT_S) -> str:
    """Its output, without the last newline. Anything but exit 0 raises."""
    code, output, errors = attempt(place, *command, text=text, timeout_s=timeout_s)
    if code:
        raise GitError(command, errors or output)
    return output.removesuffix("\n")


def attempt(place: Path, *command: str, text: str = "", timeout_s: float = TIMEOUT_S) -> tuple[int, str, str]:
    """Exit code, output, errors; for commands whose exit code is an answer."""
    with _start(place, command) as process:
        try:
            output, errors = process.communicate(text.encode("utf-8", "backslashreplace"), timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise GitError(command, f"git {command[0]} took longer than {timeout_s:g} s and was ended") from None
        except BaseException:
            _kill(process)
            raise
    return process.returncode, _readable(output), _readable(errors)


def beginning(place: Path, *command: str, limit_bytes: int) -> tuple[str, bool]:
    """The first bytes of a long answer as text, and whether that was all of it."""
    output, whole = raw(place, *command, limit_bytes=limit_bytes)
    return _readable(output), whole


def raw(place: Path, *command: str, limit_bytes: int, timeout_s: float = TIMEOUT_S) -> tuple[bytes, bool]:
    """The first bytes of a long answer as they are, and whether that was all of it."""
    with _start(place, command) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.close()
        alarm = threading.Timer(timeout_s, _kill, [process])
        alarm.start()
        try:
            output = process.stdout.read(limit_bytes + 1)
            if len(output) > limit_bytes:
                _kill(process)
                return output[:limit_bytes], False
            errors = process.stderr.read()
        finally:
            alarm.cancel()
    if process.returncode:
        raise GitError(command, _readable(errors))
    return output, True


def succeeds(place: Path, *command: str) -> bool:
    """For questions: exit 0 is yes, 1 is no, anything else an error."""
    code, _, errors = attempt(place, *command)
    if code not in (0, 1):
        raise GitError(command, errors)
    return code == 0


@contextmanager
def belonging_to(session_id: str) -> Iterator[None]:
    """What git does in this block, in this thread, is done for a session: should the worker die, nobody goes on before it is over."""
    token = _session.set(session_id)
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def reading_only() -> Iterator[None]:
    """git does nothing in this block, in this thread, but read what is in the repository itself."""
    token = _aloof.set(True)
    try:
        yield
    finally:
        _aloof.reset(token)


def environment() -> dict[str, str]:
    """What git gets of our environment: no GIT_* variable, no question that nobody answers."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if session_id := _session.get():
        inherited[procfs.GIT_VARIABLE] = session_id
    if _aloof.get():
        inherited |= _ALOOF
    return {**inherited, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}


def _start(place: Path, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            [*_GIT, "-C", str(place), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # so that a filter it started can be ended with it
        )
    except OSError as problem:
        raise GitError(command, f"git could not be started: {problem}") from problem


def _kill(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def _readable(output: bytes) -> str:
    """File names and diffs may hold any bytes; this is text that any database takes."""
    return output.decode("utf-8", "backslashreplace")
