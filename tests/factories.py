"""Factories with good defaults, for every test that needs a database."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models.functions import Now
from django.utils.timezone import now

from budget import ledger
from budget.amounts import usd
from budget.limits import caps
from budget.models import Category, LedgerEntry, Project, Review
from budget.reviews import drafting
from orchestration import configuration, sessions
from orchestration.backlog import entries
from orchestration.backlog.rules import ways
from orchestration.configuration import model_access
from orchestration.executor import dispatch
from orchestration.facts.events import EntryBlocked
from orchestration.models import Entry, Executor, ProviderBreaker, Session, Trigger, Worker
from orchestration.sessions import rounds
from orchestration.sessions.ending import Verdict
from orchestration.triggers import changes
from workspaces.access import Caller
from workspaces.models import Channel, Role, Workspace
from workspaces.notices import channels
from workspaces.people import tokens
from workspaces.values import ids

ANA = Caller("ana")
CLOSED = {"status": "done", "done_way": "closed", "done_by": "ana"}
"""The columns of an entry that a person has marked done."""


def a_workspace(
    *, cap: str = "100", budget: str = "100", state: str = "running", name: str = "Shop", repo: str = "/nowhere", **config: Any
) -> Workspace:
    """A workspace whose executor runs, with $100 to spend."""
    workspace = Workspace.objects.create(name=name, repo=repo, base_branch="main")
    caps.open_project(workspace.pk, total_budget=usd(budget), max_project_spend=usd(cap))
    Executor.objects.create(workspace=workspace, state=state, config={"max_workers": 4, **config})
    return workspace


def a_worker(*, slots: int = 100, queue: str = "sessions", host: str = "", **more: Any) -> Worker:
    """A session worker that is online. `host`: the id and the name of its host."""
    named = {"host": host, "host_id": host} if host else {"host": "here"}
    return Worker.objects.create(
        id=ids.session(), queue=queue, boot_id="boot", pid=1, started_ticks=1, slots=slots, seen_at=Now(), **named, **more
    )


def keep_alive() -> None:
    """All workers have been seen just now: a stage (tests/plugins/stages.py) may be half a lease old."""
    Worker.objects.update(seen_at=Now())
    Worker.objects.exclude(ticked_at=None).update(ticked_at=Now())


def some_entries(workspace: Workspace, *drafts: entries.Draft | str) -> list[Entry]:
    """Entries from drafts, or from their content alone."""
    all_drafts = [draft if isinstance(draft, entries.Draft) else entries.Draft(draft) for draft in drafts]
    return entries.add(workspace.pk, all_drafts, by=ANA)


def an_entry(workspace: Workspace, *, budget: str = "1", files: Sequence[str] = (), content: str = "Do it", **more: Any) -> Entry:
    """One entry with a budget of $1."""
    draft = entries.Draft(content, budget=usd(budget), spec={"files_to_modify": list(files)} if files else {}, **more)
    return entries.add(workspace.pk, [draft], by=ANA)[0]


def a_trigger(workspace: Workspace, *, now: datetime | None = None, **more: Any) -> Trigger:
    """A nightly one at 03:00 in Berlin, with $1 for each entry."""
    values = {"name": "Nightly", "schedule": "0 3 * * *", "time_zone": "Europe/Berlin", "firing_budget": usd(1)}
    return changes.create(workspace, values | {"template": {"content": "Update all", "priority": "low"}} | more, by=ANA, now=now)


def project(workspace: Workspace) -> Project:
    return Project.objects.get(pk=workspace.pk)


def sessions_of(workspace: Workspace) -> list[Session]:
    return list(Session.objects.filter(workspace=workspace, status__in=Session.OPEN).order_by("claimed_at", "id"))


def a_token(workspace: Workspace | None = None, role: str = Role.ADMIN) -> str:
    return tokens.create("test", role=role, workspace=workspace)


def a_channel(workspace: Workspace, name: str = "Team", *verbs: str) -> Channel:
    """An e-mail channel. Tests have no mail server, so a test message is not sent."""
    settings = channels.ChannelSettings(name=name, target="team@example.com", verbs=verbs or ["entry.blocked"])
    return channels.create(workspace, Channel.Kind.EMAIL, settings, by=ANA)[0]


def blocked_event(entry: str = "entry_1", code: str = "budget_exceeded") -> EntryBlocked:
    """The event of an entry that is out of money."""
    return EntryBlocked(code=code, entry=entry, seq=1, title="Do it")


def a_review(workspace: Workspace, *wishes: drafting.Wish, by: Caller | None = None, **more: Any) -> Review:
    """A draft over all time. Its author is the token of `a_token`, unless `by` is given."""
    draft = drafting.Draft("November", date(2020, 1, 1), date(2030, 12, 31), **more)
    return drafting.create(workspace.pk, draft, wishes, by=by or Caller("token:test"))


def an_open_breaker(
    workspace: Workspace, code: str = "auth", message: str = "No key.", name: str = "", **more: Any
) -> ProviderBreaker:
    """The provider of this agent of the config serves nobody. `name`: empty for the usual agent."""
    config = configuration.load(Executor.objects.get(pk=workspace.pk).config)
    access = model_access.of_agent(config.by_name[name], name, config, ())
    columns = {"credential": access.credential, "family": access.family, "since": now(), "until": now()} | more
    return ProviderBreaker.objects.create(workspace=workspace, code=code, message=message, count=3, **columns)


def a_session(entry: Entry) -> Session:
    """A running session of an entry with an open round, taken by a worker as in production."""
    worker = a_worker()
    dispatch.cycle(entry.workspace_id)
    claimed = Session.objects.get(entry=entry, status=Session.Status.CLAIMED)
    session = sessions.take(claimed.pk, attempt=claimed.attempt, worker=worker)
    assert session is not None
    opened = rounds.begin(session, base_commit="0" * 40)
    sessions.write(session, round_number=opened.number, phase=Session.Phase.IMPLEMENTATION)
    return session


def ended(session: Session, *, score: float = 0.5, outcome: str = "failed") -> Session:
    """The same session after its verdict."""
    verdict = Verdict(passed=outcome == "passed", score=score, findings=["a finding"])
    done = ways.nothing_to_do(round=session.round_number) if outcome == "passed" else None
    assert sessions.conclude(session, sessions.Ending(Session.Outcome(outcome), verdict=verdict, done=done))
    session.refresh_from_db()
    return session


def a_charge(
    entry: Entry | None,
    amount: str,
    *,
    category: str = "entry",
    round: int | None = 1,
    in_: Workspace | None = None,
    **more: Any,
) -> None:
    """Book a charge as a session does."""
    workspace = in_ or (entry.workspace if entry else None)
    assert workspace is not None
    charge = ledger.Charge(ids.session(), usd(amount), LedgerEntry.PriceSource.REPORTED, category=Category(category), **more)
    ledger.charge(project(workspace), charge, account=entry.account if entry else None, round_number=round, actor="agent")
