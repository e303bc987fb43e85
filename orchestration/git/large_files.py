"""Files that are too large to commit, and those that an agent committed itself."""

import stat
from pathlib import Path

from orchestration.git import command as git

MAX_BYTES = 100 * 2**20  # where no workspace says otherwise


def uncommitted(path: Path, max_bytes: int) -> dict[str, int]:
    """New and changed files of a worktree that are larger, with their size. Their content is not read: a sparse file may have terabytes."""
    names = git.run(path, "ls-files", "--others", "--modified", "--exclude-standard", "-z").split("\0")
    sizes = {name: _size(path / name) for name in names if name}
    return {name: size for name, size in sizes.items() if size > max_bytes}


def committed(path: Path, base: str, max_bytes: int) -> dict[str, int]:
    """Files larger than that in any commit since `base`, with their size."""
    objects = git.run(path, "rev-list", "--objects", f"{base}..HEAD")
    sizes = {}
    for line in git.run(path, "cat-file", "--batch-check=%(objectsize) %(rest)", text=objects + "\n").splitlines():
        size, _, name = line.partition(" ")
        if size.isdigit() and int(size) > max_bytes:
            sizes[name] = int(size)
    return sizes


def add_all(path: Path, *, but: list[str]) -> None:
    """Stage everything except these files."""
    if not but:
        git.run(path, "add", "--all")
        return
    patterns = [".", *(f":(exclude,literal,top){name}" for name in but)]
    command = ("--no-literal-pathspecs", "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul")
    git.run(path, *command, text="\0".join(patterns))


def _size(file: Path) -> int:
    try:
        status = file.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
