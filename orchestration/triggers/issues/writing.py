"""Writes to issues: a comment once their entry is there, another one once it has landed, and then the issue is closed. Each once: a process that was killed
after a comment left its marker there."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.forges.shared.interface import ADVICE, ForgeError, Problem
from orchestration.forges.shared.issues import Issue, Tracker
from orchestration.models import Entry, Executor, IssueEntry
from orchestration.pull_requests import connecting
from orchestration.triggers.issues import keys
from workspaces.secrets import masking
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

LOOK_S = 180
"""After that another process may write: the first one was killed."""
MAX_AT_ONCE = 20
FIRST_PAUSE_S, MAX_PAUSE_S = 15, 86_400
OTHER_REPOSITORY = "other_repository"
OTHER_REPOSITORY_PAUSE = timedelta(days=1)
LANDED = [Entry.DoneBy.LANDED, Entry.DoneBy.MERGED, Entry.DoneBy.CHILDREN]
CLOCKS_DIFFER = timedelta(hours=1)


class OtherRepository(Exception):
    """The config's forge has another issue of this number."""


def run_due() -> None:
    """Write what is due, the oldest first."""
    ids = list(_due().order_by("at", "pk").values_list("pk", flat=True)[:MAX_AT_ONCE]) if _any_due.any() else []
    for id_ in ids:
        write(id_)


def write(entry_id: str) -> bool:
    """Write to the issue of this entry. False: nothing is due, or another process does it. Never raises for errors of the forge: it is tried again."""
    mine = IssueEntry.objects.filter(pk=entry_id)
    # Of the row alone: PostgreSQL checks such a condition again once another process has written, but none with a join.
    if not (_due().filter(pk=entry_id).exists() and mine.filter(_free()).update(look_until=Now() + timedelta(seconds=LOOK_S))):
        return False
    row = IssueEntry.objects.select_related("entry").get(pk=entry_id)
    try:
        config = connecting.config_of(row.workspace_id)
        with masking.hiding(secrets.mask_for(row.workspace_id, configuration.envs(config))):
            tracker = connecting.tracker_of(row.workspace_id, config)
            _write(row, tracker, _issue(row, config, tracker))
        mine.update(problem="", failures=0, retry_at=None)
    except OtherRepository:
        mine.update(problem=OTHER_REPOSITORY, failures=0, retry_at=Now() + OTHER_REPOSITORY_PAUSE)
    except ForgeError as error:
        _note_failure(row, error)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        log.exception("issue.crashed", entry=entry_id)
        _note_failure(row, ForgeError(Problem.INVALID, "Muster could not make use of the forge's answer"))
    finally:
        mine.update(look_until=None)
    return True


def problem_of(row: IssueEntry) -> str:
    """The reason why Muster does not write to the issue, as a sentence with what to do; empty: there is none."""
    if row.problem == OTHER_REPOSITORY:
        return (
            "The config's forge names another repository than the issue's, and Muster writes nothing there. "
            "Name the issue's repository in the config again, or answer the issue yourself."
        )
    return f"Muster could not write to the issue, and tries again. {ADVICE[Problem(row.problem)]}." if row.problem else ""


def _due() -> QuerySet[IssueEntry]:
    """A restored copy of the database writes nothing: it is stopped."""
    landed = Q(closed_at__isnull=True, entry__status=Entry.Status.DONE, entry__done_way__in=LANDED)
    allowed = Q(retry_at__isnull=True) | Q(retry_at__lt=Now())
    started = ~Q(workspace__executor__state=Executor.State.STOPPED)
    alive = {"workspace__deleted_at__isnull": True, "entry__deleted_at__isnull": True}
    return IssueEntry.objects.filter(Q(commented_at__isnull=True) | landed, _free(), allowed, started, **alive)


def _free() -> Q:
    return Q(look_until__isnull=True) | Q(look_until__lt=Now())


_any_due = StandingQuery(_due)


def _issue(row: IssueEntry, config: Config, tracker: Tracker) -> Issue:
    """The entry's issue. Raises OtherRepository where the one of its number is another."""
    if not (keys.is_of(row, config) and keys.is_same(row, issue := tracker.get(row.number))):
        raise OtherRepository
    return issue


def _write(row: IssueEntry, tracker: Tracker, issue: Issue) -> None:
    entry, mine = row.entry, IssueEntry.objects.filter(pk=row.pk)
    if row.commented_at is None:
        _comment(
            row, tracker, "added", f"Muster added entry #{entry.seq} for this issue{_link(entry)}. Its state: {entry.status}."
        )
        mine.update(commented_at=Now())
    if entry.status == Entry.Status.DONE and entry.done_way in LANDED and row.closed_at is None:
        commit = f" as {entry.done_commit[:12]}" if entry.done_commit else ""
        _comment(row, tracker, "landed", f"Entry #{entry.seq} has landed{commit}{_link(entry)}.")
        if issue.is_open:
            tracker.close(row.number)
        mine.update(closed_at=Now())


def _comment(row: IssueEntry, tracker: Tracker, name: str, text: str) -> None:
    marker = f"<!-- muster-{name}: {row.pk} -->"
    if not tracker.has_comment(row.number, marker, row.at - CLOCKS_DIFFER):
        tracker.comment(row.number, f"{text}\n\n{marker}")


def _link(entry: Entry) -> str:
    """Its page, where the server has an address that others can reach."""
    base = settings.BASE_URL if settings.BASE_URL.startswith("https://") else ""
    return f" ({base}/w/{entry.workspace_id}/backlog/{entry.pk}/)" if base else ""


def _note_failure(row: IssueEntry, error: ForgeError) -> None:
    pause = min(FIRST_PAUSE_S * 2 ** min(row.failures, 20), MAX_PAUSE_S)
    IssueEntry.objects.filter(pk=row.pk).update(
        problem=error.problem, retry_at=error.until or now() + timedelta(seconds=pause), failures=F("failures") + 1
    )
    log.warning("issue.failed", entry=row.pk, problem=str(error.problem), error=error.detail[:200])
