"""Adding and deleting entries. Each change locks the executor's row first, so that counters never race."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F

from budget.models import Account, Project
from orchestration import configuration, funding
from orchestration.backlog import deletion, entry_state
from orchestration.backlog.entry_actions import SomeRefuse
from orchestration.backlog.fields import FIELDS
from orchestration.backlog.fields import PRIORITIES as PRIORITIES
from orchestration.backlog.fields import Draft as Draft
from orchestration.backlog.files import paths
from orchestration.backlog.rules import graph
from orchestration.backlog.rules.transitions import NO_MONEY_LEFT, Next, too_little
from orchestration.configuration import entry_routes
from orchestration.facts import events
from orchestration.facts.reasons import WITHOUT_MONEY, Reason
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry, Executor
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid
from workspaces.values import ids

MAX_AT_ONCE = 1000


def add(
    workspace_id: str,
    drafts: Sequence[Draft],
    *,
    by: Caller,
    idempotency_key: str = "",
    under: Entry | None = None,
    blocks_poor: bool = False,
) -> list[Entry]:
    """Add entries, all or none. Raises Invalid for a cycle (naming it), an unknown dependency, a repeated ref or a bad path.

    `idempotency_key`: a repeated call with the same key adds nothing and returns the entries of the first call. `under`: the entry that
    is split into these. `blocks_poor`: one whose own budget pays no round is blocked at once; otherwise a cycle blocks it."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace_id)
        if idempotency_key and (before := find_added(workspace_id, idempotency_key)):
            return before
        project = Project.objects.get(pk=workspace_id)
        config = configuration.load(executor.config)
        drafts = [replace(draft, agent=named_agent(config, draft.agent)) for draft in drafts]
        routes = [entry_routes.checked(config, draft.route) for draft in drafts]
        created = [_entry(workspace_id, executor.last_seq + n, draft, by) for n, draft in enumerate(drafts, start=1)]
        for entry in created if under else ():
            entry.parent, entry.depth = under, under.depth + 1 if under else 0
        for entry, route in zip(created, routes, strict=True):
            entry.route = route
            entry_routes.set_next_agent(entry, config)
        for n, entry in enumerate(created if idempotency_key else ()):
            entry.pk = entry.account_id = _id_once(workspace_id, idempotency_key, n)
        dependencies = _resolve(workspace_id, drafts, created)
        _count_unmet(created, dependencies)
        _open_accounts(project, list(zip(created, drafts, strict=True)), config, blocks_poor=blocks_poor)
        Entry.objects.bulk_create(created)
        Dependency.objects.bulk_create(
            Dependency(entry_id=waiting, depends_on_id=other) for waiting, others in dependencies.items() for other in others
        )
        Executor.objects.filter(pk=workspace_id).update(last_seq=F("last_seq") + len(created))
        activity.record(workspace_id, _added(created), by=by)
        entry_state.record_halted(
            *(entry for entry in created if entry.reason_code not in WITHOUT_MONEY)
        )  # `entries.added` counts those without money
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "budget")
    return created


def _count_unmet(created: Sequence[Entry], dependencies: Mapping[str, Sequence[str]]) -> None:
    """Count what each new entry waits for; one behind a failed entry is blocked."""
    known = {entry.pk: entry for entry in created}
    outside = {e.pk: e for e in Entry.objects.filter(pk__in={d for ds in dependencies.values() for d in ds} - known.keys())}
    for entry in created:
        before = [known.get(id_) or outside[id_] for id_ in dependencies[entry.pk]]
        entry.unmet_dependencies = sum(not other.is_met for other in before)
        if failed := next((o for o in before if o.status == Entry.Status.FAILED), None):
            entry_state.set_state(entry, Next("blocked", Reason.DEPENDENCY_FAILED, f"#{failed.seq} {failed.title} failed"[:500]))


def find_added(workspace_id: str, idempotency_key: str) -> list[Entry]:
    """The entries added with this key, including deleted ones."""
    first = Entry.objects.filter(workspace_id=workspace_id, pk=_id_once(workspace_id, idempotency_key, 0)).exists()
    ids_ = [_id_once(workspace_id, idempotency_key, n) for n in range(MAX_AT_ONCE)] if first else []
    return list(Entry.objects.filter(workspace_id=workspace_id, pk__in=ids_).order_by("seq"))


def _id_once(workspace_id: str, idempotency_key: str, n: int) -> str:
    return ids.entry_for(f"{workspace_id}:{idempotency_key}:{n}")


def delete(entry: Entry, *, by: Caller, reason: str = "") -> None:
    """Remove an entry from the backlog. Raises Invalid while it runs or others depend on it."""
    try:
        deletion.delete_all([entry], by=by, reason=reason)
    except SomeRefuse as refused:
        raise Invalid(refused.message, "entryID") from None


def named_agent(config: configuration.Config, name: str) -> str:
    """The name as entries keep it: empty for the usual agent, also where it is called default. Raises Invalid for one that the config does
    not have."""
    name = "" if name == configuration.DEFAULT else name
    if name not in config.by_name:
        known = ", ".join([configuration.DEFAULT, *config.agents])
        raise Invalid(f"The config has no agent {name[:63]!r}. It has: {known}", "agent")
    return name


def spec_paths(spec: dict[str, Any]) -> list[str]:
    """The paths that an entry with this spec locks. Raises Invalid for a bad path."""
    listed: list[str] = []
    for key in ("files_to_create", "files_to_modify", "test_files"):
        for path in spec.get(key) or []:
            try:
                listed.append(paths.normalise(path))
            except paths.BadPath as bad:
                raise Invalid(f"{path!r}: {bad}"[:300], key) from None
    return paths.normalise_all(listed)


def _entry(workspace_id: str, seq: int, draft: Draft, by: Caller) -> Entry:
    entry = Entry(
        workspace_id=workspace_id,
        seq=seq,
        type=draft.type,
        spec=draft.spec,
        paths=spec_paths(draft.spec),
        **{name: each.stored(getattr(draft, name)) for name, each in FIELDS.items() if name != "route"},
        created_by=by.name,
        assigned_to=draft.assigned_to,
    )
    entry.account_id = entry.pk
    entry.branch_name = branch_name(seq, entry.title)
    if draft.budget_rounds is not None:
        entry.budget_rounds = draft.budget_rounds
    return entry


def branch_name(seq: int, title: str) -> str:
    """A readable branch: the entry's number, and the first words of its title."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    slug = words[:40].rsplit("-", 1)[0] if len(words) > 40 and "-" in words[:40] else words[:40]
    return f"muster/{seq}-{slug}" if slug else f"muster/{seq}"


def _added(created: Sequence[Entry]) -> events.EntriesAdded:
    """One event for all, also for entries without money: the response names those, and a notification each would be a flood."""
    poor = sum(entry.reason_code in WITHOUT_MONEY for entry in created)
    return events.EntriesAdded(count=len(created), entries=[entry.pk for entry in created[:50]], without_money=poor)


def _open_accounts(
    project: Project, created: Sequence[tuple[Entry, Draft]], config: configuration.Config, *, blocks_poor: bool
) -> None:
    """An account for each entry: its own budget, or a share of the unallocated plan. Once the plan is spent, an entry without a budget is
    blocked until money comes."""
    promised = sum(draft.budget or 0 for _, draft in created)
    shares = funding.shares_for_new(
        project, [entry for entry, draft in created if draft.budget is None], config, promised=promised
    )
    needed = max(config.min_round, 1)
    is_spent = project.plan_left < needed
    for entry, draft in created:
        if entry.status != Entry.Status.PENDING or entry.unmet_dependencies:
            continue
        if is_spent and draft.budget is None:
            entry_state.set_state(entry, Next("blocked", Reason.PROJECT_BUDGET_EXCEEDED, NO_MONEY_LEFT))
        elif blocks_poor and draft.budget is not None and draft.budget < needed:
            entry_state.set_state(entry, Next("blocked", Reason.BUDGET_EXCEEDED, too_little(draft.budget, needed)))
    budgets = {entry.pk: shares.get(entry.pk, 0) if draft.budget is None else draft.budget for entry, draft in created}
    Account.objects.bulk_create(
        Account(
            id=entry.pk,
            project=project,
            budget=budgets[entry.pk],
            opened_with=budgets[entry.pk],
            own_budget=draft.budget is not None,
        )
        for entry, draft in created
    )


def _resolve(workspace_id: str, drafts: Sequence[Draft], created: Sequence[Entry]) -> dict[str, list[str]]:
    """Entry id to the ids it depends on. Raises Invalid for an unknown entry, a repeated ref or a cycle."""
    by_ref: dict[str, str] = {}
    for draft, entry in zip(drafts, created, strict=True):
        if draft.ref and draft.ref in by_ref:
            raise Invalid(f"The ref {draft.ref!r} is used twice", "ref")
        if draft.ref:
            by_ref[draft.ref] = entry.pk
    named = {name for draft in drafts for name in draft.depends_on} - by_ref.keys()
    real = set(
        Entry.objects.filter(workspace_id=workspace_id, pk__in=named, deleted_at__isnull=True).values_list("pk", flat=True)
    )
    if missing := sorted(named - real):
        raise Invalid(f"Unknown entry or ref: {missing[0][:100]!r}", "depends_on")
    dependencies = {
        entry.pk: list(dict.fromkeys(by_ref.get(name, name) for name in draft.depends_on))
        for draft, entry in zip(drafts, created, strict=True)
    }
    if loop := graph.cycle(dependencies):
        names = {entry.pk: draft.ref or entry.title for draft, entry in zip(drafts, created, strict=True)}
        raise Invalid("Dependency cycle: " + " -> ".join(names.get(id_, id_) for id_ in loop), "depends_on")
    return dependencies
