"""A workspace as it looks in the middle of its work, made through the same functions that the product uses. No git, no agent."""

import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from budget import amounts, ledger
from budget.limits import caps
from budget.models import Account, LedgerEntry
from orchestration import configuration, sessions
from orchestration.backlog import entries, entry_actions, entry_edits
from orchestration.backlog.rules import ways
from orchestration.executor import control, dispatch
from orchestration.facts.events import WorkspaceCreated
from orchestration.models import Entry, Executor, LogChunk, Session, Worker
from orchestration.sessions import rounds
from orchestration.sessions.ending import Verdict
from workspaces import activity
from workspaces.access import Caller
from workspaces.models import Membership, Role, Workspace

ANA = Caller("ana", user=object())
_keys = itertools.count()

TASKS = [
    ("Make parse_duration accept minutes and hours\n\n`2h 5m` must give 7500.", ["app/duration.py"], [], "high"),
    ("Reject negative prices in the order form", ["app/forms.py", "app/orders.py"], [], "medium"),
    ("Cache the exchange rates for ten minutes", ["app/rates.py"], [], "medium"),
    ("Write the CSV export of invoices", ["app/export/"], [], "medium"),
    ("Sort invoices by due date, then by number", ["app/export/csv.py"], [], "medium"),
    ("Send a reminder three days before an invoice is due", ["app/reminders.py"], ["1"], "medium"),
    ("Show <script>alert(1)</script> as text in customer names", ["app/forms.py"], [], "medium"),
    ("Retry a failed webhook with growing pauses", ["app/webhooks.py"], ["2", "3"], "low"),
    ("Round half to even in every total", ["app/totals.py"], [], "medium"),
    ("Remove the unused discount table", ["app/models.py"], [], "low"),
    ("Name the currency in the confirmation mail", ["app/mail.py"], [], "low"),
    ("Document the public functions of app/rates.py", ["docs/rates.md"], ["3"], "low"),
]


def user(name: str = "ana", *, role: str = "", workspace: Workspace | None = None) -> User:
    person, _ = User.objects.get_or_create(username=name, defaults={"is_superuser": not role, "is_staff": not role})
    if role and workspace:
        Membership.objects.update_or_create(user=person, workspace=workspace, defaults={"role": Role(role)})
    return person


def empty(name: str = "Invoices", *, cap: str = "20", budget: str = "25", **config: Any) -> Workspace:
    workspace = Workspace.objects.create(name=name, repo="/srv/git/invoices", base_branch="main", created_by="ana")
    caps.open_project(workspace.pk, total_budget=amounts.usd(budget), max_project_spend=amounts.usd(cap))
    stored = configuration.merged({}, {"max_workers": 3, "round_ceiling_usd": 2, **config})
    Executor.objects.create(workspace=workspace, config=configuration.stored(stored))
    activity.record(workspace.pk, WorkspaceCreated(name=name), by=ANA, object_id=workspace.pk)
    return workspace


def plenty(workspace: Workspace, number: int) -> list[Entry]:
    """Many entries: some depend, some share paths."""
    drafts = [
        entries.Draft(
            content=f"Entry {n} of many, with a title of a usual length",
            ref=str(n),
            budget=amounts.usd(1),
            spec={"files_to_modify": [f"src/part_{n % 37}.py"]},
            depends_on=(str(n - 1),) if n % 5 == 4 else (),
        )
        for n in range(number)
    ]
    return entries.add(workspace.pk, drafts, by=ANA)


def worker(slots: int = 8) -> Worker:
    fields = {"queue": "sessions", "host": "build-1", "boot_id": "boot", "pid": 4711, "started_ticks": 1, "slots": slots}
    row, _ = Worker.objects.update_or_create(id="sessions@build-1", defaults=fields | {"seen_at": Now()})
    return row


def tick() -> None:
    """A control worker that has just ticked."""
    fields = {"queue": "control", "host": "build-1", "boot_id": "boot", "pid": 4712, "started_ticks": 1, "slots": 1}
    Worker.objects.update_or_create(id="control@build-1", defaults=fields | {"seen_at": Now(), "ticked_at": Now()})


def busy(name: str = "Invoices", costs: Sequence[str] = ("0.74", "0.052", "1.9")) -> Workspace:
    """One of each: done, two rounds, failed, held, out of budget, waiting on locks and on others, three at work. `costs`: theirs; empty: nothing."""
    workspace = empty(name)
    created = entries.add(workspace.pk, [_draft(n, *task) for n, task in enumerate(TASKS)], by=ANA)
    worker()
    tick()
    control.start(workspace.pk, by=ANA)
    by_seq = {entry.seq: entry for entry in created}
    _until_done(workspace, by_seq[1], [(0.4, "0.31"), (1.0, "0.2874")])
    _until_done(workspace, by_seq[9], [(1.0, "0.0032")])
    entry_actions.put_on_hold(fresh(by_seq[10]), by=ANA, reason="the migration is not agreed yet")
    caps.edit(Account.objects.get(pk=by_seq[11].pk), amounts.usd("0.02"), by=ANA, reason="only a small change")
    entry_edits.set_rounds(fresh(by_seq[3]), 1, by=ANA)
    _until_done(workspace, by_seq[3], [(0.62, "1.1")])
    dispatch.cycle(workspace.pk)
    for number, session in enumerate(Session.objects.filter(workspace=workspace, status=Session.Status.CLAIMED).order_by("id")):
        run(session, cost=costs[number % 3], score=None)
        sessions.write(session, progress=["reading the failing tests", "", "running pytest"][number % 3])
    write_log(Session.objects.filter(workspace=workspace, status=Session.Status.RUNNING).order_by("id")[0], 40)
    return workspace


def fresh(entry: Entry) -> Entry:
    return Entry.objects.select_related("account", "workspace").get(pk=entry.pk)


def run(session: Session, *, cost: str, score: float | None, passed: bool = False) -> Session:
    """Take a claimed session through a round. With a score it ends; without, it is left at work."""
    taken = sessions.take(session.pk, attempt=session.attempt, worker=worker())
    assert taken is not None
    opened = rounds.begin(taken, base_commit="0" * 40)
    sessions.write(taken, round_number=opened.number, last_output_at=Now(), model="priced-model")
    sessions.enter(taken, Session.Phase.IMPLEMENTATION)
    if cost:
        spend(taken, cost)
    if score is not None:
        sessions.enter(taken, Session.Phase.VERIFICATION)
        check = {"name": "tests", "passed": passed, "score": score, "exit_code": 0 if passed else 1, "tail": "2 failed, 8 passed"}
        findings = [] if passed else ["tests: test_hours: expected 7500, got 300"]
        opened.summary, opened.diffstat = "Rewrote the parser.", {"files": 2, "insertions": 61, "deletions": 3}
        opened.save()
        verdict = Verdict(passed=passed, score=score, findings=findings, checks=[check])
        outcome = Session.Outcome.PASSED if passed else Session.Outcome.FAILED
        done = ways.nothing_to_do(round=opened.number) if passed else None
        message = "Verified and merged" if passed else "tests failed"
        sessions.conclude(taken, sessions.Ending(outcome, message, verdict=verdict, done=done))
    return taken


def spend(session: Session, cost: str) -> None:
    amount = amounts.usd(cost)
    what = ledger.Charge(f"seed:{next(_keys)}:{session.pk}", amount, LedgerEntry.PriceSource.REPORTED, reported=amount)
    ledger.charge(
        session.hold.project,
        what,
        account=session.hold.account,
        reservation=session.hold,
        session_ref=session.pk,
        round_number=session.round_number,
        actor="muster",
    )


def write_log(session: Session, lines: int, *, first: int = 1) -> None:
    text = [
        "\x1b[32mcollected 10 items\x1b[0m",
        "tests/test_duration.py ..F.......",
        "<img src=x onerror=alert(1)>",
        "E   assert 300 == 7500",
    ]
    shown = [[int(time.time() * 1000), "stdout" if n % 4 else "stderr", text[n % 4]] for n in range(lines)]
    LogChunk.objects.create(session=session, first_seq=first, lines=shown, size=sum(len(line[2]) for line in shown))


def _until_done(workspace: Workspace, entry: Entry, rounds: list[tuple[float, str]]) -> None:
    """Rounds of one entry, the others out of the way."""
    others = Entry.objects.filter(workspace=workspace).exclude(pk=entry.pk)
    pending = list(others.filter(status="pending").values_list("pk", flat=True))
    Entry.objects.filter(pk__in=pending).update(unmet_dependencies=100)
    for score, cost in rounds:
        dispatch.cycle(workspace.pk)
        run(Session.objects.get(entry=entry, status=Session.Status.CLAIMED), cost=cost, score=score, passed=score == 1)
    count_unmet(Entry.objects.filter(pk__in=pending))


def count_unmet(entries: QuerySet[Entry]) -> None:
    """Count anew the dependencies of each entry that are not done yet. Few statements, for every test of a page runs this."""
    unmet = Count("dependencies", filter=~Q(dependencies__depends_on__status="done"))
    alike: defaultdict[int, list[str]] = defaultdict(list)
    for pk, number in entries.annotate(unmet=unmet).values_list("pk", "unmet"):
        alike[number].append(pk)
    for number, pks in alike.items():
        Entry.objects.filter(pk__in=pks).update(unmet_dependencies=number)


def _draft(number: int, content: str, paths: list[str], depends_on: list[str], priority: str) -> entries.Draft:
    return entries.Draft(
        content=content,
        ref=str(number + 1),
        spec={"files_to_modify": paths, "acceptance_criteria": ["All tests pass", "No other file changes"]},
        depends_on=tuple(depends_on),
        priority=entries.PRIORITIES[priority],
    )
