"""Hosts that share nothing but a remote and the database. They are in the test's own process, one after another: each has a data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from orchestration import configuration
from orchestration.executor import dispatch
from orchestration.landing import branch
from orchestration.models import Entry, Session, Worker
from orchestration.worker import session_run
from orchestration.worker.heartbeat import Heartbeat
from orchestration.worker.lander.service import Service
from tests.factories import a_workspace, an_entry
from tests.orchestration.git.repositories import git, try_git
from tests.orchestration.worker.sessions.shop import BRANCH
from workspaces.machine import hosts


class Host:
    def __init__(self, data: Path, settings: Any) -> None:
        self.data, self.settings = data, settings
        with self.acts():
            self.id = hosts.host_id()
            self.heartbeat = Heartbeat("sessions", slots=8)

    @contextmanager
    def acts(self) -> Iterator[None]:
        """Run everything in this block on this host."""
        before, self.settings.DATA_DIR = self.settings.DATA_DIR, self.data
        try:
            yield
        finally:
            self.settings.DATA_DIR = before


class Team:
    """A workspace by URL, added on the host `first`; `second` has session workers alone. A round passes when there is a file `ok`."""

    def __init__(self, folder: Path, settings: Any, url: str, agent: str, **config: Any) -> None:
        self.url = url
        self.first, self.second = Host(folder / "first", settings), Host(folder / "second", settings)
        clone = self.first.data / "repos" / "clone"
        clone.parent.mkdir(parents=True)
        git(folder, "clone", "--quiet", "--no-checkout", url, str(clone))
        git(clone, "branch", BRANCH, "main")
        checks = {"agent": {"command": agent}, "verify": [{"name": "ok", "run": "test -f ok"}]}
        self.workspace = a_workspace(repo=str(clone), **checks | config)
        self.workspace.origin, self.workspace.host_id = url, self.first.id
        self.workspace.save()
        self.clone = clone
        self.land(self.first)  # judges the base

    def claim(self, host: Host, entry: Entry | None = None, **draft: Any) -> Session:
        """The entry's session, placed on this host."""
        entry = entry or an_entry(self.workspace, budget="5", **draft)
        Worker.objects.update(seen_at=Now(), drain_by="a test")
        Worker.objects.filter(host_id=host.id).update(drain_by="")
        with host.acts():
            dispatch.cycle(self.workspace.pk)
        return Session.objects.get(entry=entry, status=Session.Status.CLAIMED, host_id=host.id)

    def config(self) -> configuration.Config:
        return configuration.load(self.workspace.executor.config)

    def supervise(self, host: Host, session: Session) -> Session:
        with host.acts():
            session_run.run(session.pk, session.attempt, host.heartbeat)
        session.refresh_from_db()
        return session

    def run(self, host: Host, entry: Entry | None = None, **draft: Any) -> Session:
        return self.supervise(host, self.claim(host, entry, **draft))

    def land(self, host: Host) -> None:
        with host.acts():
            branch.wake(self.workspace.pk)
            Service(host.heartbeat.worker).run_due()


def shown(remote: Path, name: str, ref: str = BRANCH) -> str | None:
    """A file at the remote. None: it has none of this name."""
    code, text, _ = try_git(remote, "show", f"{ref}:{name}")
    return text if code == 0 else None


def refs_of(remote: Path, prefix: str = "refs/") -> list[str]:
    return git(remote, "for-each-ref", "--format=%(refname)", prefix).split()
