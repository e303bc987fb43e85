"""Where git keeps its own files of a repository and of a working copy, read from the disk; git itself is asked only about unusual layouts."""

from pathlib import Path

from orchestration.git import command as git


def git_path(path: Path, name: str) -> Path:
    """A file that git keeps for this working copy alone."""
    own = _linked(path)
    return own / name if own else Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-path", name))


def common_dir(path: Path) -> Path:
    """The folder that all working copies of a repository share."""
    own = path / ".git"
    if own.is_dir() and not (own / "commondir").exists() and (own / "objects").is_dir():
        return own
    if linked := _linked(path):
        return (linked / (linked / "commondir").read_text().strip()).resolve()
    return Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-common-dir"))


def _linked(path: Path) -> Path | None:
    """The folder that a linked working copy names in its file `.git`."""
    try:
        text = (path / ".git").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    folder = path / text.removeprefix("gitdir: ").strip()
    return folder if text.startswith("gitdir: ") and (folder / "commondir").is_file() else None
