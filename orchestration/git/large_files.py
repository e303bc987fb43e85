"""Files that are too large to commit, and those that an agent committed itself."""

import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from orchestration.git import command as git

MAX_BYTES = 100 * 2**20  # where no workspace says otherwise


def over(path: Path, names: Iterable[str], max_bytes: int) -> dict[str, int]:
    """The files that are larger than `max_bytes`, with their sizes. Their content is not read: a sparse file may have terabytes."""
    sizes = {name: _size(path / name) for name in names}
    return {name: size for name, size in sizes.items() if size > max_bytes}


def committed(repo: Path, base: str, commit: str, max_bytes: int) -> dict[str, int]:
    """Files larger than that in any commit between the two, with their size."""
    larger = (f"--filter=blob:limit={max_bytes + 1}", "--filter-print-omitted")
    if "~" not in git.run(repo, "rev-list", "--objects", "--no-object-names", *larger, f"{base}..{commit}"):
        return {}
    objects = git.run(repo, "rev-list", "--objects", f"{base}..{commit}")
    sizes = {}
    for line in git.run(repo, "cat-file", "--batch-check=%(objecttype) %(objectsize) %(rest)", text=objects + "\n").split("\n"):
        kind, _, sized = line.partition(" ")
        size, _, name = sized.partition(" ")
        if kind == "blob" and int(size) > max_bytes:  # a folder's own list of many files is no file
            sizes[name] = int(size)
    return sizes


def add_all(but: Collection[str], *options: str) -> tuple[tuple[str, ...], str]:
    """The command that stages everything except these files, and its input."""
    if not but:
        return ("add", "--all", *options), ""
    patterns = "\0".join([".", *(f":(exclude,literal,top){name}" for name in but)])
    return ("--no-literal-pathspecs", "add", "--all", *options, "--pathspec-from-file=-", "--pathspec-file-nul"), patterns


def _size(file: Path) -> int:
    try:
        status = file.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
