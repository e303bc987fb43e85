"""The first data of a service, made once by its `prepare` and copied from then on. They are a cache: whatever is wrong with them, they are made again."""

import fcntl
import hashlib
import json
import os
import platform
import secrets
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from orchestration.configuration import Command, Config
from orchestration.configuration.config.checks import Prepare, Service
from orchestration.git import changes
from orchestration.git import command as git
from orchestration.git.clones.safety import untrusted
from orchestration.git.names import path_patterns

log = structlog.get_logger(__name__)

KEPT = 3
"""Of a service. A branch of other migrations comes back; older ones seldom do."""
POLL_S = 0.2
MANIFEST = "manifest.json"


class Prepared:
    """The data of one service from one origin, in a workspace's folder on this host."""

    def __init__(self, store: Path, service: Service, prepare: Prepare, origin: str) -> None:
        self._store, self._name = store, service.name
        self._folder = store / f"{service.name}-{_key(service, prepare, origin)}"

    @contextmanager
    def turn(self, keep: Callable[[], None]) -> Iterator[None]:
        """Alone on this host until the end of the block: the second one finds what the first one made. `keep` is called while it waits."""
        self._store.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._store / f"{self._name}.lock", "w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    keep()
                    time.sleep(POLL_S)
            yield

    def copy_to(self, folder: Path) -> bool:
        """False: there are none, or they are damaged."""
        try:
            expected = json.loads((self._folder / MANIFEST).read_text())
            if expected != _measured(self._folder / "data"):
                raise ValueError("its files are not those that were kept")
            _copy(self._folder / "data", folder)
            os.utime(self._folder)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, subprocess.CalledProcessError) as problem:
            log.warning("service.prepared_unusable", service=self._name, error=str(problem)[-200:])
            for path in folder.iterdir():
                untrusted.remove(path)
            return False
        return True

    def keep(self, folder: Path) -> None:
        """Keep a copy of these data, and no more than KEPT of the service. A full disk means without."""
        new = self._store / f"new-{secrets.token_hex(8)}"
        try:
            (new / "data").mkdir(mode=0o700, parents=True)
            _copy(folder, new / "data")
            _make_harmless(new / "data")
            (new / MANIFEST).write_text(json.dumps(_measured(new / "data")))
            untrusted.remove(self._folder)
            new.rename(self._folder)
            self._remove_old()
        except (OSError, subprocess.CalledProcessError) as problem:
            log.warning("service.prepared_not_kept", service=self._name, error=str(problem)[-200:])
            with suppress(OSError):
                untrusted.remove(new)

    def _remove_old(self) -> None:
        """With what a kill left unfinished: the turn is this one's."""
        kept = [
            path for path in self._store.glob(f"{self._name}-*") if path.is_dir() and len(path.name) == len(self._folder.name)
        ]
        for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            untrusted.remove(path)
        for path in self._store.glob("new-*"):
            if path.stat().st_mtime < time.time() - 3600:
                untrusted.remove(path)


def origin(repo: Path, commit: str, config: Config, patterns: Sequence[str]) -> str:
    """The content of the files of a commit that these patterns match, and the environment of the checks. Raises GitError."""
    names = [name for name in changes.listing(repo, commit) if any(path_patterns.matches(pattern, name) for pattern in patterns)]
    listed = git.run(repo, "ls-tree", "-r", "-z", commit).split("\0") if names else []
    chosen = set(names)
    return json.dumps([sorted(config.check_env.items()), [line for line in listed if line.partition("\t")[2] in chosen]])


def _key(service: Service, prepare: Prepare, origin: str) -> str:
    parts = [
        service.model_dump(mode="json", include={"name", "run"}),
        prepare.model_dump(mode="json", include={"run", "inputs"}),
        *(_program(command) for command in (service.run, prepare.run)),
        *(platform.machine(), os.geteuid(), os.environ.get("LC_ALL") or os.environ.get("LANG", "")),
        origin,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _program(command: Command) -> list[str | int]:
    """The file of the command's program, with its size and time: another release may not read the data of this one."""
    with suppress(ValueError, IndexError, OSError):
        word = shlex.split(command)[0] if isinstance(command, str) else command[0]
        path = Path(shutil.which(word) or word).resolve()
        return [str(path), path.stat().st_size, path.stat().st_mtime_ns]
    return []


def _copy(source: Path, target: Path) -> None:
    """With reflinks where the disk has them. Raises OSError or CalledProcessError."""
    subprocess.run(
        ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )


def _make_harmless(folder: Path) -> None:
    """Without sockets, pipes and devices, and without setuid and setgid: where the worker is root, so is the owner of these files."""
    for path, info in _walk(folder):
        if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
            path.chmod(info.st_mode & 0o777)
        elif not stat.S_ISLNK(info.st_mode):
            path.unlink()


def _measured(folder: Path) -> list[int]:
    """The number of files, and their bytes. Raises FileNotFoundError."""
    sizes = [info.st_size if stat.S_ISREG(info.st_mode) else 0 for _, info in _walk(folder)]
    return [len(sizes), sum(sizes)]


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Follows no links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                yield from _walk(Path(entry.path))
            yield Path(entry.path), info
