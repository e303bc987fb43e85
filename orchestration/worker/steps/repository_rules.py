"""Changes to what decides how git treats the whole repository: submodules, and filters of files."""

from collections.abc import Sequence
from pathlib import Path

from orchestration.backlog.files import paths
from orchestration.git import changes, unsupported
from orchestration.git.command import GitError

MAX_FINDINGS = 20


def check(repo: Path, base: str, commit: str, *, changed: Sequence[str], declared: Sequence[str]) -> list[str]:
    """Findings for links to other repositories that the entry does not name, and for filters with which no entry could work any more."""
    linking = [name for name in changed if name == ".gitmodules"] + changes.changed_submodules(repo, base, commit)
    undeclared = [name for name in linking if not any(paths.covers(own, name) for own in declared)]
    findings = [
        f"submodule_changed: {name} leads to another repository, and the entry does not name it: undo your changes to it"
        for name in undeclared
    ]
    if any(name.rpartition("/")[2] == ".gitattributes" for name in changed):
        try:
            unsupported.refuse(repo, commit)
        except GitError as problem:
            findings.append(f"filter_added: {problem}: take it out")
    return findings[:MAX_FINDINGS]
