"""The git command line, shielded from the user's hooks, signing and environment."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from orchestration.git import credentials
from orchestration.processes.shim import procfs
from workspaces.machine import authorities
from workspaces.secrets.masking import foreign

TIMEOUT_S = 120.0
_OPTIONS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.protectHFS": "true",  # no name that another system takes for .git
    "core.protectNTFS": "true",
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
# For agents that commit themselves, in a HOME without a git identity.
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Muster"), ("EMAIL", "muster@localhost"))
}
_GIT = ["git", "--no-pager", "--literal-pathspecs"] + [part for item in _OPTIONS.items() for part in ("-c", "=".join(item))]
# HOME stays: the user's global configuration may hold filters (LFS) and safe directories that the repository needs.
_session: ContextVar[str] = ContextVar("session", default="")
_read_only: ContextVar[bool] = ContextVar("aloof", default=False)
# Whatever the repository's settings are: nothing is fetched (a remote's address can name a program), and no object replaces another.
_READ_ONLY_ENV = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "LD_LIBRARY_PATH")


class GitError(Exception):
    """A git command failed or was refused. Its text is a sentence for a person."""

    def __init__(self, command: str | Sequence[str], stderr: str) -> None:
        self.command = command if isinstance(command, str) else "git " + " ".join(command)
        self.stderr = foreign(stderr.strip())
        super().__init__(self.command, self.stderr)

    def __str__(self) -> str:
        return self.stderr or f"{self.command} failed without a message"


def run(folder: Path, *command: str, text: str = "", timeout_s: float = TIMEOUT_S, env: Mapping[str, str] | None = None) -> str:
    """The output, without the last newline. `env`: added to git's environment. Raises GitError unless it exits with 0."""
    code, output, errors = attempt(folder, *command, text=text, timeout_s=timeout_s, env=env)
    if code:
        raise GitError(command, errors or output)
    return output.removesuffix("\n")


def attempt(
    folder: Path, *command: str, text: str = "", timeout_s: float = TIMEOUT_S, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit code, output, errors; for commands whose exit code is a result. Where a command of the network failed, without its credentials."""
    with _start(folder, command, env) as process:
        try:
            output, errors = process.communicate(text.encode("utf-8", "backslashreplace"), timeout_s)
        except subprocess.TimeoutExpired:
            kill(process)
            raise GitError(command, f"git {command[0]} took longer than {timeout_s:g} s and was ended") from None
        except BaseException:
            kill(process)
            raise
    if process.returncode and command[0] in credentials.NETWORK:
        return _masked(folder, command, env or {}, process.returncode, _decode(output), _decode(errors))
    return process.returncode, _decode(output), _decode(errors)


def _masked(
    folder: Path, command: Sequence[str], env: Mapping[str, str], code: int, output: str, errors: str
) -> tuple[int, str, str]:
    """A server may repeat what it was sent."""
    _, remotes, _ = attempt(folder, "config", "--get-regexp", r"^(remote\..*\.(push)?url|url\..*)$")
    mask = credentials.mask(command, env, remotes)
    return code, mask(output), mask(errors)


def read_start(folder: Path, *command: str, limit_bytes: int) -> tuple[str, bool]:
    """The first bytes of a long output as text, and whether that is all of it."""
    output, whole = read_start_bytes(folder, *command, limit_bytes=limit_bytes)
    return _decode(output), whole


def read_start_bytes(folder: Path, *command: str, limit_bytes: int, timeout_s: float = TIMEOUT_S) -> tuple[bytes, bool]:
    """The first bytes of a long output, and whether that is all of it."""
    with _start(folder, command) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.close()
        alarm = threading.Timer(timeout_s, kill, [process])
        alarm.start()
        try:
            output = process.stdout.read(limit_bytes + 1)
            if len(output) > limit_bytes:
                kill(process)
                return output[:limit_bytes], False
            errors = process.stderr.read()
        finally:
            alarm.cancel()
    if process.returncode:
        raise GitError(command, _decode(errors))
    return output, True


def succeeds(folder: Path, *command: str, env: Mapping[str, str] | None = None) -> bool:
    """Run a command that answers yes or no: exit code 0 is True, 1 is False; any other raises GitError."""
    code, _, errors = attempt(folder, *command, env=env)
    if code not in (0, 1):
        raise GitError(command, errors)
    return code == 0


@contextmanager
def on_behalf_of(session_id: str) -> Iterator[None]:
    """Mark the git processes of this block and thread as a session's: if the worker dies, the reaper waits for them before it ends the session."""
    token = _session.set(session_id)
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def reading_only() -> Iterator[None]:
    """Let git read only what the repository itself contains, in this block and thread."""
    token = _read_only.set(True)
    try:
        yield
    finally:
        _read_only.reset(token)


def environment() -> dict[str, str]:
    """The environment of git: none of the worker's GIT_* variables, and no interactive prompts."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ} | authorities.variables()
    if session_id := _session.get():
        inherited[procfs.GIT_VARIABLE] = session_id
    if _read_only.get():
        inherited |= _READ_ONLY_ENV
    return {**inherited, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}


def argv(*command: str) -> list[str]:
    """The command line of a git command, with the options that shield it."""
    return [*_GIT, *command]


def start(
    command_line: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int | IO[bytes] = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    bufsize: int = -1,
) -> "subprocess.Popen[bytes]":
    """A process of git whose streams the caller reads and writes, with exactly this environment. Raises GitError."""
    try:
        return subprocess.Popen(
            list(command_line),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(env),
            start_new_session=True,  # so that a filter it started can be ended with it
            bufsize=bufsize,
        )
    except OSError as problem:
        raise GitError("git", f"git could not be started: {problem}") from problem


def _start(folder: Path, command: Sequence[str], env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    return start([*_GIT, "-C", str(folder), *command], {**environment(), **(env or {})})


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End it, and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def _decode(output: bytes) -> str:
    """File names and diffs may contain any bytes; the result is text that any database accepts."""
    return output.decode("utf-8", "backslashreplace")
