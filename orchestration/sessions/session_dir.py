"""Where a session works: its folder, its files, and the environment that its processes get."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from budget import amounts
from orchestration.git import command as git
from orchestration.models import Entry, Session

# What an agent may know of the server's environment. Everything else, secrets first of all, stays out.
ALLOWED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@dataclass(frozen=True)
class SessionDir:
    """The folder of one session, under the data directory."""

    folder: Path

    @property
    def prompt(self) -> Path:
        return self.folder / "prompt.md"

    def prompt_for(self, role: str) -> Path:
        return self.prompt if role == "implement" else self.folder / f"{role}.md"

    @property
    def spec(self) -> Path:
        return self.folder / "entry.json"

    def record_of(self, role: str) -> "Record":
        """Of an agent in this role, or of the checks."""
        before = "" if role == "implement" else f"{role}-"
        return Record(*(self.folder / f"{before}{name}" for name in ("status.json", "journal", "heard")))


@dataclass(frozen=True)
class Record:
    """What a process leaves for whoever comes after a dead worker: how it ended, what it wrote, what its CLI told the endpoint."""

    status: Path
    journal: Path
    heard: Path


def of(session_id: str) -> SessionDir:
    return SessionDir(settings.DATA_DIR / "sessions" / session_id)


def worktrees() -> Path:
    return settings.DATA_DIR / "worktrees"


def home(entry_id: str, kind: str, role: str) -> Path:
    """Where a CLI keeps its state for one entry. It outlives the session, so that the next round can resume its conversation."""
    folder = settings.DATA_DIR / "homes" / entry_id / (kind if role == "implement" else f"{kind}-{role}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder.parent)  # housekeeping goes by it
    return folder


def borrow_logins(home: Path, logins: Iterable[tuple[str, str]]) -> None:
    """Let a CLI use the login that its user made on this host: by a link, so that a renewed login is renewed for both."""
    for theirs, ours in logins:
        source, target = Path.home() / theirs, home / ours
        if source.is_file() and not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(source)


def prepare(session: Session, entry: Entry) -> SessionDir:
    """Make the folder, with the entry as JSON for whoever works on it."""
    place = of(session.pk)
    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.spec.write_text(json.dumps({"id": entry.pk, "content": entry.content, "spec": entry.spec}), encoding="utf-8")
    return place


def environment(
    session: Session,
    place: SessionDir,
    *,
    phase: str,
    extra: dict[str, str],
    token: str = "",
    limit: int = 0,
    home: Path | None = None,
    prompt: Path | None = None,
) -> dict[str, str]:
    """The whole environment of an agent or a verify command. `limit`: micro-USD that this process may spend. `home`: its HOME."""
    passed_on = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    told = {
        "MUSTER_WORKSPACE_ID": session.workspace_id,
        "MUSTER_ENTRY_ID": session.entry_id,
        "MUSTER_SESSION_ID": session.pk,
        "MUSTER_ROUND": str(session.round_number),
        "MUSTER_PHASE": phase,
        "MUSTER_PROMPT_FILE": str(prompt or place.prompt),
        "MUSTER_SPEC_FILE": str(place.spec),
        "MUSTER_API_URL": f"{settings.BASE_URL}/api/v1",
    }
    if token:
        told["MUSTER_TOKEN"] = token
        told["MUSTER_BUDGET_USD"] = f"{limit / amounts.MICRO:.6f}"
    if home is not None:
        passed_on["HOME"] = str(home)
    return {**passed_on, **git.IDENTITY, **extra, **told}
