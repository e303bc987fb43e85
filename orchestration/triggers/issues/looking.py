"""Looks at the issues of triggers. The control worker calls it at every tick; a webhook of the forge only makes a trigger due."""

import threading
import time
from collections import OrderedDict
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration import configuration
from orchestration.configuration import Config, secrets
from orchestration.forges.shared.interface import ForgeError, Problem
from orchestration.forges.shared.issues import Issue, LabelEvent, Tracker
from orchestration.forges.shared.values import moment
from orchestration.models import Executor, Firing, IssueEntry, Trigger
from orchestration.pull_requests import connecting
from orchestration.triggers import deciding, firing
from orchestration.triggers.firing import FromOutside
from orchestration.triggers.issues import edits, keys
from workspaces.secrets import masking
from workspaces.values.standing_query import StandingQuery

log = structlog.get_logger(__name__)

EVERY_S = 60
"""The safety net behind webhooks. A process that is killed while it looks leaves it to the next look."""
SETTLED_S, MAX_QUIET_S = 150, 3600
"""An issue that has not changed is looked at until no later change can have the same time, and then once an hour."""
MAX_KNOWN = 10_000
FIRST_PAUSE_S, MAX_PAUSE_S = 15, 900
CLOCKS_DIFFER = timedelta(minutes=1)

_seen: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()
_seen_lock = threading.Lock()
"""By trigger, label and issue: its time of change, and since when this process knows it. Another process asks once more."""


def run_due() -> None:
    """Look at the issues of each trigger that is due. Two workers may do so at the same time."""
    for row in list(_due().order_by("next_due", "pk")) if _any_due.any() else ():
        look(row.pk)


def wake(workspace_id: str) -> None:
    """A webhook was posted. One that waits for the forge goes on waiting."""
    Trigger.objects.filter(
        workspace_id=workspace_id, kind=Trigger.Kind.ISSUE, next_due__isnull=False, problem="", deleted_at__isnull=True
    ).update(next_due=Now())


def look(trigger_id: str) -> bool:
    """Look once. False: it is not due. Never raises for errors of the forge: they are shown, and it is tried again. Where the config lacks something, which
    pages show by themselves, the next look is not later than usual."""
    if not _due().filter(pk=trigger_id).update(next_due=Now() + timedelta(seconds=EVERY_S)):
        return False
    row = Trigger.objects.get(pk=trigger_id)
    try:
        config = connecting.config_of(row.workspace_id)
        if not connecting.obstacle(row.workspace_id, config):
            with masking.hiding(secrets.mask_for(row.workspace_id, configuration.envs(config))):
                _look(row, config, connecting.tracker_of(row.workspace_id, config))
        Trigger.objects.filter(pk=row.pk).exclude(problem="", failures=0).update(problem="", message="", failures=0)
    except ForgeError as error:
        _note_failure(row, error)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:  # one that cannot be understood keeps no other waiting
        log.exception("trigger.crashed", trigger=row.pk)
        _note_failure(row, ForgeError(Problem.INVALID, "Muster could not make use of the forge's answer"))
    return True


def _due() -> QuerySet[Trigger]:
    """A restored copy of the database leaves its issues to the Muster that looks at them: it is stopped."""
    started = ~Q(workspace__executor__state=Executor.State.STOPPED)
    return Trigger.objects.filter(started, kind=Trigger.Kind.ISSUE, next_due__lte=Now(), workspace__deleted_at__isnull=True)


_any_due = StandingQuery(_due)


def _look(row: Trigger, config: Config, tracker: Tracker) -> None:
    """An issue whose labeller's rights are unknown keeps no other waiting."""
    problem: ForgeError | None = None
    assert row.watched_since is not None, "a constraint keeps it"
    since = row.watched_since - CLOCKS_DIFFER
    for issue in tracker.labelled(row.label, since):
        known = (row.pk, row.label, keys.key(issue.id, keys.source_of(config)))
        if moment({"at": issue.updated}, "at") < since or _is_quiet(known, issue):
            continue
        try:
            _look_at(row, config, tracker, issue, since)
            _note_seen(known, issue)
        except ForgeError as error:
            is_of_issue = bool(error.status) or error.problem == Problem.TOO_MANY
            if error.problem == Problem.RATE_LIMITED or not is_of_issue:  # it answers nothing else either
                raise
            problem = error
    if problem is not None:
        raise problem


def _look_at(row: Trigger, config: Config, tracker: Tracker, issue: Issue, since: datetime) -> None:
    event = tracker.label_event(issue.number, row.label, since)
    if event is None or event.at < since:
        return
    source = keys.source_of(config)
    key, issue_key = keys.key(event.id, source), keys.key(issue.id, source)
    if row.firings.filter(key=key).exists():
        edits.note(row.workspace_id, issue_key, issue)
        return
    if _has_fired_elsewhere(row, event, issue):
        return
    if refused := _refused(row, tracker, event):
        _skip(row, key, refused)
        return
    text, link = edits.text_of(issue), _link(issue.url)
    entry = IssueEntry(workspace_id=row.workspace_id, issue=issue_key, number=issue.number, url=link, text=text)
    firing.fire(row, key, now=now(), outside=FromOutside(text, f" (#{issue.number})", entry))


def _has_fired_elsewhere(row: Trigger, event: LabelEvent, issue: Issue) -> bool:
    """True if this event added an entry while the config had another name or address for the repository. Another one's event has hardly the same three numbers."""
    same = row.firings.filter(key__startswith=keys.key(event.id, ""), entry__issue__number=issue.number)
    return same.filter(entry__issue__issue__startswith=keys.key(issue.id, "")).exists()


def _refused(row: Trigger, tracker: Tracker, event: LabelEvent) -> tuple[str, str] | None:
    if not event.by.login:
        return deciding.refused_account("", "stranger", own="", ignored=())
    standing = tracker.standing(event.by)
    return deciding.refused_account(event.by.login, standing, own=tracker.own_login(), ignored=row.ignored_accounts)


def _skip(row: Trigger, key: str, refused: tuple[str, str]) -> Firing:
    with transaction.atomic():
        trigger = firing.locked(row)
        before = trigger.firings.filter(key=key).first()
        return before or firing.skip(trigger, key, *refused, now=now())


def _link(url: str) -> str:
    """Pages link to it: nothing but an address of the web."""
    return url[:500] if url.startswith(("https://", "http://")) else ""


def _is_quiet(key: tuple[str, str, str], issue: Issue) -> bool:
    with _seen_lock:
        updated, since = _seen.get(key, ("", 0.0))
    return updated == issue.updated and SETTLED_S < time.monotonic() - since < MAX_QUIET_S


def _note_seen(key: tuple[str, str, str], issue: Issue) -> None:
    at = time.monotonic()
    with _seen_lock:
        updated, since = _seen.get(key, ("", 0.0))
        if updated != issue.updated or at - since >= MAX_QUIET_S:
            _seen[key] = (issue.updated, at)
            _seen.move_to_end(key)
        while len(_seen) > MAX_KNOWN:
            _seen.popitem(last=False)


def _note_failure(row: Trigger, error: ForgeError) -> None:
    """Show it, and try again: when the forge allows it, else after a pause that grows."""
    pause = min(FIRST_PAUSE_S * 2 ** min(row.failures, 10), MAX_PAUSE_S)
    watched = Trigger.objects.filter(pk=row.pk, next_due__isnull=False)
    watched.update(next_due=error.until or now() + timedelta(seconds=pause))
    Trigger.objects.filter(pk=row.pk).update(problem=error.problem, message=str(error)[:500], failures=F("failures") + 1)
    log.warning("trigger.forge_failed", trigger=row.pk, problem=str(error.problem), error=error.detail[:200])
