"""Guards what all worktrees share: the integration branch, and repository settings that run programs.

An accidental change is reverted and becomes a finding. A malicious agent that runs as Muster's own user can do worse: docs/reference/agents.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import branches
from orchestration.git import command as git
from orchestration.git.places import common_dir

# Settings with which git starts programs, reads other settings, or contacts other hosts: Muster's own git would obey them.
_DANGEROUS_SETTINGS = re.compile(
    r"filter\.|merge\..*\.driver|diff\..*\.(command|textconv)|include|url\.|credential\.|remote\..*\.(url|pushurl|receivepack|uploadpack)"
    r"|core\.(hookspath|fsmonitor|attributesfile|sshcommand|worktree|gitproxy)|gpg\.",
)


@dataclass(frozen=True)
class SharedState:
    """The shared parts before the agent starts. `checkouts`: how often the worktree has checked out the integration branch."""

    settings: dict[str, tuple[str, ...]]
    attributes: bytes | None
    tip: str
    checkouts: int


def record_state(repo: Path, path: Path, integration_branch: str) -> SharedState:
    """`path`: the agent's worktree."""
    tip = branches.tip(repo, integration_branch) or ""
    return SharedState(_settings(repo), _attributes(repo), tip, _count_checkouts(path, integration_branch))


def restore(repo: Path, path: Path, integration_branch: str, before: SharedState) -> list[str]:
    """Revert what the agent of this worktree changed. Returns the findings."""
    return [
        *_restore_settings(repo, before),
        *_restore_attributes(repo, before),
        *_restore_branch(repo, path, integration_branch, before),
    ]


def _settings(repo: Path) -> dict[str, tuple[str, ...]]:
    settings: dict[str, tuple[str, ...]] = {}
    for item in git.run(repo, "config", "--local", "--list", "-z").split("\0"):
        name, _, value = item.partition("\n")
        if _DANGEROUS_SETTINGS.match(name):
            settings[name] = (*settings.get(name, ()), value)
    return settings


def _restore_settings(repo: Path, before: SharedState) -> list[str]:
    current = _settings(repo)
    changed = sorted(name for name in current.keys() | before.settings.keys() if current.get(name) != before.settings.get(name))
    for name in changed:
        git.attempt(repo, "config", "--local", "--unset-all", name)
        for value in before.settings.get(name, ()):
            git.run(repo, "config", "--local", "--add", name, value)
    return [f"judge_changed: the repository's setting {name} was changed, and is put back: leave it" for name in changed]


def _attributes_file(repo: Path) -> Path:
    return common_dir(repo) / "info" / "attributes"


def _attributes(repo: Path) -> bytes | None:
    try:
        return _attributes_file(repo).read_bytes()
    except OSError:
        return None


def _restore_attributes(repo: Path, before: SharedState) -> list[str]:
    if _attributes(repo) == before.attributes:
        return []
    file = _attributes_file(repo)
    if file.is_symlink() or before.attributes is None:
        file.unlink(missing_ok=True)
    if before.attributes is not None:
        file.write_bytes(before.attributes)
    return ["judge_changed: the repository's info/attributes was changed, and is put back: leave it"]


def _count_checkouts(path: Path, branch: str) -> int:
    """How often this worktree has switched to the branch."""
    moves = git.attempt(path, "log", "-g", "--format=%gs", "HEAD", "--")[1].split("\n")
    return sum(move.endswith(f" to {branch}") for move in moves)


def _restore_branch(repo: Path, path: Path, branch: str, before: SharedState) -> list[str]:
    """Others merge into the branch meanwhile, and a person may move it: it is reverted only if this worktree had it checked out."""
    moves = git.attempt(repo, "log", "-g", "-z", "--format=%H%n%gs", f"refs/heads/{branch}", "--")[1].split("\0")
    strayed = []
    for move in moves:
        sha, _, action = move.strip("\n").partition("\n")
        if not sha or sha == before.tip:
            break
        if not action.startswith("muster: "):
            strayed.append(sha)
    if not strayed or _count_checkouts(path, branch) == before.checkouts:
        return []
    kept_ref = f"refs/muster/strayed/{path.name}/{strayed[0][:12]}"
    git.run(repo, "update-ref", kept_ref, strayed[0])
    is_restored = (
        git.attempt(repo, "update-ref", "-m", "muster: put back", f"refs/heads/{branch}", before.tip, strayed[0])[0] == 0
    )
    outcome = "it is put back" if is_restored else "others have merged on top of it: a person must correct it"
    return [
        f"integration_moved: work was committed to {branch} itself; {outcome}, the commits are kept as {kept_ref}. Commit on your own branch"
    ]
