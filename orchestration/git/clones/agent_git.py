"""The state of the agent's work in the .git of a clone: read as files, without git, and believed only as far as an import confirms it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestration.git.clones.safety import untrusted

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,500}")
_SMALL, _REFS, _INDEX = 65_536, 20_000_000, 400_000_000


@dataclass(frozen=True, slots=True)
class AgentGit:
    """`head`: the commit that is checked out. `branch_tip`: of the entry's branch. `is_astray`: HEAD is not on that branch. `merges`: what a
    half-done merge brings in."""

    head: str = ""
    branch_tip: str = ""
    is_astray: bool = False
    is_rebasing: bool = False
    merges: tuple[str, ...] = ()

    def commits(self) -> set[str]:
        return {self.head, self.branch_tip, *self.merges} - {""}


def read(path: Path, branch: str) -> AgentGit:
    """Whatever cannot be read is missing in the result."""
    if not untrusted.holds(path, ".git"):
        return AgentGit()
    own = f"refs/heads/{branch}"
    head = _text(path, "HEAD")
    name = head.removeprefix("ref:").strip() if head.startswith("ref:") else ""
    merges = tuple(line for line in _text(path, "MERGE_HEAD").split("\n") if _SHA.fullmatch(line))[:16]
    return AgentGit(
        head=_ref(path, name) if name else _sha(head),
        branch_tip=_ref(path, own),
        is_astray=bool(head) and name != own,
        is_rebasing=any(untrusted.holds(path / ".git", state) for state in ("rebase-merge", "rebase-apply")),
        merges=merges,
    )


def index_identity(path: Path) -> str:
    """Changes whenever a git writes the clone's index."""
    try:
        info = (path / ".git" / "index").lstat()
    except OSError:
        return ""
    return f"{info.st_ino}:{info.st_mtime_ns}:{info.st_size}"


def unmerged(path: Path, *, sha_bytes: int) -> list[str]:
    """The files with a conflict in the index of the clone."""
    index = untrusted.read(path, ".git/index", limit=_INDEX) or b""
    try:
        return sorted({name for stage, name in _entries(index, sha_bytes) if stage})
    except (ValueError, IndexError):
        return []


def _entries(index: bytes, sha_bytes: int) -> Iterator[tuple[int, str]]:
    """Stage and name of each entry of an index, versions 2 to 4."""
    version, count = int.from_bytes(index[4:8]), int.from_bytes(index[8:12])
    if index[:4] != b"DIRC" or version not in (2, 3, 4):
        return
    at, name = 12, b""
    for _ in range(count):
        flags_at = at + 40 + sha_bytes
        flags = int.from_bytes(index[flags_at : flags_at + 2])
        start = flags_at + (4 if flags & 0x4000 else 2)
        if version == 4:
            strip, start = _offset(index, start)
            end = index.index(b"\0", start)
            name = name[: len(name) - strip] + index[start:end]
            at = end + 1
        else:
            end = index.index(b"\0", start)
            name = index[start:end]
            at += (end - at) // 8 * 8 + 8
        yield (flags >> 12) & 3, name.decode("utf-8", "backslashreplace")


def _offset(index: bytes, at: int) -> tuple[int, int]:
    """Git's variable-length number at this place, and the place behind it."""
    byte = index[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = index[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, at + 1


def _ref(path: Path, name: str) -> str:
    if not _REF.fullmatch(name):
        return ""
    if (sha := _sha(_text(path, name))) or not untrusted.holds(path, ".git"):
        return sha
    packed = untrusted.read(path, ".git/packed-refs", limit=_REFS) or b""
    for line in packed.decode("utf-8", "replace").split("\n"):
        if line.endswith(f" {name}"):
            return _sha(line.split(" ")[0])
    return ""


def _text(path: Path, name: str) -> str:
    content = untrusted.read(path, f".git/{name}", limit=_SMALL)
    return content.decode("utf-8", "replace").strip() if content else ""


def _sha(text: str) -> str:
    return text if _SHA.fullmatch(text) else ""
