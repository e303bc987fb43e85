"""The places of git's own files in a repository and in a working copy, read from the disk; git is asked only about unusual layouts."""

import re
from pathlib import Path

from orchestration.git import command as git

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs(?:/[^\x00-\x20\x7f~^:?*\[\\/.][^\x00-\x20\x7f~^:?*\[\\/]*)+")


def git_path(path: Path, name: str) -> Path:
    """A file that git keeps for this working copy alone."""
    own = _linked(path)
    return own / name if own else Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-path", name))


def common_dir(path: Path) -> Path:
    """The folder that all working copies of a repository share."""
    own = path / ".git"
    if own.is_dir() and not (own / "commondir").exists() and (own / "objects").is_dir():
        return own
    if not own.exists() and (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        return path
    if linked := _linked(path):
        return (linked / (linked / "commondir").read_text().strip()).resolve()
    return Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-common-dir"))


def ref(repo: Path, name: str) -> str | None:
    """The object that a ref of the user's repository points at; empty: there is no such ref. None: git must be asked."""
    common = common_dir(repo)
    if (common / "reftable").exists() or not _REF.fullmatch(name):
        return None
    try:
        text = (common / name).read_text().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _packed(common, name)  # git packs a ref before it removes the loose one
    except (OSError, UnicodeDecodeError):
        return None
    return text if _SHA.fullmatch(text) else None


def value_of(repo: Path, name: str) -> str:
    """The commit of a ref; empty: there is none."""
    if (known := ref(repo, name)) is not None:
        return known
    code, sha, _ = git.attempt(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return sha.strip() if code == 0 else ""


def has_loose(repo: Path, sha: str) -> bool:
    """True if the commit is a loose object, as new ones are. False: git must be asked."""
    return bool(_SHA.fullmatch(sha)) and (common_dir(repo) / "objects" / sha[:2] / sha[2:]).is_file()


def _packed(common: Path, name: str) -> str | None:
    try:
        content = b"\n" + (common / "packed-refs").read_bytes()
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    end = content.find(f" {name}\n".encode())
    if end < 0:
        return ""
    sha = content[content.rfind(b"\n", 0, end) + 1 : end].decode("ascii", "replace")
    return sha if _SHA.fullmatch(sha) else None


def _linked(path: Path) -> Path | None:
    """The folder that a linked working copy names in its file `.git`."""
    try:
        text = (path / ".git").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    folder = path / text.removeprefix("gitdir: ").strip()
    return folder if text.startswith("gitdir: ") and (folder / "commondir").is_file() else None
