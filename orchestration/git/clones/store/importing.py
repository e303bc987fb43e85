"""Takes the commits that an agent made over into the store. Its repository is never opened: its objects, and nothing else of it, are packed
through a .git of Muster's, checked in quarantine, and moved into the store when all is well."""

import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from re import compile as pattern
from typing import IO

from orchestration.git import command as git
from orchestration.git.clones.safety import config, untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.safety.wrapping import Wrap
from orchestration.git.clones.store.stores import Store

MAX_BYTES = 2_000_000_000
MAX_OBJECTS = 1_000_000
MAX_FILES = 300_000
TIMEOUT_S = 300.0
_LOOSE, _PACK = pattern(r"[0-9a-f]{38}(?:[0-9a-f]{24})?"), pattern(r"pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.(?:pack|idx)")
_FANOUT = pattern(r"[0-9a-f]{2}")


class Refused(Exception):
    """The agent's commits are not taken over; its text is a sentence."""


def take(store: Store, path: Path, commits: Sequence[str], *, known: Sequence[str], wrap: Wrap) -> None:
    """Have the store have these commits of the clone, and what they contain beyond the `known` ones. Raises Refused."""
    record = Record.of(path)
    view, quarantine = record.folder / "view", record.folder / "quarantine"
    try:
        for folder in (view, quarantine):
            untrusted.remove(folder)
        _refuse_alternates(store, path)
        _make_view(store, path, view)
        (quarantine / "pack").mkdir(parents=True)
        _pack(store, view, quarantine, commits, known, wrap)
        _check_whole(store, quarantine, commits, known)
        _move_in(store, quarantine)
    except OSError as problem:
        raise Refused(f"its .git cannot be read: {problem.strerror}") from problem
    finally:
        for folder in (view, quarantine):
            untrusted.remove(folder)


def _refuse_alternates(store: Store, path: Path) -> None:
    """Objects come from the clone and the store. With another alternate an agent could import what it may not read."""
    name = ".git/objects/info/alternates"
    if not os.path.lexists(path / name):
        return
    if untrusted.read(path, name, limit=65_536) != store.alternates.encode():
        raise Refused("its .git names other object folders than the store (objects/info/alternates)")


def _make_view(store: Store, path: Path, view: Path) -> None:
    """A .git with the clone's objects, by hard links to its regular files, and the store's."""
    for folder in ("objects/info", "objects/pack", "refs"):
        (view / folder).mkdir(parents=True)
    (view / "HEAD").write_text("ref: refs/heads/none\n")
    (view / "config").write_text(config.text_for(store.repo, is_bare=True))
    (view / "objects" / "info" / "alternates").write_text(store.alternates)
    with suppress(FileNotFoundError):
        (view / "shallow").write_text((store.path / "shallow").read_text())
    for count, name in enumerate(_object_files(path / ".git" / "objects")):
        if count >= MAX_FILES:
            raise Refused(f"its .git has more than {MAX_FILES} object files")
        target = view / "objects" / name
        target.parent.mkdir(exist_ok=True)
        os.link(path / ".git" / "objects" / name, target, follow_symlinks=False)
        if not stat.S_ISREG(target.lstat().st_mode):
            raise Refused(f"{name} of its .git is no regular file")


def _object_files(objects: Path) -> Iterator[str]:
    """Loose objects and packs. Links, and whatever else is there (graphs, bitmaps, an index of packs), are left out."""
    if not (untrusted.is_folder(objects.parent) and untrusted.is_folder(objects)):
        return
    for folder in os.scandir(objects):
        names = _PACK if folder.name == "pack" else _LOOSE if _FANOUT.fullmatch(folder.name) else None
        if names is None or not folder.is_dir(follow_symlinks=False):
            continue
        for file in os.scandir(folder.path):
            if names.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                yield f"{folder.name}/{file.name}"


def _pack(store: Store, view: Path, quarantine: Path, commits: Sequence[str], known: Sequence[str], wrap: Wrap) -> None:
    """Pack the agent's commits into the quarantine. The git of this call alone reads what the agent wrote, in the sandbox if there is one, and its output is
    not trusted either."""
    command = ("pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset")
    line = wrap(git.argv(f"--git-dir={view}", *command), readable=[view, store.objects])
    request = "".join(f"{commit}\n" for commit in [*commits, "--not", *known]).encode()
    with tempfile.TemporaryFile() as errors:
        packer = git.start(line, _environment(store), stderr=errors, bufsize=0)
        alarm = threading.Timer(TIMEOUT_S, git.kill, [packer])
        alarm.start()
        with packer:
            try:
                assert packer.stdin and packer.stdout
                with suppress(BrokenPipeError):
                    packer.stdin.write(request)
                    packer.stdin.close()
                _index(store, packer.stdout, quarantine)
            except BaseException:
                git.kill(packer)
                raise
            finally:
                alarm.cancel()
            if packer.wait():
                raise Refused(f"its commits cannot be read: {_last_line(errors)}")


def _index(store: Store, pack: IO[bytes], quarantine: Path) -> None:
    header = b""
    while len(header) < 12 and (more := pack.read(12 - len(header))):
        header += more
    count = int.from_bytes(header[8:12])
    if len(header) < 12 or header[:4] != b"PACK" or count == 0:
        return  # the packer says why
    if count > MAX_OBJECTS:
        raise Refused(f"its commits have {count} new objects, and {MAX_OBJECTS} are the most")
    options = (f"--pack_header={int.from_bytes(header[4:8])},{count}", f"--max-input-size={MAX_BYTES}", "--threads=1")
    line = git.argv("-c", "core.bigFileThreshold=16m", "-C", str(store.path), "index-pack", "--stdin", "--strict", *options)
    with tempfile.TemporaryFile() as errors:
        env = {**git.environment(), **store.env(objects=quarantine)}
        indexer = git.start(line, env, stdin=pack, stdout=subprocess.DEVNULL, stderr=errors)
        pack.close()
        with indexer:
            try:
                code = indexer.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                git.kill(indexer)
                raise Refused(f"reading its commits took longer than {TIMEOUT_S:g} s") from None
        if code:
            raise Refused(f"its commits are not accepted: {_last_line(errors)}")


def _check_whole(store: Store, quarantine: Path, commits: Sequence[str], known: Sequence[str]) -> None:
    """Everything that the commits name is there."""
    kinds = "".join(f"{commit}^{{commit}}\n" for commit in commits)
    code, _, errors = git.attempt(
        store.path,
        "rev-list",
        "--objects",
        "--quiet",
        "--stdin",
        text=f"{kinds}--not\n" + "".join(f"{commit}\n" for commit in known),
        env=store.env(objects=quarantine),
    )
    if code:
        raise Refused(
            f"its commits are not whole: {errors.strip().splitlines()[-1][:200] if errors.strip() else 'git gave no reason'}"
        )


def _move_in(store: Store, quarantine: Path) -> None:
    """Packs before their indexes: git sees a pack by its index."""
    for suffix in (".pack", ".rev", ".idx"):
        for file in sorted((quarantine / "pack").glob(f"*{suffix}")):
            file.replace(store.objects / "pack" / file.name)


def _environment(store: Store) -> dict[str, str]:
    kept = {name: value for name, value in git.environment().items() if name not in ("HOME", "XDG_CONFIG_HOME")}
    own = store.env()
    return kept | {name: value for name, value in own.items() if name != "GIT_DIR"}


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read(100_000).decode("utf-8", "backslashreplace").strip().splitlines()
    return lines[-1][:200] if lines else "git gave no reason"
