"""The submodules of a working copy: their pinned commits come through the store, and each stands in its folder with a .git of its own.

The commits come from the user's repository where that has the submodule, and by the URL in .gitmodules otherwise.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from orchestration.git import changes
from orchestration.git import command as git
from orchestration.git.clones import files, gitdirs
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record
from orchestration.git.clones.store import packs, stores
from orchestration.git.clones.store.packs import Repository
from orchestration.git.clones.store.stores import Store
from orchestration.git.command import GitError
from orchestration.git.places import common_dir

FETCH_S = 600.0
MAX_LEVELS = 5  # of submodules in submodules
_REMOTE = re.compile(r"(https?|ssh|git)://[^-]|[\w.-]+@[\w.-]+:[^-]")


@dataclass(frozen=True, slots=True)
class Submodule:
    """`sha`: the commit that is pinned. `home`: the repository of it that the user has, if it is initialised there."""

    path: str
    sha: str
    url: str
    home: Path


def put(store: Store, path: Path, commit: str) -> list[str]:
    """Bring the submodules of a working copy to what the commit pins. Returns a sentence for each that cannot be had: its folder stays as it is.
    Changes in a submodule that is moved are replaced, as files that an agent did not declare. Raises GitError."""
    return [*_put(store, path, path, commit, common_dir(store.repo), MAX_LEVELS)]


def _put(store: Store, top: Path, path: Path, commit: str, home: Path, levels: int) -> Iterator[str]:
    for submodule in _pinned(store, commit, home) if levels else ():
        folder = path / submodule.path
        place = Record.of(top).folder / f"module-{sha256(os.fsencode(folder.relative_to(top))).hexdigest()[:12]}"
        if not _is_free(path, folder):
            yield f"The submodule {submodule.path} has no folder: something else is at its place."
        elif problem := _bring(store, submodule):
            yield f"The submodule {submodule.path} could not be fetched: {problem}"
        else:
            _place(store, folder, submodule.sha, place)
            yield from _put(store, top, folder, submodule.sha, submodule.home, levels - 1)


def _pinned(store: Store, commit: str, home: Path) -> Iterator[Submodule]:
    """The submodules that .gitmodules names and that the commit contains. `home`: git's folder of the user's repository, whose `modules/` has theirs."""
    links = set(changes.submodules(store.path, commit, env=store.env()))
    if not links:
        return
    pattern = r"^submodule\..*\.(path|url)$"
    code, output, _ = store.attempt("config", f"--blob={commit}:.gitmodules", "-z", "--get-regexp", pattern)
    settings: dict[str, dict[str, str]] = {}
    for item in output.split("\0") if code == 0 else ():
        key, _, value = item.partition("\n")
        name, _, what = key.removeprefix("submodule.").rpartition(".")
        settings.setdefault(name, {})[what] = value
    for name, values in settings.items():
        path = values.get("path", "")
        if path in links and not {"..", "", "."} & set(name.split("/")):
            sha = store.run("rev-parse", f"{commit}:{path}")
            yield Submodule(path, sha, values.get("url", ""), home / "modules" / name)


def _bring(store: Store, submodule: Submodule) -> str:
    """Have its commit in the store. Returns what prevents it."""
    if store.attempt("cat-file", "-e", f"{submodule.sha}^{{commit}}")[0] == 0:
        return ""
    if (submodule.home / "HEAD").is_file():
        try:
            packs.send(Repository(submodule.home), stores.repository(store), [submodule.sha])
            return ""
        except GitError:
            pass  # the user has not fetched this commit
    if not _REMOTE.match(submodule.url):
        return "it is not initialised in the repository, and its URL is no https, ssh or git address. Run git submodule update --init there"
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    # With the user's settings, which say how to log in, and with none of the agent's.
    env = {"GIT_DIR": str(store.path), "GIT_ALLOW_PROTOCOL": "https:http:ssh:git", "GIT_TERMINAL_PROMPT": "0"}
    problem = ""
    for what in (submodule.sha, "refs/heads/*"):  # some servers give no commit by its hash
        command = ("-c", "fetch.fsckObjects=true", "fetch", *options, "--", submodule.url, what)
        _, _, errors = git.attempt(store.path, *command, timeout_s=FETCH_S, env=env)
        if store.attempt("cat-file", "-e", f"{submodule.sha}^{{commit}}")[0] == 0:
            return ""
        problem = problem or errors.strip()
    return (problem or "its address has no such commit")[:500]


def _place(store: Store, folder: Path, sha: str, place: Path) -> None:
    """Its files, by an index of Muster's own, and a .git; nothing where both are there already."""
    at = place / "at"
    if (folder / ".git").is_dir() and at.is_file() and at.read_text() == sha:
        return
    place.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (place / "index.lock").unlink(missing_ok=True)
    store.run("read-tree", "--reset", "-u", sha, index=place / "index", tree=folder)
    gitdirs.replace(folder / ".git", gitdirs.build(store, place, head=sha, branches={}), place / gitdirs.KEPT)
    at.write_text(sha)


def _is_free(path: Path, folder: Path) -> bool:
    """True if a folder can be there, reached without a link."""
    return files.is_below(path, folder) and (untrusted.is_folder(folder) or not os.path.lexists(folder))
