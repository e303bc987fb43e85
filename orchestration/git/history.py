"""Short histories, read from the commits' own files: new commits lie in a repository as loose objects. Where they do not, git is asked."""

import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from orchestration.git import command as git
from orchestration.git import places
from orchestration.git.places import common_dir

MAX_COMMITS = 64
MAX_BYTES = 65_536
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class _Unknown(Exception):
    """Git must be asked."""


def contains(repo: Path, tip: str, commit: str, *, env: Mapping[str, str] | None = None) -> bool:
    """True if `tip` is the commit, or comes after it. `env`: added to git's environment. Raises GitError."""
    if tip == commit:
        return True
    with suppress(_Unknown):
        objects = _objects(repo, tip, commit)
        if commit in _parents(_read(objects, tip)):
            return True
        return any(sha == commit for sha, _ in _walk(objects, tip, beyond=_before(objects, commit)))
    return git.succeeds(repo, "merge-base", "--is-ancestor", commit, tip, env=env)


def has(repo: Path, commit: str) -> bool:
    return places.has_loose(repo, commit) or git.attempt(repo, "cat-file", "-e", f"{commit}^{{commit}}")[0] == 0


def may_mention(repo: Path, since: str, until: str, word: str) -> bool:
    """True if a commit after `since`, up to `until`, has the word in its message; True also where git must be asked."""
    with suppress(_Unknown):
        objects = _objects(repo, until, since)
        new = _walk(objects, until, beyond={since, *_before(objects, since)})
        return any(word.encode() in text for _, text in new)
    return True


def _before(objects: Path, commit: str) -> set[str]:
    """Some of the commits that come before it. None of them comes after it, so a search for it ends there."""
    before = set(_parents(_read(objects, commit)))
    with suppress(_Unknown):
        for parent in list(before):
            for _, text in _walk(objects, parent, beyond=set()):
                before.update(_parents(text))
    return before


def _walk(objects: Path, tip: str, *, beyond: set[str]) -> Iterator[tuple[str, bytes]]:
    """Commits up to the tip with their text, newest first, without those that are `beyond` and what only these lead to. Raises _Unknown."""
    unread, seen = deque([tip]), {tip}
    while unread:
        sha = unread.popleft()
        if sha in beyond:
            continue
        if len(seen) > MAX_COMMITS:
            raise _Unknown
        text = _read(objects, sha)
        yield sha, text
        new = [parent for parent in _parents(text) if parent not in seen]
        seen.update(new)
        unread.extend(new)


def _objects(repo: Path, *commits: str) -> Path:
    common = common_dir(repo)
    if not all(_SHA.fullmatch(commit) for commit in commits) or any(
        (common / name).exists() for name in ("shallow", "info/grafts", "refs/replace")
    ):
        raise _Unknown
    return common / "objects"


def _parents(text: bytes) -> Sequence[str]:
    head = text.partition(b"\n\n")[0].split(b"\n")
    return [line[7:].decode() for line in head if line.startswith(b"parent ")]


@lru_cache(maxsize=1024)
def _read(objects: Path, sha: str) -> bytes:
    """Header and message of a commit, which never change."""
    try:
        with (objects / sha[:2] / sha[2:]).open("rb") as file:
            unpacked = zlib.decompressobj().decompress(file.read(MAX_BYTES), MAX_BYTES)
    except (OSError, zlib.error):
        raise _Unknown from None
    kind, _, text = unpacked.partition(b"\0")
    if not kind.startswith(b"commit ") or kind[7:] != b"%d" % len(text):
        raise _Unknown
    return text
