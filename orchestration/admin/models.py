"""Entries, on the admin site changed by the verbs of `backlog`, and history whose columns are computed."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest

from budget.admin.amounts import column
from budget.models import Account, Project
from orchestration.admin.fixes import MarkFailed, ReleaseLocks, Requeue, TakeOff
from orchestration.backlog import entry_actions, entry_edits
from orchestration.backlog.files import orphans
from orchestration.models import Dependency, Entry, Executor, FileLock, Session, Worker
from workspaces.access import Caller
from workspaces.admin.base import Editable, ReadOnly, in_use, link
from workspaces.models import Workspace


def _workspace_in_use(obj: Any) -> str:
    count = Session.objects.filter(workspace_id=obj.pk, status__in=Session.OPEN).count()
    return f"In use: {count} open session(s). A change here applies to them when they next read it." if count else ""


def _entry_in_use(obj: Any) -> str:
    session = Session.objects.filter(entry_id=obj.pk, status__in=Session.OPEN).first()
    if session is None:
        return ""
    return (
        f"In use: session {session.pk} is open ({session.phase}). A change does not stop it and applies from the next session on."
    )


in_use.update({Workspace: _workspace_in_use, Project: _workspace_in_use, Executor: _workspace_in_use})
in_use.update({Entry: _entry_in_use, Account: _entry_in_use})


class NamedValues(admin.AllValuesFieldListFilter):
    """The values in use; the empty one is shown as "none", so that it can be clicked."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or "none"}


@admin.register(Entry)
class EntryAdmin(Editable):
    list_display = [
        "seq",
        "headline",
        "status",
        "reason_code",
        "priority",
        "rounds",
        "score",
        column("account__budget"),
        column("account__spent"),
        "unmet_dependencies",
        "parked",
        "workspace",
        "updated_at",
    ]
    list_display_links = ["seq", "headline"]
    list_filter = [
        "status",
        ("reason_code", NamedValues),
        "priority",
        "parallelizable",
        ("deleted_at", admin.EmptyFieldListFilter),
        "workspace",
    ]
    list_select_related = ["workspace", "account", "parked_behind"]
    list_defer = ["spec", "paths", "parked_behind__content", "parked_behind__spec", "parked_behind__paths"]
    search_fields = ["=id", "=seq", "content", "parallel_group", "assigned_to"]
    ordering = ["workspace", "-seq"]
    fieldsets = [
        (None, {"fields": ["id", "workspace", "seq", "type", "content", "status", "reason_code", "reason_message", "reason_at"]}),
        ("What may change", {"fields": ["priority", "budget_rounds", "parallelizable", "parallel_group", "assigned_to"]}),
        ("Money", {"fields": ["account", column("account__budget"), column("account__spent"), column("account__held")]}),
        ("Work", {"fields": ["rounds_completed", "score", "next_work", "has_rounds", "attempts", "crashes", "branch"]}),
        (
            "Waiting",
            {
                "fields": [
                    "unmet_dependencies",
                    "parked_behind",
                    "not_before",
                    "provider_waits",
                    "paths",
                    "taken_paths",
                    "requires",
                ]
            },
        ),
        (
            "Done",
            {
                "fields": ["done_way", "done_commit", "done_round", "done_pull_request", "done_by", "done_reason", "done_at"],
                "classes": ["collapse"],
            },
        ),
        ("Host", {"fields": ["host_id", "is_shared", "host_away_at"], "classes": ["collapse"]}),
        ("Split", {"fields": ["parent", "depth", "is_container", "before_split"], "classes": ["collapse"]}),
        ("Spec", {"fields": ["spec", "spec_frozen"], "classes": ["collapse"]}),
        ("Plan", {"fields": ["group", "source_plan", "source_id", "source_path"], "classes": ["collapse"]}),
        ("Record", {"fields": ["created_by", "created_at", "updated_at", "deleted_at"]}),
    ]
    editable = ["priority", "budget_rounds", "parallelizable", "parallel_group", "assigned_to"]
    actions = [Requeue(), MarkFailed(), TakeOff()]

    @admin.display(description="title", ordering="content")
    def headline(self, entry: Entry) -> str:
        return entry.title

    @admin.display(description="rounds", ordering="rounds_completed")
    def rounds(self, entry: Entry) -> str:
        return f"{entry.rounds_completed} of {entry.budget_rounds}"

    @admin.display(description="waits for the files of", ordering="parked_behind", empty_value="-")
    def parked(self, entry: Entry) -> Any:
        return link(entry.parked_behind, f"#{entry.parked_behind.seq}") if entry.parked_behind else None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or (obj.deleted_at is None and obj.workspace.deleted_at is None)

    def carry_out(self, obj: Entry, form: Any, *, by: Caller, reason: str) -> None:
        given, changed = form.cleaned_data, set(form.changed_data)
        if "priority" in changed:
            entry_actions.set_priority(obj, Entry.Priority(given["priority"]), by=by, reason=reason)
        if "budget_rounds" in changed:
            entry_edits.set_rounds(obj, given["budget_rounds"], by=by, reason=reason)
        if "assigned_to" in changed:
            entry_edits.assign(obj, given["assigned_to"], by=by, reason=reason)
        if both := changed & {"parallelizable", "parallel_group"}:
            entry_edits.set_parallel(obj, **{name: given[name] for name in both}, by=by, reason=reason)


@admin.register(Dependency)
class DependencyAdmin(ReadOnly):
    list_display = ["id", "entry", "depends_on", "is_met"]
    list_select_related = ["entry", "depends_on"]
    list_filter = [("entry__workspace", admin.RelatedFieldListFilter)]
    search_fields = ["=entry__id", "=depends_on__id"]
    search_help_text = "An entry's id."
    ordering = ["-id"]

    @admin.display(boolean=True, description="met")
    def is_met(self, dependency: Dependency) -> bool:
        return dependency.depends_on.status == Entry.Status.DONE


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = ["id", "queue", "host", "version", "pid", "slots", "open_sessions", "started_at", "seen_at"]
    list_filter = ["queue", "version", "host"]
    search_fields = ["=id", "host", "=pid"]
    ordering = ["-seen_at", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        open_sessions = Session.objects.filter(worker=OuterRef("pk"), status__in=Session.OPEN).order_by().values("worker")
        workers: QuerySet[Worker] = super().get_queryset(request)
        return workers.annotate(at_work=open_sessions.annotate(n=Count("pk")).values("n"))

    @admin.display(description="open sessions", ordering="at_work")
    def open_sessions(self, worker: Any) -> int:
        return worker.at_work or 0


@admin.register(FileLock)
class FileLockAdmin(ReadOnly):
    list_display = ["path", "entry", "state", "waiting", "acquired_at", "workspace"]
    list_filter = ["acquired_at", "entry__status", "workspace"]
    list_select_related = ["entry", "workspace"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["path", "=entry__id"]
    ordering = ["workspace", "path", "id"]
    fields = ["path", "entry", "state", "waiting", "acquired_at", "workspace"]
    actions = [ReleaseLocks()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FileLock]:
        open_sessions = Session.objects.filter(entry=OuterRef("entry"), status__in=Session.OPEN)
        parked = Entry.objects.filter(parked_behind=OuterRef("entry")).order_by().values("parked_behind")
        locks: QuerySet[FileLock] = super().get_queryset(request)
        return locks.annotate(is_open=Exists(open_sessions), parked=parked.annotate(n=Count("pk")).values("n"))

    @admin.display(description="state")
    def state(self, lock: Any) -> str:
        why = orphans.reason_kept(lock.entry, is_open=lock.is_open)
        return "⚠ orphan" if not why else "◼ in progress" if lock.is_open else "◼ between rounds"

    @admin.display(description="entries waiting", ordering="parked")
    def waiting(self, lock: Any) -> int:
        return lock.parked or 0
