"""Fetching a repository that is to become a workspace, while its person waits on a page and not in a request.

A clone is a folder in the data directory and a note beside it: who wanted it, what they had written, how it went. A thread of the web
process clones. Dies the process, the note says so by the process that it names; the person tries again. What nobody used is removed.
"""

import json
import os
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from orchestration.git import command as git
from workspaces.errors import Invalid, NotFound
from workspaces.models import Workspace

log = structlog.get_logger(__name__)

TIMEOUT_S = 600
MAX_AT_ONCE = 4
KEPT_S = 24 * 3600
TOKEN = re.compile(r"[0-9a-f]{16}")
_URL = re.compile(r"^(https?|ssh|git)://|^[^/:\s]+@[^/:\s]+:")
_PASSWORD = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True)
class Clone:
    """`state`: cloning, done or failed. `error` without what an address may hold of passwords."""

    token: str
    url: str
    state: str
    error: str
    since: float
    form: dict[str, Any]

    @property
    def path(self) -> Path:
        return _folder() / self.token

    @property
    def shown_url(self) -> str:
        return redacted(self.url)


def is_url(repo: str) -> bool:
    return bool(_URL.match(repo)) or "://" in repo


def redacted(text: str) -> str:
    return _PASSWORD.sub("//…@", text)


def start(url: str, form: dict[str, Any], *, user_id: int) -> str:
    """Start to clone, and answer the token to ask by. Raises Invalid."""
    if not _URL.match(url) or url.startswith("-") or any(c in url for c in "\x00\n "):
        raise Invalid("must be an absolute path on the server, or a git URL by https, ssh or git", "repo")
    _sweep()
    if sum(_is_cloning(_read(note)) for note in _notes()) >= MAX_AT_ONCE:
        raise Invalid("Other repositories are being cloned: try again in a minute", "repo")
    token = secrets.token_hex(8)
    note = {"url": url, "user": user_id, "form": form, "state": "cloning", "error": "", "since": time.time(), "pid": os.getpid()}
    _write(token, note)
    threading.Thread(target=_clone, args=(token, note), name=f"clone-{token}", daemon=True).start()
    return token


def find(token: str, *, user_id: int) -> Clone:
    """How a clone goes, for who wanted it. Raises NotFound."""
    note = _read(_folder() / f"{token}.json") if TOKEN.fullmatch(token) else {}
    if not note or note["user"] != user_id:
        raise NotFound("There is no such clone")
    state, error = note["state"], note["error"]
    if state == "cloning" and not _is_cloning(note):
        state, error = "failed", "the server was started anew meanwhile: try again"
    return Clone(token, note["url"], state, redacted(error), note["since"], note["form"])


def forget(token: str) -> None:
    """A workspace uses it now: the note goes, the folder stays."""
    (_folder() / f"{token}.json").unlink(missing_ok=True)


def _clone(token: str, note: dict[str, Any]) -> None:
    target = _folder() / token
    try:
        git.run(_folder(), "clone", "--quiet", "--no-checkout", "--end-of-options", note["url"], str(target), timeout_s=TIMEOUT_S)
        _write(token, note | {"state": "done"})
    except (git.GitError, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        _write(token, note | {"state": "failed", "error": redacted(str(error))[-300:]})
    except Exception:  # whoever waits on the page would wait for a thread that is gone
        log.exception("clone.broke", clone=token)
        shutil.rmtree(target, ignore_errors=True)
        _write(token, note | {"state": "failed", "error": "something unforeseen happened: the server's log tells it"})


def _folder() -> Path:
    folder = Path(settings.DATA_DIR) / "repos"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _notes() -> list[Path]:
    return sorted(_folder().glob("*.json"))


def _read(path: Path) -> dict[str, Any]:
    try:
        note: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note


def _write(token: str, note: dict[str, Any]) -> None:
    """Never seen half written, and by nobody else: an address may hold a password."""
    fresh = _folder() / f"{token}.{secrets.token_hex(4)}.new"
    with open(fresh, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(note, file)
    fresh.replace(_folder() / f"{token}.json")


def _is_cloning(note: dict[str, Any]) -> bool:
    """Still: what a server that is gone had begun does not count, neither for its person nor among those at once."""
    return note.get("state") == "cloning" and _alive(note["pid"]) and time.time() - note["since"] <= TIMEOUT_S + 60


def _alive(pid: int) -> bool:
    return Path(f"/proc/{int(pid)}").exists()


def _sweep() -> None:
    """What nobody made a workspace of within a day."""
    for path in _notes():
        if time.time() - _read(path).get("since", 0) > KEPT_S:
            folder = path.with_suffix("")
            if not Workspace.objects.filter(repo=str(folder)).exists():
                shutil.rmtree(folder, ignore_errors=True)
            path.unlink(missing_ok=True)
