"""The page of locks: path, holder and age, waiting entries, and the release of orphaned locks."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from budget.reads import csv_export
from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import RequiredReasonForm, validated
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.lists.head import Head, first_of
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import confirm, done
from orchestration.backlog.files import orphans
from orchestration.backlog.rules import graph
from orchestration.edge import queries
from orchestration.models import Entry, FileLock, Session
from workspaces.access import Need
from workspaces.errors import Invalid

MAX_LOCKS = 500
MAX_WAITING = 500
UNLIMITED = 1_000_000
HEAD = ["path", "state", "entry_id", "entry", "held_since", "session_id", "lease_until", "waiting"]


class Filter(forms.Form):
    state = forms.ChoiceField(choices=[("", ""), *((name, "") for name in ("held", "waiting", "orphan"))], required=False)
    path = forms.CharField(max_length=300, required=False)
    entry = forms.RegexField(r"^#?[0-9]{1,15}$|^entry_[A-Za-z0-9_-]{1,40}$", required=False)


@dataclass
class Row:
    """A locked path. `kept`: held between two rounds, without an open session."""

    lock: FileLock
    entry: Entry
    session: Session | None
    is_orphan: bool
    waiting: list[Entry] = field(default_factory=list)

    @property
    def state(self) -> str:
        return "orphan" if self.is_orphan else "unknown" if self.is_unknown else "held"

    @property
    def is_unknown(self) -> bool:
        """Its session has been silent for longer than a lease: the tick ends it once it is proven dead."""
        until = self.session.lease_until if self.session else None
        return until is not None and until < now()

    @property
    def kept(self) -> bool:
        return self.session is None and not self.is_orphan


@dataclass(frozen=True)
class LockList:
    """The matching rows and their number, the number of all locks and of orphans, and the entries that wait for a lock."""

    rows: list[Row]
    matching: int
    total: int
    orphans: int
    waiters: Head[Entry]


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    if page_request.request.GET.get("format") == "csv":
        return csv_export.respond(
            "locks", HEAD, map(_line, _rows(page_request, filters.read(Filter, page_request)[0], most=UNLIMITED).rows)
        )
    regions = {
        "headline": Region("locks/list.html#headline", lambda page_request: {"locked": page_request.counted("locked_paths")}),
        "locks": Region("locks/list.html#locks", locks_region),
    }
    return render_page(page_request, "locks/list.html", HEADER | regions)


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def release(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """Release orphaned locks, with a reason. Raises Invalid if the entry still needs them: a live session is ended first."""
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    if why := orphans.reason_kept(entry, is_open=bool(orphans.with_open_session([entry.pk]))):
        raise Invalid(why, "entryID")
    if not entry.locks.exists():
        raise Invalid(f"#{entry.seq} has no locked paths: there is nothing to release", "entryID")
    held_paths = list(FileLock.objects.filter(entry=entry).order_by("path").values_list("path", flat=True))
    reason = validated(RequiredReasonForm(page_request.request.POST))["reason"] if page_request.request.method == "POST" else ""
    if not confirmation.is_confirmed(page_request, "release-locks", f"{entry.pk} {len(held_paths)}"):
        return confirm(
            page_request,
            title=f"Release {_paths(len(held_paths))} of #{entry.seq}",
            sentence=f"#{entry.seq} {entry.title} is {entry.status} and has no open session. Entries that wait for these paths may start at once, and an "
            "agent process that still runs could write to files that another agent changes. Unmerged work stays on its branch.",
            points=held_paths[:12],
            button=f"Release {_paths(len(held_paths))}",
            action=reverse("locks-release", args=[page_request.workspace.pk, entry.pk]),
            fields={
                "confirm": confirmation.token(page_request, "release-locks", f"{entry.pk} {len(held_paths)}"),
                "reason": reason,
            },
        )
    freed = orphans.release(entry.pk, by=page_request.caller, reason=reason)
    return done(page_request, f"{_paths(freed)} of #{entry.seq} {'is' if freed == 1 else 'are'} free")


def locks_region(page_request: PageRequest) -> dict[str, Any]:
    """Five queries, whatever the number of locks."""
    chosen, ignored = filters.read(Filter, page_request)
    lock_list = _rows(page_request, chosen, most=MAX_LOCKS)
    rows, waiters = lock_list.rows, lock_list.waiters
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        folder, slash, _ = row.lock.path.rstrip("/").rpartition("/")
        groups[folder + slash].append(row)
    longest = min(waiters, key=_waits_since, default=None)
    return {
        "groups": sorted(groups.items()),
        "total": lock_list.total,
        "shown": len(rows),
        "matching": lock_list.matching,
        "orphans": lock_list.orphans,
        "waiting_entries": waiters.total,
        "longest": longest,
        "longest_since": _waits_since(longest) if longest else None,
        "cycle": _cycle(waiters),
        "chosen": chosen,
        "ignored": ignored,
        "filtered": any(chosen.values()),
        "query": filters.query(page_request),
        "states": [
            (name, words, filters.query(page_request, state=name))
            for name, words in (("", "All"), ("held", "Locked"), ("waiting", "Waited for"), ("orphan", "Orphans"))
        ],
    }


def _rows(page_request: PageRequest, chosen: dict[str, Any], *, most: int) -> LockList:
    queryset = FileLock.objects.filter(workspace=page_request.workspace).select_related("entry")
    total, orphan_locks = queryset.count(), orphans.filter_orphans(queryset)
    orphaned = orphan_locks.count()
    if chosen["state"] in ("held", "orphan"):
        queryset = orphan_locks if chosen["state"] == "orphan" else queryset.exclude(pk__in=orphan_locks.values("pk"))
    if chosen["state"] == "waiting":
        parked_behind = Entry.objects.filter(parked_behind__isnull=False, deleted_at__isnull=True)
        queryset = queryset.filter(entry__in=parked_behind.filter(workspace=page_request.workspace).values("parked_behind"))
    if chosen["path"]:
        queryset = queryset.filter(path__icontains=chosen["path"])
    if entry_name := chosen["entry"]:
        queryset = (
            queryset.filter(entry_id=entry_name)
            if entry_name.startswith("entry_")
            else queryset.filter(entry__seq=int(entry_name.removeprefix("#")))
        )
    locks = first_of(queryset.order_by("path"), most)
    sessions = {
        s.entry_id: s
        for s in Session.objects.filter(workspace=page_request.workspace, status__in=Session.OPEN).select_related("worker")
    }
    parked = Entry.objects.filter(
        workspace=page_request.workspace, status=Entry.Status.PENDING, parked_behind__isnull=False, deleted_at__isnull=True
    )
    waiters = first_of(parked.order_by("reason_at", "seq"), max(most, MAX_WAITING))
    behind: dict[str, list[Entry]] = defaultdict(list)
    for entry in waiters:
        behind[entry.parked_behind_id or ""].append(entry)
    rows = [_row(lock, sessions.get(lock.entry_id), behind.get(lock.entry_id, [])) for lock in locks]
    if chosen["state"] == "waiting":  # only the paths with a waiting entry
        rows = [row for row in rows if row.waiting]
    return LockList(rows, locks.total, total, orphaned, waiters)


def _row(lock: FileLock, session: Session | None, behind: list[Entry]) -> Row:
    is_orphan = not orphans.reason_kept(lock.entry, is_open=session is not None)
    return Row(lock, lock.entry, session, is_orphan, [entry for entry in behind if _wants(entry, lock.path)])


def _waits_since(entry: Entry) -> datetime:
    """Since when it is parked; later edits of the entry do not count."""
    return entry.reason_at or entry.updated_at


def _wants(entry: Entry, path: str) -> bool:
    """True if one of the entry's paths equals, contains or is inside this one."""
    mine = path.rstrip("/")
    return any(
        (want := other.rstrip("/")) == mine or want.startswith(mine + "/") or mine.startswith(want + "/")
        for other in entry.paths_to_lock
    )


def _cycle(waiters: list[Entry]) -> list[Entry]:
    """Entries that wait for each other in a cycle: claims cannot cause it, only a wrong manual repair."""
    by_id = {entry.pk: entry for entry in waiters}
    loop = graph.cycle({entry.pk: [entry.parked_behind_id or ""] for entry in waiters})
    return [by_id[id_] for id_ in loop or [] if id_ in by_id]


def _line(row: Row) -> Iterator[Any]:
    session: Session | None = row.session
    until: datetime | None = session.lease_until if session else None
    yield from (row.lock.path, row.state, row.entry.pk, f"#{row.entry.seq}", row.lock.acquired_at)
    yield from (session.pk if session else None, until, " ".join(f"#{entry.seq}" for entry in row.waiting))


def _paths(n: int) -> str:
    return f"{n} {'path' if n == 1 else 'paths'}"
