"""The ignored files that a tree asks for: the lines of `.worktreeinclude` at its root, in the syntax of .gitignore. Git itself decides which paths
match. Nothing of a working copy is read."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from orchestration.git import changes
from orchestration.git import command as git

NAME = ".worktreeinclude"
MAX_BYTES = 65_536
MAX_RULES = 1_000_000  # bytes of one .gitignore
MAX_MISSING = 20
# No rules of this user or host count: a path is ignored on every host, or on none.
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@dataclass(frozen=True, slots=True)
class Included:
    """`unused`: the paths that a tree does not ask for, each with the reason. `missing`: names in its `.worktreeinclude` without such a path."""

    unused: Mapping[str, str]
    missing: tuple[str, ...] = ()


def read(repo: Path, commit: str, paths: Sequence[str]) -> Included:
    """Match the paths with those that a commit asks for, of a repository that Muster trusts. `commit`: a whole hash. Raises GitError."""
    return _read(repo, changes.tree_of(repo, commit), tuple(paths))


@lru_cache(maxsize=64)
def _read(repo: Path, tree: str, paths: tuple[str, ...]) -> Included:
    files = changes.listing(repo, tree)
    tracked = {path for path in paths if is_tracked(files, path)}
    rules, is_whole = _content(repo, tree, files, NAME, MAX_BYTES)
    if rules is None or not is_whole:
        why = f"{NAME} is longer than {MAX_BYTES // 1024} KiB" if rules else f"the branch has no {NAME}"
        return Included({path: "git tracks it" if path in tracked else why for path in paths})
    named = _matching({".gitignore": rules}, paths)
    ignored = _matching(dict(_ignoring(repo, tree, files, paths)), paths)
    unused = {
        path: "git tracks it"
        if path in tracked
        else f"no line of {NAME} names it"
        if path not in named
        else "git does not ignore it"
        for path in paths
        if path in tracked or path not in named or path not in ignored
    }
    return Included(unused, tuple(_missing(rules, files, paths)))


def is_tracked(files: Mapping[str, str], path: str) -> bool:
    """True if a commit with these files has this one, a folder of its name, or a file, link or submodule in the place of one of its folders."""
    above = {str(folder) for folder in PurePosixPath(path).parents}
    return path in files or not above.isdisjoint(files) or any(name.startswith(f"{path}/") for name in files)


def _content(repo: Path, tree: str, files: Mapping[str, str], name: str, limit: int) -> tuple[bytes | None, bool]:
    """The start of a regular file; a link counts as none, as git has it for .gitignore. The second value: that is all of it."""
    if not files.get(name, "").startswith("100"):
        return None, True
    return git.read_start_bytes(repo, "cat-file", "blob", f"{tree}:{name}", limit_bytes=limit)


def _ignoring(repo: Path, tree: str, files: Mapping[str, str], paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Every .gitignore on the way to the paths."""
    for folder in sorted({folder for path in paths for folder in PurePosixPath(path).parents}):
        name = str(folder / ".gitignore")
        content, _ = _content(repo, tree, files, name, MAX_RULES)
        if content is not None:
            yield name, content


def _matching(rules: Mapping[str, bytes], paths: Sequence[str]) -> set[str]:
    """The paths that match these .gitignore files, in a repository with nothing else in it."""
    if not paths or not rules:
        return set()
    with tempfile.TemporaryDirectory(prefix="muster-ignored-") as folder:
        for name, content in rules.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(content)
        git.run(Path(folder), "init", "--quiet", "--template=", env=_ALONE)
        options = ("--no-literal-pathspecs", "-c", "core.excludesFile=", "-c", "core.ignoreCase=false")
        command = ("check-ignore", "--no-index", "--stdin", "-z")
        code, output, errors = git.attempt(
            Path(folder), *options, *command, text="".join(f"{path}\0" for path in paths), env=_ALONE
        )
    if code not in (0, 1):
        raise git.GitError(command, errors)
    return {path for path in output.split("\0") if path}


def _missing(rules: bytes, files: Mapping[str, str], paths: Sequence[str]) -> Iterator[str]:
    """The names that stand there without a wildcard, and that neither the paths nor the tree has."""
    count = 0
    for line in dict.fromkeys(line.strip() for line in rules.decode("utf-8", "replace").splitlines()):
        name, is_rooted = line.strip("/"), "/" in line.rstrip("/")
        if not name or name[0] in "#!" or set("*?[\\") & set(name) or {"", ".", ".."} & set(name.split("/")):
            continue
        is_there = is_tracked(files, name) or any(
            path == name or path.startswith(f"{name}/") or (not is_rooted and name in path.split("/")) for path in paths
        )
        if not is_there and name.isprintable() and count < MAX_MISSING:
            count += 1
            yield name[:200]
