"""What an agent may not touch in the repository that its worktree shares with everybody: the integration branch, and settings that run programs.

An accident is put right and becomes a finding. An agent that means harm and runs as Muster's own user can do worse: docs/reference/agents.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from orchestration.git import branches
from orchestration.git import command as git

# Settings with which git starts programs, reads other settings, or talks to other places: Muster's own git would obey them.
_STEERING = re.compile(
    r"filter\.|merge\..*\.driver|diff\..*\.(command|textconv)|include|url\.|credential\.|remote\..*\.(url|pushurl|receivepack|uploadpack)"
    r"|core\.(hookspath|fsmonitor|attributesfile|sshcommand|worktree|gitproxy)|gpg\.",
)


@dataclass(frozen=True)
class Before:
    """The shared parts as they were before an agent came."""

    settings: dict[str, tuple[str, ...]]
    attributes: bytes | None
    tip: str
    visits: int


def look(repo: Path, path: Path, integration_branch: str) -> Before:
    """`path`: the worktree in which the agent will work."""
    tip = branches.tip(repo, integration_branch) or ""
    return Before(_settings(repo), _attributes(repo), tip, _visits(path, integration_branch))


def mend(repo: Path, path: Path, integration_branch: str, before: Before) -> list[str]:
    """Put back what the agent of this worktree changed. Answers the findings."""
    return [*_mend_settings(repo, before), *_mend_attributes(repo, before), *_mend_branch(repo, path, integration_branch, before)]


def _settings(repo: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for item in git.run(repo, "config", "--local", "--list", "-z").split("\0"):
        name, _, value = item.partition("\n")
        if _STEERING.match(name):
            found[name] = (*found.get(name, ()), value)
    return found


def _mend_settings(repo: Path, before: Before) -> list[str]:
    now = _settings(repo)
    changed = sorted(name for name in now.keys() | before.settings.keys() if now.get(name) != before.settings.get(name))
    for name in changed:
        git.attempt(repo, "config", "--local", "--unset-all", name)
        for value in before.settings.get(name, ()):
            git.run(repo, "config", "--local", "--add", name, value)
    return [f"judge_changed: the repository's setting {name} was changed, and is put back: leave it" for name in changed]


def _attributes_file(repo: Path) -> Path:
    return Path(git.run(repo, "rev-parse", "--path-format=absolute", "--git-common-dir")) / "info" / "attributes"


def _attributes(repo: Path) -> bytes | None:
    try:
        return _attributes_file(repo).read_bytes()
    except OSError:
        return None


def _mend_attributes(repo: Path, before: Before) -> list[str]:
    if _attributes(repo) == before.attributes:
        return []
    file = _attributes_file(repo)
    if file.is_symlink() or before.attributes is None:
        file.unlink(missing_ok=True)
    if before.attributes is not None:
        file.write_bytes(before.attributes)
    return ["judge_changed: the repository's info/attributes was changed, and is put back: leave it"]


def _visits(path: Path, branch: str) -> int:
    """How often this worktree has switched to that branch."""
    moves = git.attempt(path, "log", "-g", "--format=%gs", "HEAD", "--")[1].split("\n")
    return sum(move.endswith(f" to {branch}") for move in moves)


def _mend_branch(repo: Path, path: Path, branch: str, before: Before) -> list[str]:
    """Others merge into it meanwhile, and a person may move it: what counts is that this very worktree stood on it."""
    moves = git.attempt(repo, "log", "-g", "-z", "--format=%H%n%gs", f"refs/heads/{branch}", "--")[1].split("\0")
    strayed = []
    for move in moves:
        sha, _, what = move.strip("\n").partition("\n")
        if not sha or sha == before.tip:
            break
        if not what.startswith("muster: "):
            strayed.append(sha)
    if not strayed or _visits(path, branch) == before.visits:
        return []
    kept = f"refs/muster/strayed/{path.name}/{strayed[0][:12]}"
    git.run(repo, "update-ref", kept, strayed[0])
    back = git.attempt(repo, "update-ref", "-m", "muster: put back", f"refs/heads/{branch}", before.tip, strayed[0])[0] == 0
    how = "it is put back" if back else "others have merged on top of it: a person must put it right"
    return [
        f"integration_moved: work was committed to {branch} itself; {how}, the commits are kept as {kept}. Commit on your own branch"
    ]
