"""One session in the test's own process: a real repository, shim, agent, checks and merge. No Celery, and no heartbeat threads."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.executor import dispatch
from orchestration.landing import branch
from orchestration.models import Entry, Round, Session
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import session_run
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.lander.service import Service
from tests.factories import a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git, try_git

BRANCH = "muster/integration"


class Shop:
    """A workspace on a repository of its own. `agent` is a shell command, or the config of one; a round passes when there is a file `ok`."""

    def __init__(self, folder: Path, agent: str | dict[str, Any] = "echo yes > ok", **config: Any) -> None:
        self.repo = a_repository(folder / "repo", README="hello\n")
        self.git("branch", BRANCH)
        settings = {
            "agent": {"command": agent} if isinstance(agent, str) else agent,
            "verify": [{"name": "ok", "run": "test -f ok"}],
            **config,
        }
        self.workspace = a_workspace(repo=str(self.repo), **settings)
        self.heartbeat = Heartbeat("sessions", slots=8)

    def claim(self, entry: Entry | None = None, **draft: Any) -> Session:
        """The entry's session as the executor claims it."""
        entry = entry or an_entry(self.workspace, budget="5", **draft)
        Entry.objects.filter(pk=entry.pk).update(not_before=None)
        dispatch.cycle(self.workspace.pk)
        return Session.objects.get(entry=entry, status=Session.Status.CLAIMED)

    def supervise(self, session: Session) -> Session:
        """The claimed session from start to end, as a session worker runs it."""
        session_run.run(session.pk, session.attempt, self.heartbeat)
        session.refresh_from_db()
        return session

    def land(self) -> None:
        """Land everything that is due, as a lander does."""
        branch.wake(self.workspace.pk)
        Service(self.heartbeat.worker).run_due()

    def run(self, entry: Entry | None = None, **draft: Any) -> Session:
        """A session and its landing."""
        session = self.supervise(self.claim(entry, **draft))
        self.land()
        return session

    def meanwhile(self, happens: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
        """Do something without a database once something has happened, while a session runs."""

        def wait() -> None:
            until(happens)
            act()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def merged(self, name: str) -> str | None:
        """A file of the integration branch. None: it has none of this name."""
        code, text, _ = try_git(self.repo, "show", f"{BRANCH}:{name}")
        return text if code == 0 else None

    def flags(self, session: Session) -> StopFlags:
        return self.heartbeat.supervised[session.pk]

    def others_merge(self, name: str, text: str) -> None:
        """A commit of somebody else's on the integration branch."""
        place = self.repo.parent / "others"
        self.git("worktree", "add", "--quiet", str(place), BRANCH)
        (place / name).write_text(text)
        git(place, "add", "-A")
        git(place, "commit", "--quiet", "-m", f"change {name}")
        self.git("worktree", "remove", str(place))

    def git(self, *command: str) -> str:
        return git(self.repo, *command)


def until(happens: Callable[[], object], seconds: float = 30) -> None:
    over = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < over, f"not within {seconds} s"
        time.sleep(0.01)


def entry_of(session: Session) -> Entry:
    return Entry.objects.get(pk=session.entry_id)


def rounds_of(session: Session) -> list[Round]:
    """All rounds of the session's entry, in order."""
    return list(Round.objects.filter(entry_id=session.entry_id).order_by("number"))


def reports(**line: Any) -> str:
    """A shell command that prints one line of the command agent's protocol."""
    return f"echo '{json.dumps(line)}'"


def gives(verdict: str, *reasons: str, word: str = "$word") -> str:
    """A shell command that gives a verdict with the word of its prompt."""
    line = json.dumps({"type": "verdict", "verdict": verdict, "reasons": reasons, "word": "WORD"}).replace(
        "WORD", f"'\"{word}\"'"
    )
    return f"""word=$(sed -n 's/^Verdict word: //p' "$MUSTER_PROMPT_FILE" | tail -n 1); echo '{line}'"""


def spends(usd: float, id: str = "1") -> str:
    return reports(type="usage", id=id, cost_usd=usd)
