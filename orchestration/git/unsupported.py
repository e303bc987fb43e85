"""Repositories whose files git alone would get wrong: refused with a sentence instead of worked on with wrong content."""

import re
from collections.abc import Mapping
from pathlib import Path

from orchestration.git import changes
from orchestration.git import command as git
from orchestration.git.command import GitError

_FILTERS = re.compile(r"^[^#\n]*\sfilter=(lfs|git-crypt)\b", re.MULTILINE)
_checked: set[str] = set()


def refuse(repo: Path, commit: str, *, env: Mapping[str, str] | None = None) -> None:
    """Raises GitError if the commit stores files by a filter that Muster does not run."""
    if commit in _checked:
        return
    names = [name for name in changes.listing(repo, commit, env=env) if name.rpartition("/")[2] == ".gitattributes"]
    for name in names:
        if match := _FILTERS.search(git.run(repo, "cat-file", "blob", f"{commit}:{name}", env=env)):
            raise GitError(
                "check", f"{name} of the repository uses {match[1]}, which Muster does not run: files would have wrong content"
            )
    _checked.add(commit)
