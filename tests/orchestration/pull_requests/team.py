"""A workspace whose work lands by pull request, a bare repository as its remote, and a forge in memory."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.utils.timezone import now

from orchestration.forges.shared.interface import Comment
from orchestration.models import Entry, Integration, Landing, PullRequest, Session
from orchestration.pull_requests import sync
from orchestration.worker.lander import base_branch, pull_requests
from orchestration.worker.lander.service import Service
from tests.orchestration.git.repositories import git
from tests.orchestration.pull_requests.fake import FakeForge
from tests.orchestration.worker.sessions.shop import Shop, entry_of
from workspaces.models import Event


@dataclass
class Team:
    work: Shop
    forge: FakeForge

    # Writes its round's number to the file that its entry names.
    AGENT = 'echo $MUSTER_ROUND > "$(head -1 $MUSTER_SPEC_FILE | sed "s/.*write \\([a-z0-9]*\\).*/\\1/")"'

    def __post_init__(self) -> None:
        self.remote = self.work.repo.parent / "remote.git"
        git(self.work.repo, "clone", "--quiet", "--bare", str(self.work.repo), str(self.remote))
        self.work.git("remote", "add", "origin", str(self.remote))
        self.land()  # the first baseline

    def run(self, name: str = "alpha") -> Session:
        """A session on an entry, and its landing, up to the pull request."""
        session = self.work.supervise(self.work.claim(content=f"write {name}\nmore", files=[name]))
        self.land()
        return session

    def again(self, session: Session) -> None:
        """The next round of its entry, with its landing."""
        self.work.supervise(self.work.claim(entry_of(session)))
        self.land()

    def land(self) -> None:
        base_branch._next_fetch.clear()
        pull_requests._paused_until.clear()
        self.work.land()

    def look(self) -> None:
        """Act as the control worker does, a minute later. The forge shows the branch as it is in the remote."""
        for pull in list(self.forge.pulls.values()):
            if pull.state == "open":
                self.forge.change(pull.number, head=self.at(pull.branch))
        row = PullRequest.objects.order_by("-pk").first()
        self.forge.head = self.at(row.branch) if row else ""
        PullRequest.objects.update(looked_at=now() - timedelta(seconds=sync.EVERY_S + 1))
        sync.run_due()

    def merge_there(self, number: int = 1) -> None:
        """A person squashes it into main."""
        pull = self.forge.pulls[number]
        copy = self.copy(f"merge-{number}")
        git(copy, "merge", "--squash", "--quiet", f"origin/{pull.branch}")
        git(copy, "commit", "--quiet", "-m", f"Squashed (!{number})")
        git(copy, "push", "--quiet", "origin", "HEAD:main")
        self.forge.change(number, state="merged", merge_commit=git(copy, "rev-parse", "HEAD"), ended_by="ana")

    @staticmethod
    def commit(copy: Path, there: str) -> None:
        """All that is in a clone, pushed."""
        git(copy, "add", ".")
        git(copy, "commit", "--quiet", "-m", "More")
        git(copy, "push", "--quiet", "origin", there)

    def next_lander(self) -> None:
        """Once the lease of the one that was killed has run out."""
        Integration.objects.update(lease_until=now() - timedelta(seconds=1))
        base_branch._next_fetch.clear()
        Service(self.work.heartbeat.worker).run_due()

    def copy(self, name: str, branch: str = "main") -> Path:
        """A person's own clone."""
        folder = self.work.repo.parent / name
        git(self.work.repo.parent, "clone", "--quiet", "-b", branch, str(self.remote), str(folder))
        git(folder, "config", "user.name", "Ana")
        git(folder, "config", "user.email", "ana@example.com")
        return folder

    def at(self, branch: str) -> str:
        return git(self.remote, "rev-parse", f"refs/heads/{branch}")

    def write(
        self, name: str, text: str, *, path: str = "", line: int | None = None, asks: bool = True, trusted: bool = True
    ) -> None:
        """A comment of some minutes ago."""
        long_ago = now() - timedelta(minutes=5)
        self.forge.notes.append(Comment(name, "ana", text, long_ago, path, line, is_trusted=trusted, asks=asks))


def row_of(session: Session) -> PullRequest:
    return PullRequest.objects.filter(entry_id=session.entry_id).latest("pk")


def state_of(session: Session) -> tuple[str, str]:
    entry = Entry.objects.get(pk=session.entry_id)
    return entry.status, entry.reason_code


def verbs(session: Session) -> list[str]:
    mine = Event.objects.filter(object_id=session.entry_id, verb__startswith="entry.").order_by("id")
    return [verb.removeprefix("entry.") for verb in mine.values_list("verb", flat=True)]


def landing_states(session: Session) -> list[str]:
    return list(Landing.objects.filter(entry_id=session.entry_id).order_by("pk").values_list("state", flat=True))
