"""Background clones for new workspaces.

A clone is a folder in the data directory, with a JSON note: its owner, the form's data, the state. A thread of the web process clones. The pid in the note
shows a dead process: then the person tries again. Unused clones expire.
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
TTL_S = 24 * 3600
TOKEN = re.compile(r"[0-9a-f]{16}")
_URL = re.compile(r"^(https?|ssh|git)://|^[^/:\s]+@[^/:\s]+:")
_PASSWORD = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True)
class Clone:
    """A clone in the form for a new workspace."""

    token: str
    url: str
    state: str  # cloning, done or failed
    error: str  # redacted
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
    """Start a clone and return its token. Raises Invalid."""
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
    """The state of a person's own clone. Raises NotFound."""
    note = _read(_folder() / f"{token}.json") if TOKEN.fullmatch(token) else {}
    if not note or note["user"] != user_id:
        raise NotFound("There is no such clone")
    state, error = note["state"], note["error"]
    if state == "cloning" and not _is_cloning(note):
        state, error = "failed", "the server restarted meanwhile: try again"
    return Clone(token, note["url"], state, redacted(error), note["since"], note["form"])


def forget(token: str) -> None:
    """Delete the note, keep the folder: a workspace uses it now."""
    (_folder() / f"{token}.json").unlink(missing_ok=True)


def _clone(token: str, note: dict[str, Any]) -> None:
    target = _folder() / token
    try:
        git.run(_folder(), "clone", "--quiet", "--no-checkout", "--end-of-options", note["url"], str(target), timeout_s=TIMEOUT_S)
        _write(token, note | {"state": "done"})
    except (git.GitError, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        _write(token, note | {"state": "failed", "error": redacted(str(error))[-300:]})
    except Exception:  # else the page would wait for a dead thread
        log.exception("clone.failed", clone=token)
        shutil.rmtree(target, ignore_errors=True)
        _write(token, note | {"state": "failed", "error": "unexpected error: see the server's log"})


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
    """Write atomically, with mode 0600: a URL may contain a password."""
    fresh = _folder() / f"{token}.{secrets.token_hex(4)}.new"
    with open(fresh, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(note, file)
    fresh.replace(_folder() / f"{token}.json")


def _is_cloning(note: dict[str, Any]) -> bool:
    """True if the clone runs. One of a dead process counts as failed, and not against MAX_AT_ONCE."""
    return note.get("state") == "cloning" and _alive(note["pid"]) and time.time() - note["since"] <= TIMEOUT_S + 60


def _alive(pid: int) -> bool:
    return Path(f"/proc/{int(pid)}").exists()


def _sweep() -> None:
    """Remove expired clones without a workspace."""
    for path in _notes():
        if time.time() - _read(path).get("since", 0) > TTL_S:
            folder = path.with_suffix("")
            if not Workspace.objects.filter(repo=str(folder)).exists():
                shutil.rmtree(folder, ignore_errors=True)
            path.unlink(missing_ok=True)
