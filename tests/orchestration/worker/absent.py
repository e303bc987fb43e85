"""A session whose host went away, and what that host does when it is back: this process plays it."""

import json
import socket
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils.timezone import now

from budget.models import Account, Hold
from orchestration import configuration
from orchestration.executor import reconcile
from orchestration.maintenance import audit
from orchestration.models import Entry, Session, Worker
from orchestration.sessions.folders import session_dir
from orchestration.worker import reaper
from orchestration.worker.agent_run import journals
from tests.factories import a_session, a_workspace, an_entry, project
from workspaces.machine import hosts

AWAY = "build-3"


def a_lost_session(budget: str = "2", *, spent: str = "0.05", entry: Entry | None = None, **config: Any) -> Session:
    """Its host was last seen some minutes ago, and another one has ended it since."""
    session = a_session(entry or an_entry(a_workspace(**config), budget=budget))
    if spent:
        journal(session, ("1", spent))
        journals.book_journals(session, configuration.load(session.workspace.executor.config))
    long_ago = Now() - timedelta(minutes=2)
    Session.objects.filter(pk=session.pk).update(host=AWAY, host_id="host_3", lease_until=long_ago, boot_id="the boot before")
    Worker.objects.filter(pk=session.worker_id).update(seen_at=now() - timedelta(minutes=3), host=AWAY, host_id="host_3")
    assert reaper.reap() == 1
    session.refresh_from_db()
    assert session.outcome == "lost"
    return session


def journal(session: Session, *usages: tuple[str, str], ended: bool = False, kind: str = "implement") -> None:
    record = session_dir.for_session(session.pk).record_for(kind)
    record.journal.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"type": "usage", "id": id_, "cost_usd": float(cost)}) for id_, cost in usages)
    record.journal.write_text("".join(f"{line}\n" for line in lines))
    if ended:
        record.status.write_text(json.dumps({"cause": "exited", "exit_code": 0}))


def comes_back(session: Session) -> None:
    """This process is its host."""
    is_here(session)
    reaper.reap()


def is_here(session: Session) -> None:
    Session.of_any_role.filter(pk=session.pk).update(host=socket.gethostname(), host_id=hosts.host_id())


def money(session: Session) -> tuple[int, int]:
    """Spent and reserved, as the entry and the workspace count them; the ledger agrees."""
    account, whole = Account.objects.get(pk=session.entry_id), project(session.workspace)
    assert (account.spent, account.held) == (whole.entry_spent, whole.held)
    assert audit.check(session.workspace_id).wrong == []
    return account.spent, account.held


def in_an_hour(session: Session) -> None:
    its_time_is_over(session)
    reconcile.run()


def its_time_is_over(session: Session) -> None:
    Hold.objects.filter(pk=session.hold_id).update(awaits_until=now() - timedelta(seconds=1))
