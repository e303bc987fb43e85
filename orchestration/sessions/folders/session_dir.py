"""A session's folder and files, and the environment of its processes."""

import json
import os
import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from budget import amounts
from orchestration.git import command as git
from orchestration.git.clones.safety.wrapping import Wrap, bare
from orchestration.git.clones.store.stores import Store
from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.models import Entry, Session
from orchestration.repositories import local_repository
from orchestration.sessions.folders import own_files
from workspaces.machine import authorities

# The variables that an agent inherits from the server. All others, secrets above all, stay out.
ALLOWED_VARIABLES = (
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
)


AGENT_BIN = Path(__file__).parents[1] / "agent_bin"
"""Programs that an agent finds in its PATH, beside its own."""

MAX_PROFILE = 100_000


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
    def private(self) -> Path:
        """Private homes and temporary folders of sandboxes, removed when the session ends."""
        return self.folder / "private"

    @property
    def questions(self) -> Path:
        """The folder where its agent leaves questions: the agent writes here too."""
        return self.folder / "questions"

    @property
    def spec(self) -> Path:
        return self.folder / "entry.json"

    @property
    def files(self) -> list[Path]:
        """The files that the session's processes may read: the entry and the prompts."""
        return [self.spec, *self.folder.glob("*.md")]

    def record_for(self, role: str) -> "Record":
        """The record of an agent in this role, or of the checks."""
        prefix = "" if role == "implement" else f"{role}-"
        return Record(*(self.folder / f"{prefix}{name}" for name in ("status.json", "journal", "telemetry")))

    def agent_for(self, record: str) -> Path:
        """The file with the agent of a process, without its environment: the record of a dead process is read with it."""
        return self.folder / f"{record}-agent.json"

    def access_for(self, record: str) -> Path:
        """The file with the gateway's access of a process; empty: its usage is booked as it reports it."""
        return self.folder / f"{record}-access"


@dataclass(frozen=True)
class Record:
    """The files that a process leaves for the reaper of a dead worker: its final status, its stdout, and the telemetry of its CLI."""

    status: Path
    journal: Path
    telemetry: Path


def for_session(session_id: str) -> SessionDir:
    return SessionDir(settings.DATA_DIR / "sessions" / session_id)


def worktrees() -> Path:
    return settings.DATA_DIR / "worktrees"


def working_copy(entry: Entry, wrap: Wrap = bare) -> WorkingCopy:
    """The entry's working copy on this host, there or not. `wrap`: how git is started on what an agent wrote."""
    return WorkingCopy(
        store(entry.workspace_id, local_repository.path(entry.workspace)), worktrees(), entry.pk, entry.branch, wrap
    )


def store(workspace_id: str, repo: Path) -> Store:
    """The workspace's store on this host, from which its working copies take their objects."""
    return Store(settings.DATA_DIR / "stores" / workspace_id, repo)


def of_session(session: Session, wrap: Wrap = bare) -> WorkingCopy:
    """The working copy in which a session works: its entry's, or its own where it is one of several candidates."""
    own = local_repository.path(session.workspace)
    return WorkingCopy(store(session.workspace_id, own), worktrees(), session.work_id, session.branch, wrap)


def home(work_id: str, kind: str, role: str) -> Path:
    """The folder for a CLI's state for one entry, candidate, or run. It outlives the session, so that the next round can resume its conversation."""
    folder = settings.DATA_DIR / "homes" / work_id / (kind if role == "implement" else f"{kind}-{role}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.utime(folder.parent)  # housekeeping removes by this time
    return folder


def private_home(work_id: str) -> Path:
    """The folder for HOME and /tmp of an entry's own sandbox: what its setup installs at home stays for its next rounds."""
    return settings.DATA_DIR / "homes" / work_id / "private"


def prepared_data(workspace_id: str) -> Path:
    """The folder for the workspace's prepared data of services on this host."""
    return settings.DATA_DIR / "prepared" / workspace_id


def setup_home(work_id: str) -> str:
    """The name of the entry's private home, new with it: what setup installed at home is gone with an old home, and was never in one that was
    made after a setup outside of a sandbox."""
    folder = private_home(work_id)
    try:
        return (folder / "name").read_text()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own_files.write(folder, "name", name := secrets.token_hex(8))
        return name


def link_logins(home: Path, logins: Iterable[tuple[str, str]]) -> None:
    """Let a CLI use the user's login on this host: by a link, so that a renewal counts for both."""
    for login_path, home_path in logins:
        source, target = Path.home() / login_path, home / home_path
        if source.is_file() and not target.exists():
            own_files.folder(home, str(Path(home_path).parent))
            target.unlink(missing_ok=True)
            target.symlink_to(source)


def unlink_logins(home: Path, logins: Iterable[tuple[str, str]]) -> None:
    """Take away those links again: an agent with a key is not to find the login of another one, which worked in this home before."""
    for _, home_path in logins:
        own_files.folder(home, str(Path(home_path).parent))
        if (home / home_path).is_symlink():
            (home / home_path).unlink()


def show_programs(home: Path) -> None:
    """Let login shells find `AGENT_BIN` too: they set PATH anew."""
    line = f"PATH={shlex.quote(str(AGENT_BIN))}:$PATH\n"
    try:
        with own_files.reading(home / ".profile") as file:
            text = file.read(MAX_PROFILE).decode("utf-8", "replace")
    except OSError:
        text = ""
    if line not in text:
        own_files.write(home, ".profile", f"{text.rstrip()}\n{line}".lstrip())


def prepare(session: Session, entry: Entry) -> SessionDir:
    """Create the folder, with the entry as JSON for the agent."""
    directory = for_session(session.pk)
    directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.questions.mkdir(mode=0o700, exist_ok=True)
    directory.spec.write_text(json.dumps({"id": entry.pk, "content": entry.content, "spec": entry.spec}), encoding="utf-8")
    return directory


def prepare_run(run: Session) -> SessionDir:
    """Create the folder of a run."""
    directory = for_session(run.pk)
    directory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def inherited() -> dict[str, str]:
    """The server's variables that every process gets, and git's identity."""
    return _inherited() | git.IDENTITY


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ALLOWED_VARIABLES if name in os.environ} | authorities.variables()


def environment(
    session: Session,
    directory: SessionDir,
    *,
    phase: str,
    extra: dict[str, str],
    token: str = "",
    limit: int = 0,
    home: Path | None = None,
    prompt: Path | None = None,
    questions: Path | None = None,
) -> dict[str, str]:
    """The whole environment of an agent or a verify command. `limit`: micro-USD that the process may spend. `home`: its HOME. `questions`: where
    it may leave questions."""
    inherited = _inherited()
    muster = {
        "MUSTER_WORKSPACE_ID": session.workspace_id,
        "MUSTER_SESSION_ID": session.pk,
        "MUSTER_PHASE": phase,
        "MUSTER_PROMPT_FILE": str(prompt or directory.prompt),
    }
    if not session.is_run:
        muster |= {
            "MUSTER_ENTRY_ID": session.owner_id,
            "MUSTER_ROUND": str(session.round_number),
            "MUSTER_SPEC_FILE": str(directory.spec),
            "MUSTER_API_URL": f"{settings.AGENT_URL}/api/v1",
        }
    if session.candidate and phase == "implementation":
        muster["MUSTER_CANDIDATE"] = str(session.candidate)
    if token:
        muster["MUSTER_TOKEN"] = token
    if token or session.is_run:
        muster["MUSTER_BUDGET_USD"] = f"{limit / amounts.MICRO:.6f}"
    if home is not None:
        inherited["HOME"] = str(home)
    variables = {**inherited, **git.IDENTITY, **extra, **muster}
    if questions is not None:
        variables |= {"MUSTER_QUESTIONS": str(questions), "PATH": f"{AGENT_BIN}{os.pathsep}{variables.get('PATH', os.defpath)}"}
    return variables
