"""The files of a working copy, by Muster's own index of them: git never looks into the .git that is there."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestration.git import changes, large_files
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store.stores import Store

INNER_LEVELS = 20  # of repositories in repositories
MAX_NAMED = 5


def put(store: Store, path: Path, commit: str) -> None:
    """Make the files of the index those of the commit; what else is there stays, unless it is in the way. Raises GitError."""
    record = Record.of(path)
    record.release_lock()
    store.run("read-tree", "--reset", "-u", commit, index=record.index, tree=path)


def move(store: Store, path: Path, old: str, new: str) -> bool:
    """Move the files of a working copy from commit `old` to `new`. False: a file that is not in the index is in the way, and nothing was changed."""
    code, _, _ = store.attempt("read-tree", "-m", "-u", old, new, index=Record.of(path).index, tree=path)
    return code == 0


def begin_from(store: Store, path: Path, commit: str) -> None:
    """Compare the files with this commit from now on: also what it has in spite of .gitignore is the entry's."""
    store.run("read-tree", "--reset", commit, index=Record.of(path).index, tree=path)


def record_all(store: Store, path: Path, commit: str, max_bytes: int) -> tuple[str, tuple[str, ...]]:
    """All files, without those that are ignored or larger, as a tree in the store; and a finding where git cannot take some. `commit`: from
    which the index began. Raises GitError."""
    index = Record.of(path).index
    Record.of(path).release_lock()
    for special in untrusted.special_files(path, (".gitignore", ".gitattributes")):
        special.unlink()  # git would wait for somebody to write into it
    problem = ""
    with _without_git(store, path, commit):
        for _ in range(INNER_LEVELS):
            is_inner, problem = _add(store, path, max_bytes)
            if not is_inner:
                break
            store.run("read-tree", "--reset", commit, index=index, tree=path)
            _detach_inner_repositories(store, path)
        else:
            problem = f"repositories inside of each other, more than {INNER_LEVELS}"
    findings = (f"not_committed: git cannot take all files: {problem}. Correct them, or remove them",) if problem else ()
    return store.run("write-tree", index=index, tree=path), findings


def _add(store: Store, path: Path, max_bytes: int) -> tuple[bool, str]:
    """Add all files to the index. Returns True if a repository inside stands in the way: it would be committed as a bare link, and an empty
    one makes git fail. Also returns git's errors on files that no commit can hold, in one line."""
    large = large_files.over(path, others(store, path, "--modified"), max_bytes)
    command, text = large_files.add_all(large)
    code, _, errors = store.attempt(*command, text=text, index=Record.of(path).index, tree=path)
    if "embedded git repository" in errors or "does not have a commit checked out" in errors:
        return True, ""
    if "denied" in errors:
        untrusted.give_rights(path)
    if code or "denied" in errors:  # all the others
        command, text = large_files.add_all(large, "--ignore-errors")
        code, _, errors = store.attempt(*command, text=text, index=Record.of(path).index, tree=path)
    return False, _problem(errors)


def _problem(errors: str) -> str:
    """The first errors of git in one line, and folders that it left out: they are nested deeper than a path can be long."""
    lines = [line for line in errors.split("\n") if line.startswith(("error: ", "fatal: ", "warning: could not open directory"))]
    chosen = dict.fromkeys(line.partition(": ")[2] for line in lines)
    return "; ".join(line if len(line) <= 200 else f"{line[:150]}...{line[-50:]}" for line in list(chosen)[:MAX_NAMED])


def _detach_inner_repositories(store: Store, path: Path) -> None:
    """Their files count, their .git is moved away."""
    for name in others(store, path):
        inner = path / name / ".git"
        if name.endswith("/") and os.path.lexists(inner):
            inner.rename(Record.of(path).folder / f"inner-{time.time_ns()}")


def others(store: Store, path: Path, *options: str) -> list[str]:
    """Files that are not in the index and not ignored; with `--modified` or `--deleted`, these too."""
    names = store.run("ls-files", "--others", *options, "--exclude-standard", "-z", index=Record.of(path).index, tree=path)
    return [name for name in names.split("\0") if name]


@contextmanager
def _without_git(store: Store, path: Path, commit: str) -> Iterator[None]:
    """Submodules stand without their .git meanwhile."""
    # git would run inside them to see what changed, with settings that an agent may have written.
    moved: list[tuple[Path, Path]] = []
    try:
        for n, name in enumerate(changes.submodules(store.path, commit, env=store.env())):
            inner, aside = path / name / ".git", Record.of(path).folder / f"submodule-{n}"
            if os.path.lexists(inner) and is_below(path, inner.parent):
                inner.rename(aside)
                moved.append((inner, aside))
        yield
    finally:
        for inner, aside in moved:
            with suppress(OSError):
                aside.rename(inner)


def is_below(path: Path, folder: Path) -> bool:
    """True if the folder is reached from `path` without a link."""
    return folder.resolve() == path.resolve() / folder.relative_to(path)


def restore(store: Store, path: Path, commit: str, names: Sequence[str]) -> None:
    """Put these files back as they are in the commit."""
    if names:
        store.run("checkout", "--quiet", commit, "--", *names, index=Record.of(path).index, tree=path)
